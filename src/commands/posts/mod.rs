//! What is posted unasked: held plans and alerts, kept as the reconciler tells them.

pub(crate) mod alerts;
pub(crate) mod held;
pub(crate) mod keep;
pub(crate) mod message;
pub(crate) mod send;
