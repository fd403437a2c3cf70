//! `[appservice]`: the registration shared with Synapse, and where Synapse pushes to.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grammar;

/// The application service side.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AppserviceSection {
    /// The registration file, the same that Synapse loads. A relative path starts at the folder of this file.
    #[schemars(schema_with = "grammar::text")]
    pub registration: PathBuf,
    /// Where Synapse's pushes are taken.
    #[schemars(schema_with = "grammar::listen")]
    pub listen: SocketAddr,
}

impl Default for AppserviceSection {
    fn default() -> Self {
        Self { registration: PathBuf::from("registration.yaml"), listen: (Ipv4Addr::UNSPECIFIED, 8090).into() }
    }
}
