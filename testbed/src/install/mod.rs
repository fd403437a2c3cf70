//! What is installed once and reused, in the cache directory: Python virtual environments, and a program of Debian's.

mod cache;
mod debian;
mod environments;
mod venv;

pub use cache::cache_directory;
pub(crate) use debian::{PgBouncer, pgbouncer};
pub use debian::{prometheus, promtool};
pub use environments::Environment;
