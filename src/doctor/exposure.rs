//! Where secrets lie open: files that others may read, and connections that others may listen to.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::Finding;
use crate::config::{Config, unencrypted_host};

/// Looks at the files and the addresses of the configuration.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    vec![files(config), connections(config)]
}

/// The group may read: Synapse has the same registration.
fn files(config: &Config) -> Finding {
    const CHECK: &str = "secrets";
    let files: Vec<&Path> = config
        .appservice
        .registration
        .iter()
        .chain(config.secret_files.iter().map(|file| &file.path))
        .map(PathBuf::as_path)
        .collect();
    if files.is_empty() {
        return Finding::pass(
            CHECK,
            "no secret is in a file: they come from the environment, or stand in the configuration",
        );
    }
    let open: Vec<String> = files.iter().filter(|file| is_open(file)).map(|file| file.display().to_string()).collect();
    if open.is_empty() {
        return Finding::pass(CHECK, "files with secrets are for their owner, and a group that may read them");
    }
    Finding::warn(
        CHECK,
        format!("everybody on this machine may read, or more than the owner write, {}", open.join(" and ")),
        "chmod 600, or 640 with Synapse's group; if others had access to the machine, make fresh secrets",
    )
}

/// What cannot be looked at was named by others.
fn is_open(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o026 != 0)
}

fn connections(config: &Config) -> Finding {
    const CHECK: &str = "transport";
    let mut open = Vec::new();
    let url = &config.homeserver.url;
    if let Some(host) = unencrypted_host(url) {
        open.push((
            format!("the as_token, with which anybody is a server admin, goes to {host} unencrypted (homeserver.url)"),
            "let homeserver.url be https, or keep that network to the two of them",
        ));
    }
    let roster = config.roster.as_ref().map(|roster| ("roster.url", roster.url.expose()));
    for (key, url) in [("database.url", config.database.url.expose())].into_iter().chain(roster) {
        if let Some(host) = unverified(url) {
            open.push((
                format!("somebody on the way may pass for the Postgres at {host} ({key})"),
                "add sslmode=verify-full and sslrootcert=… to the URL",
            ));
        }
    }
    open.dedup_by(|(a, _), (b, _)| a == b);
    let (texts, mut mends): (Vec<String>, Vec<&str>) = open.into_iter().unzip();
    mends.dedup();
    if texts.is_empty() {
        return Finding::pass(CHECK, "what carries secrets is encrypted and checked, or stays on this machine");
    }
    Finding::warn(CHECK, texts.join("; "), mends.join("; "))
}

/// The host of a Postgres that is not on this machine and could be another than it says.
fn unverified(url: &str) -> Option<String> {
    let options = PgConnectOptions::from_str(url).ok()?;
    let is_local = options.get_socket().is_some() || is_loopback(options.get_host());
    (!is_local && !matches!(options.get_ssl_mode(), PgSslMode::VerifyFull)).then(|| options.get_host().to_owned())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.starts_with('/') || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_in_the_open_is_told_of() {
        assert_eq!(unencrypted_host("http://synapse.internal:8008/"), Some("synapse.internal".to_owned()));
        assert_eq!(unencrypted_host("http://[2001:db8::1]:8008"), Some("2001:db8::1".to_owned()));
        for url in ["https://synapse.internal", "http://127.0.0.1:8008", "http://localhost/", "http://[::1]:8008"] {
            assert_eq!(unencrypted_host(url), None, "{url}");
        }
    }

    #[test]
    fn a_postgres_that_is_not_checked_is_told_of() {
        for url in ["postgres://u:p@db/x", "postgres://u:p@db/x?sslmode=require", "postgres://u@db/x?sslmode=verify-ca"]
        {
            assert_eq!(unverified(url), Some("db".to_owned()), "{url}");
        }
        for url in ["postgres://u:p@db/x?sslmode=verify-full", "postgres://u@127.0.0.1/x", "postgres://u@%2Frun/x"] {
            assert_eq!(unverified(url), None, "{url}");
        }
    }
}
