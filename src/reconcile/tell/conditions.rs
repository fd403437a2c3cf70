//! Conditions that a person must act on, for as long as they last. The Staff room is told of each.

use std::collections::BTreeMap;
use std::time::Duration;

use provisioner_policy::{AccountsFrom, ChangeKey, Policy, RoomIx, RoomStatus, SourceState, UserIx, World, groups};

use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::tell::{bad_rows, bot_power};

/// A source that fails for less is left to itself.
pub(crate) const SOURCE_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// What the key of two subjects that fold to one user with power begins with; the user follows.
const FOLDED: &str = "folded ";

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
    /// Keys of conditions about what was not read since the start: they may last or be over. One that ends with a space stands
    /// for all that begin so.
    pub unknown: Vec<String>,
}

impl Reconciler {
    /// What lasts now.
    pub(crate) fn conditions(&self) -> Conditions {
        let world = self.world();
        let Conditions { lasting: mut conditions, mut unknown } = of_rooms(world, self.trouble.is_synapse_away);
        let of_sources = of_sources(world, self.roster.is_some());
        conditions.extend(of_sources.lasting);
        unknown.extend(of_sources.unknown);
        conditions.extend(bad_rows::folded(world).into_iter().map(|(mxid, text)| Condition {
            key: format!("{FOLDED}{mxid}"),
            text,
            patience: SOURCE_PATIENCE,
        }));
        unknown.extend(unknown_folded(world, self.roster.is_some()));
        conditions.extend(returning(world, self.returns.invited_again(), |place| self.returns.inviter(place)));
        conditions.extend(fighting(world, |key| self.fights.is_told(key)));
        let lost = self.pushes.lost_updates.iter().filter_map(|lost| lost.alert(world));
        conditions.extend(lost.map(|(key, text)| Condition { key, text, patience: Duration::ZERO }));
        Conditions { lasting: conditions, unknown }
    }
}

/// What lasts of the sources that are configured, and what nobody can say of them.
fn of_sources(world: &World, has_roster: bool) -> Conditions {
    let (facts, mut found) = (&world.facts, Conditions::default());
    let is_configured = |source: &str| match source {
        ROSTER => has_roster,
        POOL => facts.accounts_from == AccountsFrom::Pool,
        _ => is_needed(source, &world.policy),
    };
    for (source, state) in facts.source_states(&world.names).into_iter().filter(|(source, _)| is_configured(source)) {
        match state {
            SourceState::Failing(why) => found.lasting.push(failing(&source, why)),
            SourceState::Unread => found.unknown.push(source_key(&source)),
            SourceState::Good => {}
        }
    }
    match facts.roster {
        _ if !has_roster => {}
        SourceState::Good => found.lasting.extend(bad_rows::freezing(world).map(|text| Condition {
            key: bad_rows::FREEZING.to_owned(),
            text,
            patience: SOURCE_PATIENCE,
        })),
        SourceState::Unread | SourceState::Failing(_) => found.unknown.push(bad_rows::FREEZING.to_owned()),
    }
    found
}

/// What lasts in the rooms, and what nobody can say of them.
fn of_rooms(world: &World, is_synapse_away: bool) -> Conditions {
    let (mut lasting, mut unknown) = (Vec::new(), Vec::new());
    for room in world.rooms() {
        let (key, mirror) = (room.key(world), world.room(room));
        let named = |what: &str| format!("{what} {key}");
        let lasts = |what: &str, text: String, patience: Duration| Condition { key: named(what), text, patience };
        match (&mirror.status, mirror.successor()) {
            (RoomStatus::Ready, Some(successor)) => {
                let text = format!(
                    "{key} was replaced by {successor}{}, and nothing is enforced there: say `follow {key}` if that was meant, or \
                     write the new id into the configuration",
                    world.upgraded_by(room)
                );
                lasting.push(lasts("tombstone", text, Duration::ZERO));
                // Nothing is looked at there any more, and its successor was not looked at yet.
                unknown.extend(["power", "levels"].map(named));
            }
            (RoomStatus::Ready, None) => {
                let tombstone = world.tombstone_notice(room);
                lasting.extend(tombstone.map(|text| lasts("tombstone", text, Duration::ZERO)));
                let lacks = bot_power::lacks(world, room);
                lasting.extend(lacks.map(|text| lasts("power", text, ROOM_PATIENCE)));
                let unreadable = bot_power::unreadable(world, room);
                lasting.extend(unreadable.map(|text| lasts("levels", text, ROOM_PATIENCE)));
                unknown.extend(mirror.levels().is_err().then(|| named("power")));
            }
            (status, _) => {
                unknown.extend(["tombstone", "power", "levels"].map(named));
                match status {
                    // While Synapse does not answer at all, every room is unreadable, and none of them is the trouble.
                    RoomStatus::Unreadable(why) if !is_synapse_away => {
                        let text = format!("room {key} cannot be read, so nobody is added or removed there: {why}");
                        lasting.push(lasts("room", text, ROOM_PATIENCE));
                    }
                    _ => unknown.push(named("room")),
                }
            }
        }
    }
    Conditions { lasting, unknown }
}

/// Keys of users where nobody can say whether two subjects fold to them and they have power: all of them, where a roster is
/// configured and its rows are not known.
fn unknown_folded(world: &World, has_roster: bool) -> Vec<String> {
    if has_roster && world.facts.roster != SourceState::Good {
        return vec![FOLDED.to_owned()];
    }
    let perhaps = world.folded_perhaps_with_power().into_iter();
    perhaps.map(|user| format!("{FOLDED}{}", world.users.mxid(user))).collect()
}

/// What the sources are called.
pub(super) const ROSTER: &str = "the roster";
pub(super) const POOL: &str = "the pool";
pub(super) const QUEUE: &str = "the queue";

/// What the key of a source that fails begins with.
pub(super) const SOURCE: &str = "source ";

pub(crate) fn source_key(source: &str) -> String {
    format!("{SOURCE}{source}")
}

/// Whether the policy needs this source. Of a group that it names no longer something may be stored still, and nobody reads it.
pub(super) fn is_needed(source: &str, policy: &Policy) -> bool {
    let Some(name) = source.strip_prefix("group ") else { return true };
    let needed = groups(policy.selectors().map(|(_, selector)| selector));
    needed.iter().any(|group| format!("{group:?}") == name)
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
    use provisioner_policy::{Fight, Kind, POWER_LEVELS, RosterRow, StateEntry, Subject, read_roster};
    use serde_json::{Value, json};

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

    fn event(content: Value) -> StateEntry {
        StateEntry { content, sender: "@eve:a".to_owned(), event_id: "$e".to_owned() }
    }

    #[test]
    fn what_cannot_be_seen_of_a_room_is_unknown_and_not_over() {
        let (mut world, room) = small_world();
        assert_eq!(of_rooms(&world, false), Conditions::default());
        world.set_state(room, POWER_LEVELS, event(json!({"users": {"@eve:a": "much"}})));
        assert_eq!(of_rooms(&world, false).unknown, ["power staff"]);
        world.set_state(room, "m.room.tombstone", event(json!({"replacement_room": "!new:a"})));
        world.set_upgrade(room, "!new:a", Some("@eve:a"));
        let of_replaced = of_rooms(&world, false);
        assert_eq!(of_replaced.unknown, ["power staff", "levels staff"]);
        assert_eq!(of_replaced.lasting[0].key, "tombstone staff");
        world.set_room_status(room, RoomStatus::Unreadable("the bot is out".to_owned()));
        let of_lost = of_rooms(&world, false);
        assert_eq!(of_lost.unknown, ["tombstone staff", "power staff", "levels staff"]);
        assert_eq!((of_lost.lasting.len(), &*of_lost.lasting[0].key), (1, "room staff"));
        let of_all = of_rooms(&world, true);
        assert_eq!(of_all.unknown, ["tombstone staff", "power staff", "levels staff", "room staff"]);
        assert_eq!(of_all.lasting, []);
    }

    #[test]
    fn of_a_source_that_is_not_configured_nothing_is_unknown() {
        let (mut world, _) = small_world();
        world.set_accounts_from(AccountsFrom::Pool);
        assert_eq!(of_sources(&world, true).unknown, ["source the pool", "source the roster", bad_rows::FREEZING]);
        world.set_accounts_from(AccountsFrom::Named);
        assert_eq!(of_sources(&world, false), Conditions::default());
    }

    #[test]
    fn whether_two_subjects_fold_to_somebody_with_power_is_unknown_until_all_of_it_was_read() {
        let (mut world, room) = small_world();
        let unknown = |world: &World| unknown_folded(world, true);
        assert_eq!(unknown(&world), ["folded "], "the roster");
        assert_eq!(unknown_folded(&world, false), Vec::<String>::new(), "there is no roster, and nobody is folded");
        let row = |subject: &str| RosterRow {
            subject: Some(subject.to_owned()),
            team: Some("staff".to_owned()),
            role: Some("member".to_owned()),
        };
        world.set_roster(read_roster([row("One"), row("one")], "a", "@bot:a"));
        assert_eq!(unknown(&world), ["folded @one:a"], "the accounts");
        world.set_accounts_listed(true);
        assert_eq!(unknown(&world), Vec::<String>::new());
        world.set_room_status(room, RoomStatus::Unread);
        assert_eq!(unknown(&world), ["folded @one:a"], "the room");
        world.set_room_status(room, RoomStatus::Ready);
        world.set_state(room, POWER_LEVELS, event(json!({"users": {"@eve:a": "much"}})));
        assert_eq!(unknown(&world), ["folded @one:a"], "its levels");
        world.fail_roster("it is gone");
        assert_eq!(unknown(&world), ["folded "]);
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
