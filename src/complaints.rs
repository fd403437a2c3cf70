//! What was logged of trouble that lasts: each reason once until it goes well, whatever ways it is met in.

use std::collections::HashSet;

/// No more reasons than this are remembered; the others are not logged.
const REASONS: usize = 32;

/// Reasons logged since it last went well. A reason is what failed without its cause: one connection fails in many ways.
#[derive(Clone, Debug, Default)]
pub struct Complaints(HashSet<String>);

impl Complaints {
    /// Whether this reason was not logged yet.
    pub fn is_new(&mut self, reason: &str) -> bool {
        self.0.len() < REASONS && self.0.insert(reason.to_owned())
    }

    /// Forgets the reasons, because it goes well. Returns whether there were any.
    pub fn clear(&mut self) -> bool {
        !std::mem::take(&mut self.0).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Complaints, REASONS};

    #[test]
    fn a_reason_is_new_once_until_it_goes_well() {
        let mut complaints = Complaints::default();
        assert!(complaints.is_new("unreachable"));
        assert!(!complaints.is_new("unreachable"));
        assert!(complaints.is_new("throttled"));
        assert!(!complaints.is_new("unreachable"), "another reason between makes it no news");
        assert!(complaints.clear());
        assert!(!complaints.clear());
        assert!(complaints.is_new("unreachable"));
    }

    #[test]
    fn reasons_without_end_are_logged_no_more() {
        let mut complaints = Complaints::default();
        let new = (0..1_000).filter(|number| complaints.is_new(&format!("reason {number}"))).count();
        assert_eq!(new, REASONS);
    }
}
