//! Display names for people who read: looked up for the users in an answer alone, made harmless, and never without the user
//! id beside them.
//!
//! What somebody calls themselves decides nothing: it gets into no log, ledger or metric, and into no reason.

mod changed;
mod clean;
mod ids;
mod lookup;
mod shown;

pub use lookup::NameLookup;
#[cfg(test)]
pub(crate) use shown::ShownName;
pub use shown::{DisplayNames, NamedUser, TextPart};
