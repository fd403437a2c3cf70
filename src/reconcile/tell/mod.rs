//! What is told of the world: conditions that last, gauges, and what the bot lacks.

pub(crate) mod bot_power;
pub(crate) mod conditions;
pub(crate) mod gauges;
