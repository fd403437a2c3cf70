//! Processes that never outlive us, the ports they listen on, and randomness for names.

pub(crate) mod log;
pub(crate) mod part;
pub(crate) mod ports;
pub(crate) mod random;
pub(crate) mod ready;

pub(crate) use part::Part;
