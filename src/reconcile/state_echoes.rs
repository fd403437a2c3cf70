//! Echoes of state: the pushes of the state events we wrote. The mirror has them since the answer came. Synapse pushes in
//! the order of the room, so whatever comes before the echo was there before our write and is replaced by it; and the echo
//! says what it replaced, by which an edit that landed between our read and our write is found again.

use std::time::{Duration, Instant};

use provisioner_policy::{POWER_LEVELS, RoomIx, StateEvent, World};
use serde_json::Value;

use super::state_writes::Written;

/// A push later than this was lost, and with it perhaps others: the room is read again.
const LIFETIME: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Awaited {
    written: Written,
    /// The whole room was read after our write: what is pushed now is judged beside that reading.
    read_since: bool,
    until: Instant,
}

/// What a pushed state event means, seen beside our own writes.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    /// Nothing of ours is under way for this state.
    News,
    /// Our own.
    Echo(Written),
    /// From before our own, which replaced it.
    Replaced,
}

/// Own state events whose pushes have not come yet.
#[derive(Debug, Default)]
pub(super) struct StateEchoes {
    awaited: Vec<Awaited>,
}

impl StateEchoes {
    /// We wrote a state event.
    pub(super) fn wrote(&mut self, written: Written, now: Instant) {
        self.awaited.push(Awaited { written, read_since: false, until: now + LIFETIME });
    }

    /// The room was read.
    pub(super) fn read(&mut self, room: RoomIx) {
        self.awaited.iter_mut().filter(|one| one.written.room == room).for_each(|one| one.read_since = true);
    }

    /// Judges a pushed state event with an empty state key.
    pub(super) fn hear(&mut self, room: RoomIx, event_type: &str, event_id: &str) -> Heard {
        if let Some(own) = self.awaited.iter().position(|one| one.written.event_id == event_id) {
            return Heard::Echo(self.awaited.remove(own).written);
        }
        let replaces =
            |one: &Awaited| one.written.room == room && one.written.event_type == event_type && !one.read_since;
        if self.awaited.iter().any(replaces) { Heard::Replaced } else { Heard::News }
    }

    /// Forgets what was lost, and names the rooms that were not read since.
    pub(super) fn forget_lost(&mut self, now: Instant) -> Vec<RoomIx> {
        let lost = self.awaited.extract_if(.., |one| one.until <= now);
        lost.filter(|one| !one.read_since).map(|one| one.written.room).collect()
    }
}

/// Puts what we wrote into the mirror, as the push will.
pub(super) fn put(world: &mut World, written: &Written) {
    let sender = world.policy.bot.clone();
    let state = StateEvent { content: written.content.clone(), sender, event_id: written.event_id.clone() };
    world.set_state(written.room, written.event_type, state);
}

/// Notes what our write set back, by what it replaced.
pub(super) fn compare(world: &mut World, written: &Written, replaced: &Value) {
    if written.event_type == POWER_LEVELS {
        world.note_overwritten(written.room, replaced, &written.content, &written.edited);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reconcile::feed::tests::world;

    fn written(room: RoomIx, event_id: &str) -> Written {
        let content = json!({"users": {}, "events": {"x": 1}});
        Written { room, event_type: POWER_LEVELS, event_id: event_id.to_owned(), content, edited: vec![] }
    }

    #[test]
    fn what_comes_before_the_echo_was_replaced_and_what_comes_after_is_news() {
        let ((_, room), now) = (world(), Instant::now());
        let mut echoes = StateEchoes::default();
        assert_eq!(echoes.hear(room, POWER_LEVELS, "$theirs"), Heard::News);
        echoes.wrote(written(room, "$ours"), now);
        assert_eq!(echoes.hear(room, "m.room.name", "$name"), Heard::News);
        assert_eq!(echoes.hear(room, POWER_LEVELS, "$before"), Heard::Replaced);
        assert_eq!(echoes.hear(room, POWER_LEVELS, "$ours"), Heard::Echo(written(room, "$ours")));
        assert_eq!(echoes.hear(room, POWER_LEVELS, "$after"), Heard::News);
    }

    #[test]
    fn a_lost_echo_makes_the_room_be_read_again_unless_it_was_read_since() {
        let ((_, room), now) = (world(), Instant::now());
        let mut echoes = StateEchoes::default();
        echoes.wrote(written(room, "$one"), now);
        assert_eq!(echoes.forget_lost(now), []);
        assert_eq!(echoes.forget_lost(now + LIFETIME), [room]);
        echoes.wrote(written(room, "$two"), now);
        echoes.read(room);
        assert_eq!(echoes.hear(room, POWER_LEVELS, "$theirs"), Heard::News);
        assert_eq!(echoes.forget_lost(now + LIFETIME), []);
    }
}
