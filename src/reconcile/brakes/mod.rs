//! Brakes: what keeps a planned change from being carried out. They mark, count and remember; none of them calls Synapse.
//!
//! - `held`, `approval`, `spend`: what the guard holds waits for a person. Approved is exactly what was shown under the id, as
//!   far as it is still planned, for one pass. `offboarded`: users that the pool has closed are asked for once more before.
//! - `fights`, `reverter`, `fight_report`: what somebody keeps undoing is done ever more slowly, then not at all, and a
//!   person is told who undoes it. A restart does not begin the count again: it is in the ledger.
//! - `returns`: who was removed and keeps coming back is removed each time, at once, and banned where the policy says so.
//! - `settle`: what takes something away waits until the sources have said so for a while, and were asked again after that.
//!   `narrow` leaves what waits out of an event of levels, for `settle` and `fights` alike.
//! - `withheld`: each withheld change gets one ledger line, not one a pass. While something cannot be read, the plan is
//!   poorer than the truth, and nothing counts as gone.

pub(crate) mod approval;
pub(crate) mod fight_report;
pub(crate) mod fights;
pub(crate) mod held;
pub(crate) mod narrow;
pub(crate) mod offboarded;
pub(crate) mod returns;
pub(crate) mod reverter;
pub(crate) mod settle;
pub(crate) mod spend;
pub(crate) mod strangers;
pub(crate) mod withheld;
