//! Telling: what people and machines see of the world. It changes nothing; a condition is computed from the world each
//! time, so it cannot outlast what it is about.
//!
//! - `conditions`: what lasts and needs a person. What was not read since the start is *unknown*, not over, so an alert is
//!   not closed and opened again by a restart.
//! - `counters`: that counts begin at 0.
//! - `gauges`: the metrics of a plan, and the counts of its report.
//! - `backgrounds`: what those who lose something were, and how they came in.
//! - `bad_rows`: rows of the roster that keep something from being taken.
//! - `bot_power`: what the bot's level in a room keeps it from doing there.
//! - `events_health`: what lasts of telling other services.
//! - `queue_health`: what lasts of the queue of sign-ups and of its dead letters.

pub(crate) mod backgrounds;
mod bad_rows;
mod bot_power;
pub(crate) mod conditions;
pub(crate) mod counters;
pub(crate) mod events_health;
pub(crate) mod gauges;
pub(crate) mod over;
pub(crate) mod queue_health;
