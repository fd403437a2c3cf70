//! Which version this is, and of which commit: what `--version`, the first line of the log and `provisioner_build_info` say.

use std::sync::LazyLock;

/// The number of the release.
pub const NUMBER: &str = env!("CARGO_PKG_VERSION");

/// The commit, where it was told to the compiler (`PHENOM_PROVISIONER_COMMIT`), as it is for the image.
pub const COMMIT: &str = match option_env!("PHENOM_PROVISIONER_COMMIT") {
    Some(commit) if !commit.is_empty() => commit,
    _ => "unknown",
};

/// Both, for a person.
pub static BOTH: LazyLock<String> = LazyLock::new(|| format!("{NUMBER} (commit {COMMIT})"));

/// Describes the metric, and sets it for good.
pub fn show_metric() {
    metrics::describe_gauge!("provisioner_build_info", "1, with version and commit of this replica as labels");
    metrics::gauge!("provisioner_build_info", "version" => NUMBER, "commit" => COMMIT).set(1.0);
}
