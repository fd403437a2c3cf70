//! `[appservice]`: the registration shared with Synapse, and where Synapse pushes to.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{grammar, grammar::duration};

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
    /// How long transactions are still taken after a signal to stop, because service discovery lags.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::between::<0, 15>")]
    pub linger: Duration,
}

impl Default for AppserviceSection {
    fn default() -> Self {
        Self {
            registration: PathBuf::from("registration.yaml"),
            listen: (Ipv4Addr::UNSPECIFIED, 8090).into(),
            linger: Duration::from_secs(5),
        }
    }
}
