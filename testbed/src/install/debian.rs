//! Programs out of Debian packages, without installing the packages: no service of them is set up, and nobody has to be root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::cache;

/// Prometheus' tool that checks and tests rules: the one on `PATH`, else Debian's in the cache directory.
///
/// # Errors
/// When it is not there and cannot be fetched; the message carries what `apt-get` said.
pub async fn promtool() -> Result<PathBuf> {
    of_prometheus("promtool").await
}

/// Prometheus itself, from the same places.
///
/// # Errors
/// As above.
pub async fn prometheus() -> Result<PathBuf> {
    of_prometheus("prometheus").await
}

async fn of_prometheus(program: &'static str) -> Result<PathBuf> {
    const PROGRAMS: &str = "usr/bin";
    tokio::task::spawn_blocking(move || match on_path(program) {
        Some(found) => Ok(found),
        None => Ok(kept("prometheus-server", &["prometheus"], PROGRAMS)?.join(PROGRAMS).join(program)),
    })
    .await?
}

/// A pooler before Postgres, and the directory of libraries to be searched for it.
#[derive(Debug, Clone)]
pub(crate) struct PgBouncer {
    pub(crate) program: PathBuf,
    pub(crate) libraries: PathBuf,
}

/// Debian's PgBouncer in the cache directory.
pub(crate) async fn pgbouncer() -> Result<PgBouncer> {
    tokio::task::spawn_blocking(|| {
        let directory = kept("pgbouncer", &["pgbouncer", "libevent-2.1-7", "libc-ares2"], "usr")?;
        let of_architecture = |entry: std::io::Result<std::fs::DirEntry>| {
            Some(entry.ok()?.path()).filter(|folder| folder.join("libevent-2.1.so.7").exists())
        };
        let libraries = std::fs::read_dir(directory.join("usr/lib"))?.find_map(of_architecture);
        let libraries = libraries.context("the packages have no libraries where Debian keeps them")?;
        Ok(PgBouncer { program: directory.join("usr/sbin/pgbouncer"), libraries })
    })
    .await?
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A directory of the cache with `path` in it, as the packages have it; nothing else of them is kept.
fn kept(name: &str, packages: &[&str], path: &str) -> Result<PathBuf> {
    let cache = cache::cache_directory()?;
    let directory = cache.join(format!("debian-{name}"));
    if directory.join(path).exists() {
        return Ok(directory);
    }
    let _lock = cache::lock(&cache, &format!("debian-{name}"))?;
    if directory.join(path).exists() {
        return Ok(directory);
    }
    eprintln!("fetching Debian's {} into {} (once)", packages.join(", "), directory.display());
    let unpacked = tempfile::tempdir_in(&cache).context("make a directory in the cache")?;
    for package in packages {
        fetch(package, unpacked.path())
            .with_context(|| format!("fetch Debian's {package}; or install it with: apt-get install {package}"))?;
    }
    std::fs::create_dir_all(directory.join(path).parent().context("a path in a package has a directory")?)
        .with_context(|| format!("create {}", directory.display()))?;
    std::fs::rename(unpacked.path().join(path), directory.join(path))
        .with_context(|| format!("{} has no {path}", packages.join(", ")))?;
    Ok(directory)
}

/// Downloads the package and unpacks it there. The lists of packages are read anew where there are none.
fn fetch(package: &str, directory: &Path) -> Result<()> {
    let folder = tempfile::tempdir_in(directory).context("make a directory for a package")?;
    let download = || run(Command::new("apt-get").args(["download", package]).current_dir(folder.path()));
    if download().is_err() {
        run(Command::new("apt-get").args(["update", "--quiet"]))?;
        download()?;
    }
    let archive = std::fs::read_dir(folder.path())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|file| file.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get downloaded no package")?;
    run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(directory))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{command:?} failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
