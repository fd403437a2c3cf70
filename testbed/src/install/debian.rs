//! One program out of a Debian package, without installing the package: no service of it is set up, and nobody has to be root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::cache;

/// Prometheus' tool that checks and tests rules: the one on `PATH`, else Debian's in the cache directory.
///
/// # Errors
/// When it is not there and cannot be fetched; the message carries what `apt-get` said.
pub async fn promtool() -> Result<PathBuf> {
    tokio::task::spawn_blocking(|| program("prometheus", "usr/bin/promtool")).await?
}

fn program(package: &str, path: &str) -> Result<PathBuf> {
    let name = Path::new(path).file_name().context("a program has a name")?;
    if let Some(found) = std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()))
    {
        return Ok(found);
    }
    let cache = cache::cache_directory()?;
    let directory = cache.join(format!("debian-{package}"));
    if directory.join(path).is_file() {
        return Ok(directory.join(path));
    }
    let _lock = cache::lock(&cache, &format!("debian-{package}"))?;
    if directory.join(path).is_file() {
        return Ok(directory.join(path));
    }
    eprintln!("fetching Debian's {package} into {} (once)", directory.display());
    let unpacked = tempfile::tempdir_in(&cache).context("make a directory in the cache")?;
    fetch(package, unpacked.path())
        .with_context(|| format!("fetch Debian's {package}; or install it with: apt-get install {package}"))?;
    let fresh = unpacked.path().join(path);
    std::fs::create_dir_all(directory.join(path).parent().context("a program lies in a directory")?)
        .with_context(|| format!("create {}", directory.display()))?;
    std::fs::rename(&fresh, directory.join(path)).with_context(|| format!("{package} has no {path}"))?;
    Ok(directory.join(path))
}

/// Downloads the package and unpacks it there. The lists of packages are read anew where there are none.
fn fetch(package: &str, directory: &Path) -> Result<()> {
    let download = || run(Command::new("apt-get").args(["download", package]).current_dir(directory));
    if download().is_err() {
        run(Command::new("apt-get").args(["update", "--quiet"]))?;
        download()?;
    }
    let archive = std::fs::read_dir(directory)?
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
