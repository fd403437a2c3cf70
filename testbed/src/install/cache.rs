//! Where installed things live, and the lock that keeps two processes from installing one thing twice.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// `$PHENOM_TESTBED_CACHE`, else `phenom-testbed` under `$XDG_CACHE_HOME`, else under `~/.cache`.
///
/// # Errors
/// When none of the three variables is set.
pub fn cache_directory() -> Result<PathBuf> {
    if let Some(explicit) = std::env::var_os("PHENOM_TESTBED_CACHE").filter(|value| !value.is_empty()) {
        return std::path::absolute(PathBuf::from(explicit)).context("resolve PHENOM_TESTBED_CACHE");
    }
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(std::env::var_os("HOME").context("set HOME or PHENOM_TESTBED_CACHE")?).join(".cache"),
    };
    Ok(base.join("phenom-testbed"))
}

/// Waits for the lock `<directory>/<name>.lock`; it is free again when the file is dropped or the process ends.
pub(super) fn lock(directory: &Path, name: &str) -> Result<File> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("create {}; set PHENOM_TESTBED_CACHE to a writable directory", directory.display()))?;
    let path = directory.join(format!("{name}.lock"));
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    file.lock().with_context(|| format!("lock {}", path.display()))?;
    Ok(file)
}
