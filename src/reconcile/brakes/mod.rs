//! What keeps a plan from being carried out: the guard's held part, approvals, fights, and what is withheld.

pub(crate) mod approval;
pub(crate) mod fight_report;
pub(crate) mod fights;
pub(crate) mod held;
pub(crate) mod reverter;
pub(crate) mod withheld;
