//! What the command line and the Staff room both do, each done here once: `rejoin`, asking for a pass, `explain`, `follow`,
//! `pause`, `resume`, `history`, `status`. The two differ in how they show it. Nothing is printed or answered here.

mod brake;
mod explain;
mod follow;
mod history;
mod pass;
mod rejoin;
mod status;

pub use brake::{pause, resume};
pub use explain::explain;
pub use follow::{FollowError, FollowRequest, Moved, follow, policy_in_force};
pub use history::history;
pub use pass::{PATIENCE, request_pass, wait_for_report};
pub use rejoin::{NotRejoined, rejoin, rejoinable};
pub use status::{Status, StatusOfRoom, status};
