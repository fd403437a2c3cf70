//! What is installed once and reused: Python virtual environments in the cache directory.

mod cache;
mod environments;
mod venv;

pub use cache::cache_directory;
pub use environments::Environment;
