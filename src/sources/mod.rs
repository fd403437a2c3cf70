//! Where the desired state comes from. A source is read whole and returns what it knows, or why it cannot be read. It never
//! decides what follows.

mod directory;
mod notify;
mod profiles;
mod roster;

pub use directory::{Directory, DirectoryError, PoolPage, PoolUser, SearchedUser, shown_name};
pub use notify::listen;
pub use profiles::{ProfileRow, ProfileSource, ProfilesError};
pub use roster::{Roster, RosterError};
