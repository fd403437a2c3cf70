//! Brakes: what keeps a planned change from being carried out. They mark, count and remember; none of them calls Synapse.
//!
//! - `held`, `approval`: what the guard holds waits for a person. Approved is exactly the part with the id that was shown,
//!   for one pass: a plan that changes between the look and the approval has another id, and the approval is refused.
//! - `fights`, `reverter`, `fight_report`: what somebody keeps undoing is done ever more slowly, then not at all, and a
//!   person is told who undoes it. A restart does not begin the count again: it is in the ledger.
//! - `settle`: what takes something away waits until the sources have said so for a while, and were asked again after that.
//!   `narrow` leaves what waits out of an event of levels, for `settle` and `fights` alike.
//! - `withheld`: each withheld change gets one ledger line, not one a pass. While something cannot be read, the plan is
//!   poorer than the truth, and nothing counts as gone.

pub(crate) mod approval;
pub(crate) mod fight_report;
pub(crate) mod fights;
pub(crate) mod held;
pub(crate) mod narrow;
pub(crate) mod reverter;
pub(crate) mod settle;
pub(crate) mod withheld;
