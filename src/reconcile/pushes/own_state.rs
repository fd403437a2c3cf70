//! Own state writes: the pushes of the state events we wrote. The mirror has them since the answer came. What comes before
//! the echo was replaced by it, if the echo says so; and what it replaced tells of an edit that landed between our read and
//! our write.

use std::time::{Duration, Instant};

use provisioner_policy::{POWER_LEVELS, RoomIx, StateEntry, World};
use serde_json::Value;

use crate::reconcile::act::state_writes::Written;

/// A push later than this was lost, and with it perhaps others: the room is read again.
const LIFETIME: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct PendingEcho {
    written: Written,
    /// The whole room was read after our write: what is pushed now is judged beside that reading.
    read_since: bool,
    /// The content of somebody's event that came last before the echo.
    before: Option<Value>,
    until: Instant,
}

/// What a pushed state event means, seen beside our own writes.
#[derive(Debug, PartialEq)]
pub(crate) enum ClassifiedState {
    /// Nothing of ours is under way for this state.
    News,
    /// Our own, and the content that was pushed last before it, where there was one.
    OwnWrite { written: Written, before: Option<Value> },
    /// From before our own, which replaced it.
    Replaced,
}

/// Own state events whose pushes have not come yet.
#[derive(Debug, Default)]
pub(crate) struct OwnStateWrites {
    pending: Vec<PendingEcho>,
    /// Own power levels of the last minute: what others write may have been made beside them.
    lately: Vec<(Written, Instant)>,
}

impl OwnStateWrites {
    /// We wrote a state event.
    pub(crate) fn wrote(&mut self, written: Written, now: Instant) {
        if written.event_type == POWER_LEVELS {
            self.lately.push((written.clone(), now + LIFETIME));
        }
        self.pending.push(PendingEcho { written, read_since: false, before: None, until: now + LIFETIME });
    }

    /// What we wrote to the room's power levels lately, as made from and as written.
    pub(crate) fn lately(&self, room: RoomIx, now: Instant) -> Vec<(&Value, &Value)> {
        let of_room = self.lately.iter().filter(|(written, until)| written.room == room && *until > now);
        of_room.map(|(written, _)| (&written.made_from, &written.content)).collect()
    }

    /// The room was read.
    pub(crate) fn read(&mut self, room: RoomIx) {
        self.pending.iter_mut().filter(|one| one.written.room == room).for_each(|one| one.read_since = true);
    }

    /// Judges a pushed state event with an empty state key.
    pub(crate) fn classify(
        &mut self,
        room: RoomIx,
        event_type: &str,
        event_id: &str,
        content: &Value,
    ) -> ClassifiedState {
        if let Some(own) = self.pending.iter().position(|one| one.written.event_id == event_id) {
            let PendingEcho { written, before, .. } = self.pending.remove(own);
            return ClassifiedState::OwnWrite { written, before };
        }
        let mut classified = ClassifiedState::News;
        for one in
            self.pending.iter_mut().filter(|one| one.written.room == room && one.written.event_type == event_type)
        {
            one.before = Some(content.clone());
            if !one.read_since {
                classified = ClassifiedState::Replaced;
            }
        }
        classified
    }

    /// Forgets what was lost, and names the rooms that were not read since.
    pub(crate) fn forget_lost(&mut self, now: Instant) -> Vec<RoomIx> {
        self.lately.retain(|(_, until)| *until > now);
        let lost = self.pending.extract_if(.., |one| one.until <= now);
        lost.filter(|one| !one.read_since).map(|one| one.written.room).collect()
    }
}

/// Puts what we wrote into the mirror, as the push will.
pub(crate) fn put(world: &mut World, written: &Written) {
    let sender = world.policy.bot.clone();
    let state = StateEntry { content: written.content.clone(), sender, event_id: written.event_id.clone() };
    world.set_state(written.room, written.event_type, state);
}

/// Notes what our write set back, by what it replaced.
pub(crate) fn compare(world: &mut World, written: &Written, replaced: &Value) {
    if written.event_type == POWER_LEVELS {
        world.note_lost(written.room, &written.made_from, replaced, &written.content);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reconcile::pushes::tests::world;

    fn written(room: RoomIx, event_id: &str) -> Written {
        let content = json!({"users": {}, "events": {"x": 1}});
        Written { room, event_type: POWER_LEVELS, event_id: event_id.to_owned(), content, made_from: json!({}) }
    }

    #[test]
    fn what_comes_before_the_echo_was_replaced_and_what_comes_after_is_news() {
        let ((_, room), now) = (world(), Instant::now());
        let mut own = OwnStateWrites::default();
        let theirs = json!({"theirs": 1});
        let classify = |own: &mut OwnStateWrites, kind, id| own.classify(room, kind, id, &json!({"theirs": 1}));
        assert_eq!(classify(&mut own, POWER_LEVELS, "$theirs"), ClassifiedState::News);
        own.wrote(written(room, "$ours"), now);
        assert_eq!(classify(&mut own, "m.room.name", "$name"), ClassifiedState::News);
        assert_eq!(classify(&mut own, POWER_LEVELS, "$before"), ClassifiedState::Replaced);
        let echo = ClassifiedState::OwnWrite { written: written(room, "$ours"), before: Some(theirs) };
        assert_eq!(classify(&mut own, POWER_LEVELS, "$ours"), echo);
        assert_eq!(classify(&mut own, POWER_LEVELS, "$after"), ClassifiedState::News);
        assert_eq!((own.lately(room, now).len(), own.lately(room, now + LIFETIME).len()), (1, 0));
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
        assert_eq!(own.classify(room, POWER_LEVELS, "$theirs", &json!({})), ClassifiedState::News);
        assert_eq!(own.forget_lost(now + LIFETIME), []);
    }
}
