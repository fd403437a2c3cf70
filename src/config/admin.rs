//! `[admin]`: the internal listener for probes, metrics and the roster hook.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Config, Secret, grammar, report::ProblemReport};

/// The internal listener: probes, metrics and the roster hook.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminSection {
    /// Where probes, metrics and hooks are answered.
    #[schemars(schema_with = "grammar::listen")]
    pub listen: SocketAddr,
    /// What the roster hook expects in the header `x-provisioner-secret`. Without it the hook is off.
    #[schemars(schema_with = "grammar::shared_secret")]
    pub hook_secret: Option<Secret>,
}

impl Default for AdminSection {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 9090).into(), hook_secret: None }
    }
}

/// The two listeners cannot share a port. Port 0 means any free one and never clashes.
pub(super) fn check(config: &Config, report: &mut ProblemReport<'_>) {
    let (appservice, admin) = (config.appservice.listen, config.admin.listen);
    let same_address = appservice.ip() == admin.ip() || appservice.ip().is_unspecified() || admin.ip().is_unspecified();
    if report.sound("/appservice/listen") && admin.port() != 0 && appservice.port() == admin.port() && same_address {
        report.add(
            "/admin/listen",
            format!("admin.listen = \"{admin}\" clashes with appservice.listen = \"{appservice}\""),
            "give each its own port",
        );
    }
}
