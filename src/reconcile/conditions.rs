//! Conditions that a person must act on, for as long as they last. The Staff room is told of each.

use std::time::Duration;

use provisioner_policy::{SourceState, Standing};

use super::reconciler::Reconciler;

/// A source that fails for less is left to itself.
const SOURCE_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A room that cannot be read is looked at again within this.
const ROOM_PATIENCE: Duration = Duration::from_secs(10);

/// Something that lasts and that somebody must act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The same for as long as it is the same trouble.
    pub key: String,
    /// What it is, and the mend.
    pub text: String,
    /// How long it must last before anybody is told.
    pub patience: Duration,
}

impl Reconciler {
    /// What lasts now.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        let world = self.world();
        let mut conditions = Vec::new();
        for room in world.rooms() {
            let key = room.key(world);
            match &world.room(room).standing {
                Standing::Ready => {
                    if let Some(successor) = world.room(room).successor() {
                        conditions.push(Condition {
                            key: format!("tombstone {key}"),
                            text: format!(
                                "{key} was replaced by {successor}, and nothing is enforced in it any more. `follow {key}` moves \
                                 its policy to the new room; or put the new id into the configuration"
                            ),
                            patience: Duration::ZERO,
                        });
                    }
                }
                // While Synapse does not answer at all, every room is unreadable, and none of them is the trouble.
                Standing::Unreadable(why) if self.homeserver_trouble().is_none() => conditions.push(Condition {
                    key: format!("room {key}"),
                    text: format!("{key} cannot be read, and nothing is planned in it: {why}"),
                    patience: ROOM_PATIENCE,
                }),
                Standing::Unread | Standing::Unreadable(_) => {}
            }
        }
        for (source, state) in [("roster", &world.facts.roster), ("pool", &world.facts.pool)] {
            if let SourceState::Failing(why) = state {
                conditions.push(Condition {
                    key: format!("source {source}"),
                    text: format!("the {source} cannot be read, and nobody is removed for its sake: {why}"),
                    patience: SOURCE_PATIENCE,
                });
            }
        }
        conditions
    }
}
