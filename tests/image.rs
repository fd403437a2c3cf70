//! The image without a container engine: commands run in a root as it has, as nobody, with nothing to write to, on the examples
//! of `deploy/terraform`, by variables alone. The service itself does its work there in `journeys/from_environment`; what is in
//! the Dockerfile is tested in `deploy/image`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Output;

use testbed::{ImageRoot, linked};

const BINARY: &str = env!("CARGO_BIN_EXE_phenom-provisioner");

/// What the base image (`distroless/cc`) has: the C library and the compiler's runtime.
const OF_THE_BASE: [&str; 5] =
    ["libc.so.6", "libgcc_s.so.1", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"];

fn root() -> ImageRoot {
    ImageRoot::new(Path::new(BINARY)).unwrap()
}

fn run(root: &ImageRoot, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    root.command(arguments, variables).output().expect("env and unshare come with Debian")
}

fn succeeded(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn it_links_nothing_that_the_base_image_lacks() {
    let linked = linked(Path::new(BINARY)).unwrap();
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
    let version = succeeded(run(&root(), &["--version"], &[]));
    let commit = option_env!("PHENOM_PROVISIONER_COMMIT").filter(|commit| !commit.is_empty()).unwrap_or("unknown");
    assert_eq!(version.trim(), format!("phenom-provisioner {} (commit {commit})", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_examples_of_terraform_are_configurations_without_any_file() {
    let root = root();
    for environment in ["production", "staging"] {
        let example =
            format!("{}/deploy/terraform/examples/{environment}/provisioner.toml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(example).unwrap();
        // What the task definition sets, and the secrets it is given.
        let mut variables = vec![
            ("PHENOM_PROVISIONER_CONFIG_TOML", text.as_str()),
            ("PHENOM_PROVISIONER__APPSERVICE__LISTEN", "0.0.0.0:8090"),
            ("PHENOM_PROVISIONER__ADMIN__LISTEN", "0.0.0.0:9090"),
            ("PHENOM_PROVISIONER__ADMIN__HOOK_SECRET", "a-secret-of-thirty-two-characters"),
            ("PHENOM_PROVISIONER__DATABASE__PASSWORD", "p@ss:w/ord%"),
            ("PHENOM_PROVISIONER__ROSTER__PASSWORD", "another%40"),
            ("PHENOM_PROVISIONER__QUEUE__URL", "https://sqs.us-east-1.amazonaws.com/111111111111/confirmations"),
        ];
        let making = ["registration", "--url", "http://provisioner.phenom-prod.local:8090"];
        let registration = succeeded(run(&root, &making, &variables));
        variables.push(("PHENOM_PROVISIONER__APPSERVICE__REGISTRATION_TEXT", &registration));
        let said = succeeded(run(&root, &["config", "check"], &variables));
        assert!(said.contains("PHENOM_PROVISIONER_CONFIG_TOML, appservice.registration_text"), "{said}");
        assert!(!said.contains("as_token") && !said.contains("p@ss"), "{said}");
    }
}
