//! The pure core: policy, what should be, what is, and the plan between them.
//!
//! Nothing here does I/O, is async, or reads a clock; the crate's dependencies keep it so.

mod background;
mod background_words;
mod cleared_leaves;
mod column;
mod entitlement;
mod explain;
mod facts;
mod fight;
mod fights;
mod folded;
mod follow;
mod guard;
mod held;
mod held_words;
mod hold_words;
mod how_many;
mod ids;
mod level_number;
mod level_of;
mod levels;
mod lost_update;
mod mirror;
mod names;
mod needs;
mod obstacle;
mod operators;
mod plan;
mod planner;
mod policy;
mod pool_move;
mod power;
mod profile;
mod recent;
mod removal_words;
mod rewrite;
mod rightful;
mod room_level;
mod room_level_drift;
mod roster;
mod selector;
mod setting;
mod settle;
mod standing;
mod strangers;
mod team_memberships;
mod trouble;
mod user_set;
mod users;
mod users_default;
mod view;
mod withheld;
mod world;

pub use background::{Background, Belonged, Entrance, Loss, Lost, Moment};
pub use column::Column;
pub use entitlement::{Entitlement, Freeze};
pub use explain::{AdminExplanation, Explanation, PowerExplanation, RoomExplanation};
pub use facts::{Account, AccountsFrom, Closed, Facts, SourceState, THE_ROSTER};
pub use fight::Fight;
pub use follow::no_upgrade;
pub use held::{HeldCount, HeldPart, short_id};
pub use how_many::how_many;
pub use ids::{SubjectError, mxid_of_subject};
pub use level_of::LevelOf;
pub use levels::{ABOVE_ALL, Creators, Levels, POWER_LEVELS, creators_stand_above_all, room_version};
pub use lost_update::LostEdit;
pub use mirror::{Accounts, Membership, Mirror, OnServer, RoomMirror, RoomStatus, StateEntry, VoluntaryLeave};
pub use names::{NameIx, Names};
pub use needs::{Act, Need, needs};
pub use obstacle::{Obstacle, level_words};
pub use operators::Permission;
pub use plan::{
    Action, ActsOn, Because, Blocked, Bucket, Change, ChangeKey, Class, ClearedLeave, Digest, HoldReason, Kind, Plan,
    PoolMove, PowerEdit, Subject, Turn,
};
pub use planner::{Planner, plan};
pub use policy::*;
pub use profile::{
    Fingerprint, GivenPicture, NameCounts, Picture, PictureCounts, ProfileCounts, ProfileField, ProfilesPolicy,
    SourceProfile,
};
pub use recent::{Arrivals, Recent};
pub use removal_words::selector_words;
pub use rewrite::Rewrite;
pub use room_level::RoomLevel;
pub use roster::{Belonging, RosterReader, RosterReading, RosterRow, read_roster};
pub use selector::{Selector, SelectorSource};
pub use setting::{RoomSettings, Setting};
pub use strangers::Strangers;
pub use team_memberships::{TeamMembership, TeamMemberships};
pub use trouble::{LONGEST, RowTrouble, trouble_words};
pub use users::{UserIx, Users};
pub use view::{ActionView, BlockedView, PlanView};
pub use withheld::{Begun, Withheld, WithheldDiff};
pub use world::{UnknownSubject, World, WorldState};
