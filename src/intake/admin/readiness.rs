//! Whether the service is ready, as a set of named conditions that other parts set.
//!
//! It only remembers what it is told; it checks nothing by itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Named conditions, each met or with the reason why not. Ready means that none has a reason. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Readiness {
    /// Starts with conditions that are not met yet, so that nobody is ready before every part has spoken.
    pub fn waiting_for(conditions: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let reasons = conditions.into_iter().map(|(name, reason)| (name, reason.to_owned())).collect();
        Self(Arc::new(Mutex::new(reasons)))
    }

    /// Says that condition `name` is met, or why not. The last word counts.
    pub fn set<R: Into<String>>(&self, name: &'static str, condition: Result<(), R>) {
        match condition {
            Ok(()) => self.clear(name),
            Err(reason) => drop(self.lock().insert(name, reason.into())),
        }
    }

    /// Says that condition `name` is met.
    pub fn clear(&self, name: &'static str) {
        self.lock().remove(name);
    }

    /// Whether every condition is met.
    pub fn is_ready(&self) -> bool {
        self.lock().is_empty()
    }

    /// Why not ready, as `name: reason`, in the order of the names; empty when ready.
    pub fn reasons(&self) -> Vec<String> {
        self.lock().iter().map(|(name, reason)| format!("{name}: {reason}")).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        // Every change under the lock is one call on the map, so a poisoned one is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
}
