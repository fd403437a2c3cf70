//! The pure core: policy, what should be, what is, and the plan between them.
//!
//! Nothing here does I/O, is async, or reads a clock; the crate's dependencies keep it so.

mod policy;
mod selector;

pub use policy::*;
pub use selector::Selector;
