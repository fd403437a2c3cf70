//! When each room was read, so that a push from before is not taken for news: while we were away Synapse held pushes back,
//! and it sends them, oldest first, into a mirror that knows their outcome already.
//!
//! All times are the database's, and a push says how old it is by Synapse's own clock, so clocks need not agree.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use provisioner_policy::RoomIx;

/// A push seems younger than it is by the time it took from Synapse into the database: milliseconds, on a bad day more.
const TRANSIT: TimeDelta = TimeDelta::seconds(1);

/// An event is made before it is in the room: until then it waits for the events before it.
const PERSISTED: TimeDelta = TimeDelta::seconds(10);

/// A push beside the last reading of its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// From before the reading, which has it.
    Known,
    /// From about the time of the reading, or nobody can say when: it may be in it or not.
    Unclear,
    /// From after the reading.
    News,
}

/// The last reading of each room.
#[derive(Debug, Default)]
pub(crate) struct ReadTimes {
    spans: HashMap<RoomIx, (DateTime<Utc>, DateTime<Utc>)>,
}

impl ReadTimes {
    /// The room was read between these two times.
    pub(crate) fn read(&mut self, room: RoomIx, began: DateTime<Utc>, ended: DateTime<Utc>) {
        self.spans.insert(room, (began, ended));
    }

    /// Whether the room was read, or found unreadable, at all.
    pub(crate) fn has(&self, room: RoomIx) -> bool {
        self.spans.contains_key(&room)
    }

    /// Judges a push that was received at `received` and was then `age_ms` old, where it said so.
    pub(crate) fn age(&self, room: RoomIx, received: DateTime<Utc>, age_ms: Option<i64>) -> Age {
        let Some((began, ended)) = self.spans.get(&room) else {
            return Age::Unclear;
        };
        let Some(happened) =
            age_ms.and_then(TimeDelta::try_milliseconds).and_then(|age| received.checked_sub_signed(age))
        else {
            return Age::Unclear;
        };
        if happened < *began - PERSISTED {
            Age::Known
        } else if happened <= *ended + TRANSIT {
            Age::Unclear
        } else {
            Age::News
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::pushes::tests::world;

    #[test]
    fn a_push_is_judged_by_when_it_happened_and_not_by_when_it_came() {
        let (_, room) = world();
        let at = |seconds: i64| DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap();
        let mut times = ReadTimes::default();
        assert_eq!(times.age(room, at(0), Some(0)), Age::Unclear);
        times.read(room, at(100), at(101));
        assert_eq!(times.age(room, at(500), Some(411_000)), Age::Known);
        assert_eq!(times.age(room, at(500), Some(401_000)), Age::Unclear, "made before, and perhaps not there yet");
        assert_eq!(times.age(room, at(500), Some(399_500)), Age::Unclear);
        assert_eq!(times.age(room, at(102), Some(1)), Age::Unclear);
        assert_eq!(times.age(room, at(500), Some(10)), Age::News);
        assert_eq!(times.age(room, at(500), None), Age::Unclear);
        assert_eq!(times.age(room, at(500), Some(i64::MIN)), Age::Unclear);
    }
}
