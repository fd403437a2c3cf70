//! Postgres refuses to run as root: the ordinary user it runs as when we are.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::{Gid, Uid, User};

/// A user that exists in passwd (initdb asks for its name).
#[derive(Debug, Clone, Copy)]
pub(super) struct RunAs {
    uid: Uid,
    gid: Gid,
}

impl RunAs {
    /// Nobody else when we are an ordinary user; `postgres`, else `nobody`, when we are root.
    pub(super) fn if_root() -> Result<Option<RunAs>> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).with_context(|| format!("look up user {name}"))? {
                return Ok(Some(RunAs { uid: user.uid, gid: user.gid }));
            }
        }
        bail!("Postgres refuses to run as root and there is no user postgres or nobody; add one, or run as a user")
    }

    /// `program`, run as this user.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={}", self.uid))
            .arg(format!("--regid={}", self.gid))
            .args(["--clear-groups", "--"])
            .arg(program);
        command
    }

    /// Lets the user pass through a directory of ours.
    pub(super) fn open_directory(self, directory: &Path) -> Result<()> {
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o711))
            .with_context(|| format!("open {}", directory.display()))
    }

    pub(super) fn own(self, path: &Path) -> Result<()> {
        nix::unistd::chown(path, Some(self.uid), Some(self.gid)).with_context(|| format!("chown {}", path.display()))
    }

    /// The binaries if this user can run them; else a copy under `directory` (root's cache is closed to others).
    pub(super) fn reachable(self, binaries: &Path, directory: &Path) -> Result<PathBuf> {
        // A separate program asks: setpriv itself still passes closed directories when it executes one.
        let mut probe = self.command(Path::new("test"));
        let probe = probe.arg("-x").arg(binaries.join("initdb")).current_dir("/").status();
        if probe.context("run setpriv; install util-linux, or do not run as root")?.success() {
            return Ok(binaries.to_owned());
        }
        let install = binaries.parent().context("the binaries have no parent directory")?;
        let package = install.parent().context("the installation has no parent directory")?;
        let name = package.file_name().context("the package has no name")?;
        let copy = directory.join("binaries");
        std::fs::create_dir(&copy).context("make a directory for the binaries")?;
        let package_copy = copy.join(name);
        std::fs::create_dir(&package_copy).context("make a directory for the package")?;
        let install_copy = package_copy.join(install.file_name().context("the installation has no name")?);
        copy_tree(install, &install_copy)?;
        // The wheel's programs look for their libraries in `../../../<package>.libs`.
        let libraries = package.with_extension("libs");
        if libraries.exists() {
            copy_tree(&libraries, &package_copy.with_extension("libs"))?;
        }
        Ok(install_copy.join("bin"))
    }
}

pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-a").arg("--").args([from, to]).status().context("run cp")?;
    if !status.success() {
        bail!("copy {} to {} ({status})", from.display(), to.display());
    }
    Ok(())
}
