//! Load on a real Synapse: what the service costs beside a bare loop that only makes the needed calls, and where Synapse
//! itself is the limit.
//!
//! The service is used as an operator uses it, in its default settings. Both sides of every comparison run on the same
//! Synapse, in rooms of the same kind, in turn; what happened is read from Synapse's own database and log, never from
//! what either side says of itself. Nothing here judges a time: it prints them.

mod calls;
mod cloud;
mod crowd;
mod events;
mod figures;
mod flood;
mod idle;
mod joins;
mod latency;
mod process;
mod published;
mod stack;
mod truth;
mod unlisted;

use std::path::PathBuf;

pub use events::{EventCost, EventKind, Events, EventsFound};
pub use figures::Report;
pub use flood::{Flood, FloodFound};
pub use idle::{Idle, IdleFound};
pub use joins::{Joins, JoinsFound, Turn, Who};
pub use latency::{Latency, LatencyFound};
pub use published::{Published, PublishedFound};
pub use unlisted::{Kind, Step, Unlisted, UnlistedFound};

use crate::synapse::SynapseVersion;

/// What every kind of load needs to know.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The service's binary.
    pub binary: PathBuf,
    pub version: SynapseVersion,
    /// Told what happens, for somebody who waits.
    pub tell: fn(&str),
}
