//! `[appservice]`: the registration shared with Synapse, and where Synapse pushes to.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Config, Secret, grammar, grammar::duration, report::ProblemReport};

/// The file where neither a file nor a text is given.
const DEFAULT_FILE: &str = "registration.yaml";

/// The registration that is shared with Synapse, and where Synapse pushes to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("not" = { "required": ["registration", "registration_text"] }))]
pub struct AppserviceSection {
    /// The registration file, the same that Synapse loads: `registration.yaml` when left out. A relative path starts at the
    /// folder of this file.
    #[schemars(schema_with = "grammar::text")]
    pub registration: Option<PathBuf>,
    /// The YAML of the registration itself, where there is no file; never both.
    #[schemars(extend("x-without-file" = true))]
    pub registration_text: Option<Secret>,
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
            registration: None,
            registration_text: None,
            listen: (Ipv4Addr::UNSPECIFIED, 8090).into(),
            linger: Duration::from_secs(5),
        }
    }
}

impl AppserviceSection {
    /// What messages name the registration by: its file, or the key that holds it.
    pub fn registration_name(&self) -> &Path {
        match &self.registration {
            Some(file) => file,
            None => Path::new("appservice.registration_text"),
        }
    }

    /// Without a text there is a file, in the folder `base` unless its path says otherwise.
    pub(super) fn complete(&mut self, base: &Path) {
        if self.registration_text.is_none() {
            self.registration = Some(base.join(self.registration.as_deref().unwrap_or(Path::new(DEFAULT_FILE))));
        }
    }
}

/// Two registrations could be two: whose tokens count cannot be guessed.
pub(super) fn check(config: &Config, report: &mut ProblemReport<'_>) {
    let AppserviceSection { registration, registration_text, .. } = &config.appservice;
    if registration.is_some() && registration_text.is_some() {
        let place = report.places.place("/appservice/registration");
        report.add(
            "/appservice/registration_text",
            format!("appservice.registration_text is given, and so is appservice.registration ({place})"),
            "keep one of registration and registration_text",
        );
    }
}
