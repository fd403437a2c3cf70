//! Synapse's files. JSON is YAML, so no YAML writer is needed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Synapse;
use crate::process::random;

pub(super) fn path(synapse: &Synapse) -> PathBuf {
    synapse.part.directory().join("homeserver.yaml")
}

pub(super) fn signing_key_path(synapse: &Synapse) -> PathBuf {
    synapse.part.directory().join("signing.key")
}

pub(super) fn write(synapse: &Synapse) -> Result<()> {
    let directory = synapse.part.directory();
    let key = synapse.options.origin.as_ref().map_or_else(signing_key, |origin| origin.signing_key.clone());
    std::fs::write(signing_key_path(synapse), key).context("write the signing key")?;
    let log = serde_json::to_string_pretty(&log_config()).context("print the log configuration")?;
    std::fs::write(directory.join("log.yaml"), log).context("write the log configuration")?;
    let mut settings = homeserver(synapse);
    if let Some(federation) = &synapse.options.federation {
        federation.apply(&mut settings);
    }
    let settings = serde_json::to_string_pretty(&settings).context("print the configuration")?;
    std::fs::write(path(synapse), settings).context("write the configuration")
}

/// Changes which registrations are loaded at the next start.
pub(super) fn set_registrations(synapse: &Synapse, files: &[&Path]) -> Result<()> {
    set(synapse, &[("/app_service_config_files", json!(files))])
}

/// Changes settings for the next start, each by a JSON pointer into the file. Null takes one out.
pub(super) fn set(synapse: &Synapse, changes: &[(&str, Value)]) -> Result<()> {
    let text = std::fs::read_to_string(path(synapse)).context("read the configuration")?;
    let mut settings: Value = serde_json::from_str(&text).context("parse the configuration")?;
    for (pointer, value) in changes {
        let (section, key) = pointer.rsplit_once('/').context("a pointer begins with /")?;
        let section = settings.pointer_mut(section).with_context(|| format!("no section for {pointer}"))?;
        let section = section.as_object_mut().with_context(|| format!("{pointer} is below no section"))?;
        match value {
            Value::Null => section.remove(key),
            value => section.insert(key.to_owned(), value.clone()),
        };
    }
    let settings = serde_json::to_string_pretty(&settings).context("print the configuration")?;
    std::fs::write(path(synapse), settings).context("write the configuration")
}

fn homeserver(synapse: &Synapse) -> Value {
    let directory = synapse.part.directory();
    let free = json!({ "per_second": 100_000, "burst_count": 100_000 });
    let registrations: Vec<_> = synapse.slots.iter().map(|slot| &slot.registration).collect();
    json!({
        "server_name": synapse.options.server_name,
        "public_baseurl": synapse.url(),
        "report_stats": false,
        "signing_key_path": signing_key_path(synapse),
        "log_config": directory.join("log.yaml"),
        "media_store_path": directory.join("media"),
        "pid_file": directory.join("synapse.pid"),
        "listeners": [{
            "port": synapse.port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": false,
            "resources": [{ "names": ["client"], "compress": false }],
        }],
        "database": { "name": "psycopg2", "args": {
            "host": "127.0.0.1", "port": synapse.postgres.port(), "user": "postgres", "dbname": synapse.database,
            // Each connection learns the tables by itself: ten of them cost more than they carry.
            "cp_min": 1, "cp_max": 3,
        }},
        "jwt_config": {
            "enabled": true, "algorithm": "HS256", "secret": synapse.jwt_secret, "subject_claim": "sub",
        },
        // A hash of twelve rounds, the default, is a quarter of a second of work for each admin of a stage.
        "bcrypt_rounds": 4,
        "enable_registration": false,
        "registration_shared_secret": synapse.shared_secret,
        "macaroon_secret_key": random::word(),
        "form_secret": random::word(),
        "app_service_config_files": registrations,
        "rc_login": { "address": free, "account": free, "failed_attempts": free },
        "rc_registration": free,
        "rc_message": free,
        "rc_admin_redaction": free,
        "rc_joins": { "local": free, "remote": free },
        "rc_joins_per_room": free,
        "rc_invites": { "per_room": free, "per_user": free, "per_issuer": free },
        // Off the wire: no other server, no key server, no previews.
        "federation_domain_whitelist": [],
        "trusted_key_servers": [],
        "suppress_key_server_warning": true,
        "presence": { "enabled": false },
        "url_preview_enabled": false,
        "background_updates": { "sleep_enabled": false },
    })
}

/// Synapse's own warnings and one line a request, on standard error (which is the part's log).
fn log_config() -> Value {
    json!({
        "version": 1,
        "formatters": { "line": {
            "format": "%(asctime)s %(levelname)s %(name)s %(request)s %(message)s",
        }},
        "filters": { "context": { "()": "synapse.logging.context.LoggingContextFilter", "request": "" } },
        "handlers": { "stderr": { "class": "logging.StreamHandler", "formatter": "line", "filters": ["context"] } },
        "loggers": { "synapse.access": { "level": "INFO" } },
        "root": { "level": "WARNING", "handlers": ["stderr"] },
        "disable_existing_loggers": false,
    })
}

/// An ed25519 seed (32 bytes, unpadded base64) in Synapse's key file format. Four random bits an `A` to `P` each.
fn signing_key() -> String {
    let letters: String = (0..4)
        .flat_map(|_| random::word().into_bytes())
        .filter_map(|digit| char::from(digit).to_digit(16))
        .filter_map(|value| char::from_u32(u32::from(b'A') + value))
        .take(42)
        .collect();
    // The last letter carries only four bits: A leaves the two spare ones zero.
    format!("ed25519 a_test {letters}A\n")
}
