//! Where the desired state comes from. A source is read whole and answers with what it knows or why it cannot; it never
//! decides what follows.

mod directory;
mod notify;
mod roster;

pub use directory::{Directory, DirectoryError, PoolPage, PoolUser};
pub use notify::listen;
pub use roster::{Roster, RosterError};
