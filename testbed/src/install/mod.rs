//! What is installed once and reused, in the cache directory: Python virtual environments, and a program of Debian's.

mod cache;
mod debian;
mod environments;
mod venv;

pub use cache::cache_directory;
pub use debian::promtool;
pub(crate) use debian::{PgBouncer, pgbouncer};
pub use environments::Environment;
