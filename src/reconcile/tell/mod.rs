//! Telling: what people and machines see of the world. It changes nothing; a condition is computed from the world each
//! time, so it cannot outlast what it is about.
//!
//! - `conditions`: what lasts and needs a person. What was not read since the start is *unknown*, not over, so an alert is
//!   not closed and opened again by a restart.
//! - `gauges`: the metrics of a plan, and the counts of its report.
//! - `bot_power`: what the bot's level in a room keeps it from doing there.

pub(crate) mod bot_power;
pub(crate) mod conditions;
pub(crate) mod gauges;
