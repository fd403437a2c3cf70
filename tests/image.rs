//! The image without a container engine: its root file system is put together here (the binary and the libraries that it
//! links, nothing else), and commands run in it as nobody, with nothing to write to, on the examples of `deploy/terraform`.
//! What is in the Dockerfile itself is tested in `deploy/image`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_phenom-provisioner");

/// What the base image (`distroless/cc`) has: the C library and the compiler's runtime.
const OF_THE_BASE: [&str; 5] =
    ["libc.so.6", "libgcc_s.so.1", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"];

/// Goes into the root, which nothing can be written to, as nobody; another user than root is nobody enough.
const ENTER: &str = r#"
    mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 98
    touch "$0/probe" 2>/dev/null && exit 99
    if [ "$AS_NOBODY" = yes ]; then exec chroot --userspec=65532:65532 "$0" "$@"; fi
    exec chroot "$0" "$@"
"#;

/// The shared objects that the binary needs, the loader among them.
fn linked() -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(BINARY).output().expect("ldd comes with the C library");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

struct Root(TempDir);

impl Root {
    fn new() -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        // Whoever enters has to be able to look into it.
        std::fs::set_permissions(root.0.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        root.put("phenom-provisioner", &std::fs::read(BINARY).unwrap());
        for file in linked() {
            root.put(file.strip_prefix("/").unwrap(), &std::fs::read(&file).unwrap());
        }
        root
    }

    fn put(&self, path: impl AsRef<Path>, content: &[u8]) {
        let file = self.0.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let as_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        let mut command = Command::new("unshare");
        if !as_root {
            command.args(["--user", "--map-root-user"]);
        }
        command
            .args(["--mount", "sh", "-c", ENTER])
            .arg(self.0.path())
            .arg("/phenom-provisioner")
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AS_NOBODY", if as_root { "yes" } else { "no" })
            .envs(variables.iter().copied())
            .output()
            .expect("unshare comes with Debian")
    }
}

fn succeeded(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn it_links_nothing_that_the_base_image_lacks() {
    let linked = linked();
    assert!(!linked.is_empty());
    for file in linked {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            OF_THE_BASE.contains(&name.as_str()),
            "{name} is not in distroless/cc: another base image, or link without"
        );
    }
}

#[test]
fn it_runs_as_nobody_where_nothing_can_be_written() {
    let root = Root::new();
    assert!(succeeded(root.run(&["--version"], &[])).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_examples_of_terraform_are_configurations() {
    let root = Root::new();
    for environment in ["production", "staging"] {
        let example = format!("{}/deploy/terraform/examples/{environment}", env!("CARGO_MANIFEST_DIR"));
        root.put("provisioner.toml", &std::fs::read(format!("{example}/provisioner.toml")).unwrap());
        // What the task definition sets.
        let variables = [
            ("PHENOM_PROVISIONER_CONFIG", "/provisioner.toml"),
            ("PHENOM_PROVISIONER__APPSERVICE__LISTEN", "0.0.0.0:8090"),
            ("PHENOM_PROVISIONER__ADMIN__LISTEN", "0.0.0.0:9090"),
            ("PHENOM_PROVISIONER__ADMIN__HOOK_SECRET", "a-secret-of-thirty-two-characters"),
            ("PHENOM_PROVISIONER__QUEUE__URL", "https://sqs.us-east-1.amazonaws.com/111111111111/confirmations"),
        ];
        let registration =
            root.run(&["registration", "--url", "http://provisioner.phenom-prod.local:8090"], &variables);
        root.put("registration.yaml", succeeded(registration).as_bytes());
        succeeded(root.run(&["config", "check"], &variables));
    }
}
