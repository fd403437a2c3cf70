//! Messages that nobody asked for: held plans and alerts, kept up to date with the status of the reconciler.

pub(crate) mod alerts;
pub(crate) mod carry_out;
pub(crate) mod decide;
pub(crate) mod describe;
pub(crate) mod held;
pub(crate) mod keep;
pub(crate) mod message;
pub(crate) mod send;

pub(crate) use carry_out::Approved;
