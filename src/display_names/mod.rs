//! Display names for people who read: looked up for the users in an answer alone, made harmless, and never without the user
//! id beside them.
//!
//! What somebody calls themselves decides nothing: it gets into no log, ledger or metric, and into no reason. What was first
//! shown of each is kept, to mark another one.

mod clean;
mod former;
mod ids;
mod lookup;
mod rest;
mod shown;

pub use former::NameReader;
pub use lookup::NameLookup;
#[cfg(test)]
pub(crate) use shown::ShownName;
pub use shown::{DisplayNames, FormerName, NamedUser, TextPart};
