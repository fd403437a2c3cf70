//! Own state writes: the pushes of the state events we wrote. The mirror has them since the answer came. What comes before
//! the echo was replaced by it, if the echo says so; and what it replaced tells of an edit that landed between our read and
//! our write.

use std::time::{Duration, Instant};

use provisioner_policy::{RoomIx, StateEntry, World};

use crate::reconcile::act::attempt::Written;

/// A push later than this was lost, and with it perhaps others: the room is read again.
const LIFETIME: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct PendingEcho {
    write: Box<OwnWrite>,
    /// The whole room was read after our write: what is pushed now is judged beside that reading.
    read_since: bool,
    until: Instant,
}

/// A state event of ours beside what others sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnWrite {
    pub(crate) written: Written,
    /// Somebody's event that was pushed last before the echo.
    pub(crate) before: Option<StateEntry>,
}

/// What a pushed state event means, seen beside our own writes.
#[derive(Debug, PartialEq)]
pub(crate) enum ClassifiedState {
    /// Nothing of ours is under way for this state.
    News,
    /// Our own.
    Own(Box<OwnWrite>),
    /// From before our own, which replaced it.
    Replaced,
}

/// Own state events whose pushes have not come yet.
#[derive(Debug, Default)]
pub(crate) struct OwnStateWrites {
    pending: Vec<PendingEcho>,
}

impl OwnStateWrites {
    /// We wrote a state event.
    pub(crate) fn wrote(&mut self, written: Written, now: Instant) {
        let write = Box::new(OwnWrite { written, before: None });
        self.pending.push(PendingEcho { write, read_since: false, until: now + LIFETIME });
    }

    /// The room was read.
    pub(crate) fn read(&mut self, room: RoomIx) {
        self.pending.iter_mut().filter(|one| one.write.written.room == room).for_each(|one| one.read_since = true);
    }

    /// One of its states was.
    pub(crate) fn read_type(&mut self, room: RoomIx, event_type: &str) {
        let its = |one: &&mut PendingEcho| one.write.written.room == room && one.write.written.event_type == event_type;
        self.pending.iter_mut().filter(its).for_each(|one| one.read_since = true);
    }

    /// Tells our own state events, with an empty state key, from those of others.
    pub(crate) fn classify(&mut self, room: RoomIx, event_type: &str, event: &StateEntry) -> ClassifiedState {
        if let Some(own) = self.pending.iter().position(|one| one.write.written.event_id == event.event_id) {
            return ClassifiedState::Own(self.pending.remove(own).write);
        }
        let mut classified = ClassifiedState::News;
        for PendingEcho { write, read_since, .. } in &mut self.pending {
            if write.written.room == room && write.written.event_type == event_type {
                write.before = Some(event.clone());
                if !*read_since {
                    classified = ClassifiedState::Replaced;
                }
            }
        }
        classified
    }

    /// Forgets what was lost, and names the rooms that were not read since.
    pub(crate) fn forget_lost(&mut self, now: Instant) -> Vec<RoomIx> {
        let lost = self.pending.extract_if(.., |one| one.until <= now);
        lost.filter(|one| !one.read_since).map(|one| one.write.written.room).collect()
    }
}

/// Puts what we wrote into the mirror, as the push will.
pub(crate) fn put(world: &mut World, written: &Written) {
    let sender = world.policy.bot.clone();
    let state = StateEntry { content: written.content.clone(), sender, event_id: written.event_id.clone() };
    world.set_state(written.room, written.event_type, state);
}

#[cfg(test)]
mod tests {
    use provisioner_policy::POWER_LEVELS;
    use serde_json::json;

    use super::*;
    use crate::reconcile::pushes::tests::world;

    fn written(room: RoomIx, event_id: &str) -> Written {
        let content = json!({"users": {}, "events": {"x": 1}});
        Written { room, event_type: POWER_LEVELS, event_id: event_id.to_owned(), content, made_from: json!({}) }
    }

    fn theirs(event_id: &str) -> StateEntry {
        StateEntry { content: json!({"theirs": 1}), sender: "@admin:a".to_owned(), event_id: event_id.to_owned() }
    }

    #[test]
    fn what_comes_before_the_echo_was_replaced_and_what_comes_after_is_news() {
        let ((_, room), now) = (world(), Instant::now());
        let mut own = OwnStateWrites::default();
        let classify = |own: &mut OwnStateWrites, kind, id| own.classify(room, kind, &theirs(id));
        assert_eq!(classify(&mut own, POWER_LEVELS, "$theirs"), ClassifiedState::News);
        own.wrote(written(room, "$ours"), now);
        assert_eq!(classify(&mut own, "m.room.name", "$name"), ClassifiedState::News);
        assert_eq!(classify(&mut own, POWER_LEVELS, "$before"), ClassifiedState::Replaced);
        let ClassifiedState::Own(write) = classify(&mut own, POWER_LEVELS, "$ours") else { panic!("it is ours") };
        assert_eq!((&write.written, &write.before), (&written(room, "$ours"), &Some(theirs("$before"))));
        assert_eq!(classify(&mut own, POWER_LEVELS, "$after"), ClassifiedState::News);
    }

    #[test]
    fn a_lost_echo_makes_the_room_be_read_again_unless_it_was_read_since() {
        let ((_, room), now) = (world(), Instant::now());
        let mut own = OwnStateWrites::default();
        own.wrote(written(room, "$one"), now);
        assert_eq!(own.forget_lost(now), []);
        assert_eq!(own.forget_lost(now + LIFETIME), [room]);
        own.wrote(written(room, "$two"), now);
        own.read(room);
        assert_eq!(own.classify(room, POWER_LEVELS, &theirs("$theirs")), ClassifiedState::News);
        assert_eq!(own.forget_lost(now + LIFETIME), []);
    }
}
