//! How publishing events for others fares, and what lasts of it. Asks nothing by itself.

use std::time::Duration;

use crate::reconcile::tell::conditions::{Condition, Conditions, SOURCE_PATIENCE};

/// The key of that others are not told.
pub(super) const EVENTS: &str = "events";

/// How publishing fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventsHealth {
    /// Publishing was tried since the start, well or not, or there was nothing to publish.
    pub is_known: bool,
    /// Why others are not told, with the mend.
    pub trouble: Option<String>,
    /// It does not pass by itself.
    pub is_misconfigured: bool,
}

impl EventsHealth {
    /// What lasts of it.
    pub fn conditions(&self) -> Conditions {
        let condition = self.trouble.as_ref().map(|why| Condition {
            key: EVENTS.to_owned(),
            text: format!(
                "other services are not told what is done; it waits in the ledger, and nothing else does: {why}"
            ),
            patience: if self.is_misconfigured { Duration::ZERO } else { SOURCE_PATIENCE },
        });
        let unknown = (!self.is_known).then(|| EVENTS.to_owned());
        Conditions { lasting: condition.into_iter().collect(), unknown: unknown.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_pass_by_itself_is_told_at_once_and_what_was_not_tried_is_unknown() {
        let unknown = EventsHealth::default().conditions();
        assert_eq!((unknown.lasting, unknown.unknown), (vec![], vec![EVENTS.to_owned()]));
        let well = EventsHealth { is_known: true, ..EventsHealth::default() };
        assert_eq!(well.conditions(), Conditions::default());
        let down = EventsHealth { trouble: Some("it is gone".to_owned()), ..well };
        assert_eq!(down.conditions().lasting[0].patience, SOURCE_PATIENCE);
        let denied = EventsHealth { is_misconfigured: true, ..down };
        assert_eq!(denied.conditions().lasting[0].patience, Duration::ZERO);
        assert!(denied.conditions().lasting[0].text.ends_with("it is gone"));
    }
}
