//! Conditions that a person must act on, for as long as they last. The Staff room is told of each.

use std::collections::BTreeMap;
use std::time::Duration;

use provisioner_policy::{ChangeKey, RoomIx, RoomStatus, SourceState, UserIx, World};

use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::tell::{bad_rows, bot_power};

/// A source that fails for less is left to itself.
pub(crate) const SOURCE_PATIENCE: Duration = Duration::from_secs(15 * 60);

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

impl Condition {
    /// Whether the notices of a plan tell of it, too: a room that cannot be read or was replaced, a source that fails, bad rows.
    pub fn is_noticed(&self) -> bool {
        let of_the_world = ["room ", "tombstone "].iter().any(|begins| self.key.starts_with(begins));
        let of_a_source = self.key.starts_with(SOURCE) && self.key != source_key(QUEUE);
        of_the_world || of_a_source || self.key == bad_rows::FREEZING
    }
}

/// Everything that lasts, and what nobody can say yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    pub lasting: Vec<Condition>,
    /// Keys of conditions about what was not read since the start: they may last or be over.
    pub unknown: Vec<String>,
}

impl Reconciler {
    /// What lasts now.
    pub(crate) fn conditions(&self) -> Conditions {
        let world = self.world();
        let (mut conditions, mut unknown) = (Vec::new(), Vec::new());
        for room in world.rooms() {
            let key = room.key(world);
            match &world.room(room).status {
                RoomStatus::Ready => {
                    if let Some(successor) = world.room(room).successor() {
                        conditions.push(Condition {
                            key: format!("tombstone {key}"),
                            text: format!(
                                "{key} was replaced by {successor}{}, and nothing is enforced there: say `follow {key}` if that was \
                                 meant, or write the new id into the configuration",
                                world.upgraded_by(room)
                            ),
                            patience: Duration::ZERO,
                        });
                    } else {
                        let tombstone = world.tombstone_notice(room).map(|text| (format!("tombstone {key}"), text));
                        let patience = Duration::ZERO;
                        conditions.extend(tombstone.map(|(key, text)| Condition { key, text, patience }));
                        let lacks = bot_power::lacks(world, room).map(|text| ("power", text));
                        let unreadable = bot_power::unreadable(world, room).map(|text| ("levels", text));
                        conditions.extend(lacks.into_iter().chain(unreadable).map(|(what, text)| Condition {
                            key: format!("{what} {key}"),
                            text,
                            patience: ROOM_PATIENCE,
                        }));
                    }
                }
                // While Synapse does not answer at all, every room is unreadable, and none of them is the trouble.
                RoomStatus::Unreadable(why) if !self.trouble.is_synapse_away => conditions.push(Condition {
                    key: format!("room {key}"),
                    text: format!("room {key} cannot be read, so nobody is added or removed there: {why}"),
                    patience: ROOM_PATIENCE,
                }),
                RoomStatus::Unread | RoomStatus::Unreadable(_) => {
                    unknown.extend(["room", "tombstone", "power", "levels"].map(|what| format!("{what} {key}")));
                }
            }
        }
        let facts = &world.facts;
        for (source, state) in facts.source_states(&world.names) {
            match state {
                SourceState::Failing(why) => conditions.push(failing(&source, why)),
                SourceState::Unread => unknown.push(source_key(&source)),
                SourceState::Good => {}
            }
        }
        match facts.roster {
            SourceState::Good => conditions.extend(bad_rows::freezing(world).map(|text| Condition {
                key: bad_rows::FREEZING.to_owned(),
                text,
                patience: SOURCE_PATIENCE,
            })),
            SourceState::Unread | SourceState::Failing(_) => unknown.push(bad_rows::FREEZING.to_owned()),
        }
        conditions.extend(bad_rows::folded(world).into_iter().map(|(mxid, text)| Condition {
            key: format!("folded {mxid}"),
            text,
            patience: SOURCE_PATIENCE,
        }));
        conditions.extend(returning(world, self.returns.invited_again(), |place| self.returns.inviter(place)));
        conditions.extend(fighting(world, |key| self.fights.is_told(key)));
        let lost = self.pushes.lost_updates.iter().filter_map(|lost| lost.alert(world));
        conditions.extend(lost.map(|(key, text)| Condition { key, text, patience: Duration::ZERO }));
        Conditions { lasting: conditions, unknown }
    }
}

/// What the queue is called.
pub(super) const QUEUE: &str = "the queue";

/// What the key of a source that fails begins with.
pub(super) const SOURCE: &str = "source ";

pub(crate) fn source_key(source: &str) -> String {
    format!("{SOURCE}{source}")
}

/// A source fails now and then; one that fails for long keeps people in rooms, or out of them.
fn failing(source: &str, why: &str) -> Condition {
    Condition {
        key: source_key(source),
        text: format!("{source} cannot be read, and nobody is removed because of it: {why}"),
        patience: SOURCE_PATIENCE,
    }
}

/// One condition for each person who was removed and keeps coming back, and for each who is invited by others again and again.
fn returning<'a>(
    world: &World,
    invited: impl Iterator<Item = (RoomIx, UserIx)>,
    inviter: impl Fn((RoomIx, UserIx)) -> Option<&'a str>,
) -> Vec<Condition> {
    let named = |(room, user): (RoomIx, UserIx)| (room.key(world), world.users.mxid(user), room, user);
    let mut returners: Vec<_> = world.returners.iter().copied().map(named).collect();
    let mut invited: Vec<_> = invited.map(named).collect();
    returners.sort_unstable();
    invited.sort_unstable();
    let came_back = |(key, mxid, room, user): (&str, String, RoomIx, UserIx)| Condition {
        key: format!("return {key} {mxid}"),
        text: format!(
            "{mxid} came back to {key} again and again after being removed: {}, and {}",
            match inviter((room, user)) {
                Some(inviter) => format!("invited by {inviter}"),
                None => "joins by themselves".to_owned(),
            },
            if world.room(room).is_banned_by_us(user) {
                "was banned; the ban is taken back when a source names them again, or by hand"
            } else {
                "is removed each time; ask who lets them in, or close the room"
            }
        ),
        patience: Duration::ZERO,
    };
    let was_invited = |(key, mxid, room, user): (&str, String, RoomIx, UserIx)| Condition {
        key: format!("invited {key} {mxid}"),
        text: format!(
            "{mxid} is invited to {key} again and again by {}, and each invitation is taken back; ask them why, or let the file \
             say who may invite (`levels`)",
            inviter((room, user)).unwrap_or("somebody")
        ),
        patience: Duration::ZERO,
    };
    returners.into_iter().map(came_back).chain(invited.into_iter().map(was_invited)).collect()
}

/// What of one kind in one room somebody keeps undoing, and whether it is done each time all the same.
type FightPlace<'a> = (&'a str, &'a str, bool);

/// Subjects, each with why.
type FoughtOver = Vec<(String, String)>;

/// One condition for each kind of change in each room that somebody keeps undoing, and one for what is done each time all the
/// same. Who keeps it up is named for one of them; `plan` has all that is not repeated, `history` all that is done.
fn fighting(world: &World, is_told: impl Fn(&ChangeKey) -> bool) -> Vec<Condition> {
    let mut fights: BTreeMap<FightPlace<'_>, FoughtOver> = BTreeMap::new();
    for (key, fight) in world.fights.iter().filter(|(key, _)| is_told(key)) {
        let room = key.room.map_or("", |room| room.key(world));
        let subject = world.subject_of(key).unwrap_or_default();
        let lasts = fight.again_at.is_none();
        fights.entry((room, key.kind.as_str(), lasts)).or_default().push((subject, fight.text()));
    }
    let condition = |((room, kind, lasts), mut whose): (FightPlace<'_>, FoughtOver)| {
        whose.sort();
        let (subject, why) = &whose[0];
        let place = if room.is_empty() { String::new() } else { format!(" in {room}") };
        let about = if subject.is_empty() { String::new() } else { format!(" of {subject}") };
        let (goes, all, mark) = match lasts {
            false => ("is not repeated any more", "plan", ""),
            true => ("is done again and again", "history", " each time"),
        };
        let more = match whose.len() {
            1 => String::new(),
            count => format!(" ({count} such changes; `{all}` has them all)"),
        };
        Condition {
            key: format!("fight {kind} {room}{mark}"),
            text: format!("{}{place}{about} {goes}: {why}{more}", kind.replace('_', " ")),
            patience: Duration::ZERO,
        }
    };
    fights.into_iter().map(condition).collect()
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{Fight, Kind, Subject};

    use super::*;
    use crate::reconcile::pushes::tests::world as small_world;

    #[test]
    fn what_the_notices_of_a_plan_tell_of_is_known() {
        let is_noticed =
            |key: &str| Condition { key: key.to_owned(), text: String::new(), patience: Duration::ZERO }.is_noticed();
        let noticed = ["room staff", "tombstone staff", "source the roster", bad_rows::FREEZING];
        assert!(noticed.into_iter().all(is_noticed));
        let alone =
            ["source the queue", "power staff", "fight join staff", "return staff @a:a", "dead letters", "events"];
        assert!(!alone.into_iter().any(is_noticed));
    }

    #[test]
    fn who_keeps_coming_back_is_told_of_with_what_becomes_of_them() {
        let (mut world, room) = small_world();
        let user = world.intern("@u:a");
        world.set_returner(room, user, true);
        let text = |world: &World| returning(world, std::iter::empty(), |_| None)[0].text.clone();
        assert!(
            text(&world)
                .starts_with("@u:a came back to staff again and again after being removed: joins by themselves")
        );
        assert!(text(&world).contains("removed each time"));
        world.set_member(room, user, provisioner_policy::Membership::Ban, None);
        world.set_banned_by_us(room, user, true);
        assert!(text(&world).contains("was banned"));
        let told = returning(&world, std::iter::once((room, user)), |_| Some("@friend:a"));
        assert!(told[0].text.contains("after being removed: invited by @friend:a, and was banned"), "{told:?}");
        assert!(told[1].text.starts_with("@u:a is invited to staff again and again by @friend:a"), "{told:?}");
    }

    #[test]
    fn power_that_is_taken_each_time_is_an_alert_of_its_own_with_other_words() {
        let (mut world, room) = small_world();
        let user = world.intern("@friend:a");
        let fight = Fight { times: 5, window_minutes: 10, by: Some("@eve:a".to_owned()), again_at: None };
        world.begin_fight(ChangeKey::of_level(room, user, None), fight);
        let fights = fighting(&world, |_| true);
        assert_eq!(fights[0].key, "fight set_power_levels staff each time");
        assert_eq!(
            fights[0].text,
            "set power levels in staff of @friend:a is done again and again: undone 5 times in 10 minutes by @eve:a; ask them \
             why, or take their power to do it; it is done again each time"
        );
    }

    #[test]
    fn those_who_undo_one_kind_of_thing_in_one_room_are_one_alert() {
        let (mut world, room) = small_world();
        for (name, by) in [("@b:a", Some("@eve:a")), ("@a:a", None)] {
            let subject = Subject::User(world.intern(name));
            let key = ChangeKey { kind: Kind::Remove, room: Some(room), subject };
            let by = by.map(str::to_owned);
            let fight = Fight { times: 5, window_minutes: 10, by, again_at: Some("12:00:00 UTC".to_owned()) };
            world.begin_fight(key, fight);
        }
        let fights = fighting(&world, |_| true);
        let name = room.key(&world);
        assert_eq!(fights.len(), 1, "{fights:?}");
        assert_eq!(fights[0].key, format!("fight remove {name}"));
        assert_eq!(
            fights[0].text,
            format!(
                "remove in {name} of @a:a is not repeated any more: undone 5 times in 10 minutes by somebody; ask them why, or \
                 take their power to do it; it is tried again at 12:00:00 UTC (2 such changes; `plan` has them all)"
            )
        );
        assert_eq!(fighting(&world, |_| false), [], "nobody has undone it again");
    }
}
