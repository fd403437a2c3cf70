//! What an alert says when it is over: what is so again, or that nobody asks any more. It is made of the condition's key and the
//! policy alone, so that a restart changes nothing of it.

use provisioner_policy::Policy;

use crate::reconcile::tell::bad_rows::FREEZING;
use crate::reconcile::tell::conditions::{POOL, QUEUE, ROSTER, SOURCE, is_needed};
use crate::reconcile::tell::events_health::EVENTS;
use crate::reconcile::tell::queue_health::{DEAD_LETTERS, UNSEEN};

/// Which of these the configuration has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configured {
    pub roster: bool,
    pub pool: bool,
    pub queue: bool,
    pub events: bool,
}

/// What is so again when the condition with this key is over; nothing of a key that this release does not know. Of what the
/// configuration has no longer nobody knows how it is.
pub fn over(key: &str, policy: &Policy, configured: Configured) -> Option<String> {
    let of = |is_configured: bool, source: &str, again: &str| {
        Some(if is_configured { again.to_owned() } else { format!("{source} is not asked for any more") })
    };
    match key {
        FREEZING => return of(configured.roster, ROSTER, "every roster row names somebody clearly again"),
        DEAD_LETTERS => return of(configured.queue, QUEUE, "the dead-letter queue is empty"),
        UNSEEN => return of(configured.queue, QUEUE, "the dead letters can be counted again"),
        EVENTS if !configured.events => return Some("other services are told of nothing any more".to_owned()),
        EVENTS => return Some("other services are told again what is done: the topic can be reached".to_owned()),
        _ => {}
    }
    if let Some(source) = key.strip_prefix(SOURCE) {
        let is_configured = match source {
            ROSTER => configured.roster,
            POOL => configured.pool,
            QUEUE => configured.queue,
            _ => is_needed(source, policy),
        };
        return Some(match is_configured {
            true => format!("{source} can be read again"),
            false => format!("{source} is not asked for any more"),
        });
    }
    let (what, subject) = key.split_once(' ')?;
    let room = match what {
        "room" | "tombstone" | "power" | "levels" => Some(subject),
        "return" | "invited" => subject.split(' ').next(),
        "fight" | "lost" => subject.split(' ').nth(1).filter(|room| !room.is_empty()),
        _ => None,
    };
    if let Some(room) = room.filter(|key| policy.rooms.iter().all(|room| room.key != *key)) {
        return Some(format!("{room} is not managed any more"));
    }
    match what {
        "room" => Some(format!("{subject} can be read again, and is enforced")),
        "tombstone" => Some(format!("{subject} is enforced, and its room has no tombstone any more")),
        "power" => Some(format!("the bot has the level again that it needs in {subject}")),
        "levels" => Some(format!("the power levels of {subject} can be read again")),
        "folded" => Some(format!("{subject} has no power any more, or is one person again for the sources")),
        "return" => subject.split_once(' ').map(|(room, user)| format!("{user} does not come back to {room} any more")),
        "invited" => subject.split_once(' ').map(|(room, user)| format!("nobody invites {user} to {room} any more")),
        "fight" => subject.split_once(' ').map(|(kind, place)| {
            let (kind, room) = (kind.replace('_', " "), place.strip_suffix(" each time").unwrap_or(place));
            let place = if room.is_empty() { String::new() } else { format!(" in {room}") };
            format!("nobody undoes {kind}{place} any more")
        }),
        "lost" => {
            let room = subject.strip_prefix("update ")?.split(' ').next()?;
            Some(format!("nothing more was lost of the power levels of {room}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{RoomPolicy, Selector};

    use super::*;

    fn policy() -> Policy {
        let room = RoomPolicy::new("staff", "!staff:a", vec![Selector::Group("a b".to_owned())]);
        Policy { rooms: vec![room], ..Policy::default() }
    }

    const ALL: Configured = Configured { roster: true, pool: true, queue: true, events: true };
    const NONE: Configured = Configured { roster: false, pool: false, queue: false, events: false };

    #[test]
    fn an_alert_that_is_over_says_what_is_so_again() {
        let said = |key: &str| over(key, &policy(), ALL).unwrap();
        assert_eq!(said("room staff"), "staff can be read again, and is enforced");
        assert_eq!(said("tombstone staff"), "staff is enforced, and its room has no tombstone any more");
        assert_eq!(said("power staff"), "the bot has the level again that it needs in staff");
        assert_eq!(said("levels staff"), "the power levels of staff can be read again");
        assert_eq!(said("source group \"a b\""), "group \"a b\" can be read again");
        assert_eq!(said("source the roster"), "the roster can be read again");
        assert_eq!(said("folded @u:a"), "@u:a has no power any more, or is one person again for the sources");
        assert_eq!(said("return staff @u:a"), "@u:a does not come back to staff any more");
        assert_eq!(said("invited staff @u:a"), "nobody invites @u:a to staff any more");
        assert_eq!(said("fight set_power_levels staff each time"), "nobody undoes set power levels in staff any more");
        assert_eq!(said("fight create_account "), "nobody undoes create account any more");
        assert_eq!(said("lost update staff $e"), "nothing more was lost of the power levels of staff");
        for key in [FREEZING, DEAD_LETTERS, UNSEEN, EVENTS] {
            assert!(!said(key).contains(" cannot "), "{key}");
        }
        assert_eq!((over("of another release", &policy(), ALL), over("", &policy(), ALL)), (None, None));
    }

    #[test]
    fn of_what_was_taken_out_of_the_file_nothing_is_said_to_be_so_again() {
        for about in [
            "room old",
            "tombstone old",
            "power old",
            "levels old",
            "return old @u:a",
            "invited old @u:a",
            "fight join old",
            "fight set_power_levels old each time",
            "lost update old $e",
        ] {
            assert_eq!(over(about, &policy(), ALL).unwrap(), "old is not managed any more", "{about}");
        }
        assert_eq!(over("source group \"old\"", &policy(), ALL).unwrap(), "group \"old\" is not asked for any more");
        for (key, what) in [
            ("source the roster", "the roster is not asked for any more"),
            (FREEZING, "the roster is not asked for any more"),
            ("source the pool", "the pool is not asked for any more"),
            ("source the queue", "the queue is not asked for any more"),
            (DEAD_LETTERS, "the queue is not asked for any more"),
            (UNSEEN, "the queue is not asked for any more"),
            (EVENTS, "other services are told of nothing any more"),
        ] {
            assert_eq!(over(key, &policy(), NONE).unwrap(), what, "{key}");
        }
    }
}
