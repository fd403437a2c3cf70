//! The pure core: policy, what should be, what is, and the plan between them.
//!
//! Nothing here does I/O, is async, or reads a clock; the crate's dependencies keep it so.

mod column;
mod entitlement;
mod explain;
mod facts;
mod follow;
mod guard;
mod held;
mod ids;
mod levels;
mod mending;
mod mirror;
mod names;
mod obstacle;
mod operators;
mod overwritten;
mod plan;
mod planner;
mod policy;
mod pool_move;
mod power;
mod quarrel;
mod rewrite;
mod roster;
mod selector;
mod setting;
mod users;
mod view;
mod world;

pub use column::Column;
pub use entitlement::{Entitlement, Freeze};
pub use explain::{AdminExplanation, Explanation, PowerExplanation, RoomExplanation};
pub use facts::{Account, AccountsFrom, Facts, Place, SourceState};
pub use follow::Followed;
pub use guard::{Bucket, Recent};
pub use held::{HeldCount, HeldPart};
pub use ids::{SubjectError, mxid_of_subject};
pub use levels::{ABOVE_ALL, Creators, Levels, POWER_LEVELS};
pub use mirror::{Departure, Membership, Mirror, OnServer, RoomMirror, Standing, StateEvent};
pub use names::{NameIx, Names};
pub use obstacle::Obstacle;
pub use operators::Permission;
pub use overwritten::{Overwritten, overwritten};
pub use plan::{Action, Because, Blocked, Change, ChangeKey, Class, Closed, Hold, Kind, Pardon, Plan, PowerEdit};
pub use planner::plan;
pub use policy::*;
pub use pool_move::PoolMove;
pub use quarrel::Quarrel;
pub use rewrite::Rewrite;
pub use roster::{Belonging, RosterReading, RosterRow, RowTrouble, read_roster};
pub use selector::Selector;
pub use setting::Setting;
pub use users::{UserIx, Users};
pub use view::{ActionView, BlockedView, PlanView};
pub use world::{RoomIx, World};
