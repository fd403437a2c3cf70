//! Counts what came: `provisioner_transactions_total` and `provisioner_events_total{type}`.
//!
//! Types are the sender's words, so only those known here become labels; the rest are `other`.

use metrics::{Counter, counter, describe_counter};

/// Event types counted by name, the frequent ones first.
const NAMED: [&str; 18] = [
    "m.room.message",
    "m.reaction",
    "m.room.encrypted",
    "m.room.member",
    "m.room.redaction",
    "m.room.power_levels",
    "m.room.name",
    "m.room.topic",
    "m.room.avatar",
    "m.room.join_rules",
    "m.room.history_visibility",
    "m.room.guest_access",
    "m.room.canonical_alias",
    "m.room.pinned_events",
    "m.room.encryption",
    "m.room.server_acl",
    "m.room.create",
    "m.room.tombstone",
];
const OTHER: usize = NAMED.len();
const UNREADABLE: usize = OTHER + 1;
const SLOTS: usize = UNREADABLE + 1;

const TRANSACTIONS: &str = "provisioner_transactions_total";
const EVENTS: &str = "provisioner_events_total";

/// Describes the metrics of the listener to the installed recorder.
pub fn describe_metrics() {
    describe_counter!(TRANSACTIONS, "Transactions taken from the homeserver and answered 200");
    describe_counter!(EVENTS, "Events in those transactions by type, whether they mattered or not");
}

/// How many events of each kind one transaction held.
#[derive(Debug, Default)]
pub struct Seen([u64; SLOTS]);

impl Seen {
    pub(super) fn add(&mut self, event_type: &str) {
        self.0[NAMED.iter().position(|name| *name == event_type).unwrap_or(OTHER)] += 1;
    }

    pub(super) fn add_unreadable(&mut self) {
        self.0[UNREADABLE] += 1;
    }

    /// Events that are not valid Matrix events.
    pub fn unreadable(&self) -> u64 {
        self.0[UNREADABLE]
    }

    /// All events.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Handles of the counters, looked up once.
pub(super) struct Counters {
    transactions: Counter,
    events: [Counter; SLOTS],
}

impl Counters {
    pub(super) fn register() -> Self {
        let events = std::array::from_fn(|slot| match slot {
            OTHER => counter!(EVENTS, "type" => "other"),
            UNREADABLE => counter!(EVENTS, "type" => "unreadable"),
            named => counter!(EVENTS, "type" => NAMED[named]),
        });
        Self { transactions: counter!(TRANSACTIONS), events }
    }

    pub(super) fn add(&self, seen: &Seen) {
        self.transactions.increment(1);
        for (counter, count) in self.events.iter().zip(seen.0) {
            if count > 0 {
                counter.increment(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{POWER_LEVELS, Setting};

    use super::*;

    #[test]
    fn what_policy_looks_at_is_counted_by_its_name() {
        for event_type in Setting::ALL.map(|setting| setting.event().0).into_iter().chain([POWER_LEVELS]) {
            assert!(NAMED.contains(&event_type), "give {event_type} its place in NAMED");
        }
    }
}
