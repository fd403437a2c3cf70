//! The Synapse versions tests run against: production's and a current one.

use std::fmt;

use crate::install::Environment;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SynapseVersion {
    /// 1.105.1, as in production.
    V1_105,
    /// 1.163.2.
    V1_163,
}

impl SynapseVersion {
    pub const ALL: [SynapseVersion; 2] = [SynapseVersion::V1_105, SynapseVersion::V1_163];

    /// The versions to test: all, or the one `TESTBED_SYNAPSE` names by a prefix of its number (such as `1.105`).
    ///
    /// # Panics
    /// When the variable names none, so that a typo never turns tests off.
    pub fn from_env() -> Vec<SynapseVersion> {
        let wanted = std::env::var("TESTBED_SYNAPSE").unwrap_or_default();
        let chosen: Vec<SynapseVersion> =
            Self::ALL.into_iter().filter(|version| version.number().starts_with(&wanted)).collect();
        assert!(!chosen.is_empty(), "TESTBED_SYNAPSE={wanted} names no version; use 1.105 or 1.163, or unset it");
        chosen
    }

    /// Whether `TESTBED_SYNAPSE` leaves this version in: for tests written once a version.
    pub fn enabled(self) -> bool {
        Self::from_env().contains(&self)
    }

    pub fn number(self) -> &'static str {
        match self {
            SynapseVersion::V1_105 => "1.105.1",
            SynapseVersion::V1_163 => "1.163.2",
        }
    }

    /// What it is installed into.
    pub fn environment(self) -> Environment {
        match self {
            SynapseVersion::V1_105 => Environment::Synapse1_105,
            SynapseVersion::V1_163 => Environment::Synapse1_163,
        }
    }
}

impl fmt::Display for SynapseVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.number())
    }
}
