//! Who may give commands, checked for each command with freshly read sources: a user of our server who is joined to the room
//! and matched by `commands.allow`.

use provisioner_policy::{Membership, Permission};

use crate::commands::room::desk::Desk;
use crate::reconcile::{ActionGate, Freshness, NotLeader};

/// Why the sender may not give commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    /// `commands.allow` does not match them.
    NotAllowed,
    /// Not in the room.
    NotJoined,
    /// A source that decides it cannot be read now.
    Unsure(String),
}

impl NotAdmitted {
    /// For the sender.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::NotAllowed => {
                "You may not give me commands: commands.allow in the configuration does not name you.".to_owned()
            }
            Self::NotJoined => "Only members of this room may give me commands.".to_owned(),
            // The reason is only for people who may read the ledger.
            Self::Unsure(_) => {
                "Whether you may give me commands cannot be checked now, because a source does not answer. \
                                The command line works meanwhile."
                    .to_owned()
            }
        }
    }

    /// For the ledger.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::NotAllowed => "refused: commands.allow does not match the sender".to_owned(),
            Self::NotJoined => "refused: the sender is not in the room".to_owned(),
            Self::Unsure(why) => format!("refused: {why}"),
        }
    }
}

impl Desk {
    /// Whether `sender` may give commands now. While the gate is kept, the service does not act on what was read to answer this.
    pub(crate) async fn admits(&self, sender: &str) -> Result<(Result<(), NotAdmitted>, ActionGate), NotLeader> {
        let refreshed = self.refresh_groups().await.map_err(|error| NotAdmitted::Unsure(format!("{error:#}")));
        let (sender, staff) = (sender.to_owned(), self.staff.room_id.clone());
        self.reconciler
            .query_gated(Freshness::Now, move |reconciler| {
                refreshed?;
                let world = reconciler.world();
                let user = world.users.get(&sender).ok_or(NotAdmitted::NotAllowed)?;
                match world.may_command(user) {
                    Permission::Granted => {}
                    Permission::Denied => return Err(NotAdmitted::NotAllowed),
                    Permission::Unsure(freeze) => return Err(NotAdmitted::Unsure(freeze.to_string())),
                }
                let joined =
                    world.room_by_id(&staff).is_some_and(|room| world.room(room).membership(user) == Membership::Join);
                if joined { Ok(()) } else { Err(NotAdmitted::NotJoined) }
            })
            .await
    }
}
