//! What of Synapse's configuration makes it federate, and with nobody but those it is told of.

use std::path::PathBuf;

use serde_json::{Value, json};

/// All of IPv4 but 127.0.0.0/8.
const OUTSIDE: [&str; 8] = [
    "0.0.0.0/2",
    "64.0.0.0/3",
    "96.0.0.0/4",
    "112.0.0.0/5",
    "120.0.0.0/6",
    "124.0.0.0/7",
    "126.0.0.0/8",
    "128.0.0.0/1",
];

/// A Synapse's place in a federation.
#[derive(Debug, Clone)]
pub struct FederationOptions {
    /// Where it listens for other servers.
    pub port: u16,
    /// The server names of all who are in it.
    pub names: Vec<String>,
    pub tls: Tls,
}

/// Files of PEM.
#[derive(Debug, Clone)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Who must have signed the certificates of the other servers.
    pub authority: PathBuf,
}

impl FederationOptions {
    pub(super) fn apply(&self, settings: &mut Value) {
        let Self { port, names, tls } = self;
        if let Some(listeners) = settings["listeners"].as_array_mut() {
            listeners.push(json!({
                "port": port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": true,
                "resources": [{ "names": ["federation"], "compress": false }],
            }));
        }
        settings["tls_certificate_path"] = json!(tls.certificate);
        settings["tls_private_key_path"] = json!(tls.key);
        settings["federation_custom_ca_list"] = json!([tls.authority]);
        settings["federation_domain_whitelist"] = json!(names);
        // By default loopback is what is shut.
        settings["federation_ip_range_blacklist"] = json!(OUTSIDE);
    }
}
