//! Whether the service is ready, as a set of named conditions that other parts set.
//!
//! It only remembers what it is told; it checks nothing by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use parking_lot::Mutex;

/// Named conditions, each met or with the reason why not. Ready means that none has a reason. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<ConditionsSoFar>>);

#[derive(Debug, Default)]
struct ConditionsSoFar {
    /// Why those that are not met are not.
    reasons: BTreeMap<&'static str, String>,
    /// Those that were met once, whatever became of them since.
    met_once: BTreeSet<&'static str>,
}

impl Readiness {
    /// Starts with conditions that are not met yet, so that nobody is ready before every part has spoken.
    pub fn waiting_for(conditions: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let reasons = conditions.into_iter().map(|(name, reason)| (name, reason.to_owned())).collect();
        Self(Arc::new(Mutex::new(ConditionsSoFar { reasons, met_once: BTreeSet::new() })))
    }

    /// Says that condition `name` is met, or why not. The last word counts.
    pub fn set<R: Into<String>>(&self, name: &'static str, condition: Result<(), R>) {
        match condition {
            Ok(()) => self.clear(name),
            Err(reason) => drop(self.0.lock().reasons.insert(name, reason.into())),
        }
    }

    /// Says that condition `name` is met.
    pub fn clear(&self, name: &'static str) {
        let mut conditions = self.0.lock();
        conditions.met_once.insert(name);
        conditions.reasons.remove(name);
    }

    /// Whether every condition is met.
    pub fn is_ready(&self) -> bool {
        self.0.lock().reasons.is_empty()
    }

    /// Why not ready, as `name: reason`, in the order of the names; empty when ready.
    pub fn reasons(&self) -> Vec<String> {
        self.0.lock().reasons.iter().map(|(name, reason)| with_name(name, reason)).collect()
    }

    /// Why condition `name` was not met so far, as `name: reason`; nothing once it was, for good.
    pub fn never_met(&self, name: &'static str) -> Option<String> {
        let conditions = self.0.lock();
        let reason = conditions.reasons.get(name).filter(|_| !conditions.met_once.contains(name))?;
        Some(with_name(name, reason))
    }
}

fn with_name(name: &str, reason: &str) -> String {
    format!("{name}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::Readiness;

    #[test]
    fn ready_only_when_every_condition_is_met() {
        let readiness = Readiness::waiting_for([("roster", "not read yet"), ("database", "not connected yet")]);
        assert_eq!(readiness.reasons(), ["database: not connected yet", "roster: not read yet"]);
        readiness.clear("database");
        readiness.set("roster", Ok::<(), String>(()));
        assert!(readiness.is_ready());
        readiness.set("database", Err("connection refused"));
        assert_eq!(readiness.reasons(), ["database: connection refused"]);
    }

    #[test]
    fn what_was_met_once_is_never_waited_for_again() {
        let readiness = Readiness::waiting_for([("database", "not opened yet")]);
        readiness.set("database", Err("connection refused"));
        assert_eq!(readiness.never_met("database").as_deref(), Some("database: connection refused"));
        readiness.clear("database");
        readiness.set("database", Err("connection refused"));
        assert_eq!((readiness.never_met("database"), readiness.is_ready()), (None, false));
    }
}
