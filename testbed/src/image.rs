//! The image without a container engine: its root file system, put together here (a binary, the libraries that it links,
//! the authorities' certificates, nothing else), and commands that run in it as nobody, with nothing to write to.
//!
//! Needs to be root, or a kernel that lets others have user namespaces: then nobody is the one who is root outside of none.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// Where Debian and the base image have them.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// The program's place in the image.
const PROGRAM: &str = "phenom-provisioner";

/// Goes into the root, which nothing can be written to, as nobody; another user than root is nobody enough.
const ENTER: &str = r#"
    mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 98
    touch "$0/probe" 2>/dev/null && exit 99
    if [ "$AS_NOBODY" = yes ]; then exec chroot --userspec=65532:65532 "$0" "$@"; fi
    exec chroot "$0" "$@"
"#;

/// A root file system that goes away when it is dropped.
#[derive(Debug)]
pub struct ImageRoot(TempDir);

impl ImageRoot {
    /// With this program as `/phenom-provisioner`.
    ///
    /// # Errors
    /// When it cannot be put together.
    pub fn new(program: &Path) -> Result<ImageRoot> {
        let root = ImageRoot(tempfile::tempdir().context("make a root")?);
        // Nobody has to be able to look into it.
        fs::set_permissions(root.0.path(), fs::Permissions::from_mode(0o755)).context("open the root")?;
        root.copy(program, Path::new(PROGRAM))?;
        for file in linked(program)? {
            root.copy(&file, file.strip_prefix("/").context("a library without a place")?)?;
        }
        let certificates = Path::new("/").join(CERTIFICATES);
        if certificates.exists() {
            root.copy(&certificates, Path::new(CERTIFICATES))?;
        }
        Ok(root)
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let file = self.0.path().join(to);
        let folder = file.parent().context("a file without a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        fs::copy(from, &file).with_context(|| format!("copy {}", from.display()))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("open {}", file.display()))
    }

    /// The program in the root with these variables and no other of this process. What it becomes has the process id of what is
    /// started.
    pub fn command<K: AsRef<str>, V: AsRef<str>>(&self, arguments: &[&str], variables: &[(K, V)]) -> Command {
        let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let mut command = Command::new("env");
        command.arg("-i");
        command.args(variables.iter().map(|(name, value)| format!("{}={}", name.as_ref(), value.as_ref())));
        command.arg(format!("PATH={}", std::env::var("PATH").unwrap_or_default()));
        command.arg(format!("AS_NOBODY={}", if is_root { "yes" } else { "no" }));
        command.arg("unshare");
        if !is_root {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-c", ENTER]).arg(self.0.path()).arg(format!("/{PROGRAM}")).args(arguments);
        command
    }
}

/// The shared objects that a program needs, the loader among them.
///
/// # Errors
/// When nobody says which.
pub fn linked(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("run ldd, which comes with the C library")?;
    ensure!(output.status.success(), "ldd {}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).context("read what ldd says")?;
    Ok(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}
