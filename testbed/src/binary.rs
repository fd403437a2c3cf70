//! The service's binary: built by the cargo that runs us, as a user would get it.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

const NAME: &str = "phenom-provisioner";

/// What cargo sets for the crate it runs. Passed on, it would make build scripts of the next cargo run again.
const NOT_PASSED_ON: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"];

/// Builds the binary of the workspace and gives its path: for release where we were, and otherwise for development. Errors
/// of the build go to standard error.
///
/// # Errors
/// When cargo is missing or the build fails.
pub(crate) async fn build() -> Result<PathBuf> {
    // The whole workspace, as `cargo demo` itself was built: another choice of packages is another choice of features, and
    // would compile half of the dependencies again.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--workspace", "--bin", NAME, "--message-format=json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // Set by `cargo demo`; elsewhere the current directory has to be within the workspace.
    if let Some(testbed) = std::env::var_os("CARGO_MANIFEST_DIR") {
        command.current_dir(testbed);
    }
    for (key, _) in std::env::vars_os() {
        if NOT_PASSED_ON.iter().any(|prefix| key.to_string_lossy().starts_with(prefix)) {
            command.env_remove(key);
        }
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .context("run cargo; is Rust installed?")?;
    ensure!(output.status.success(), "cargo could not build {NAME} ({}); its errors are above", output.status);
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == NAME)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo built {NAME} and did not say where it is"))
}
