//! The desk: admits senders, and handles each command at most once.

pub(crate) mod admit;
pub(crate) mod desk;
pub(crate) mod dispatch;
pub(crate) mod encryption;
pub(crate) mod groups;
pub(crate) mod handle;
pub(crate) mod introduce;
pub(crate) mod rate_limits;
pub(crate) mod refuse;
pub(crate) mod taken_back;
pub(crate) mod turn;
