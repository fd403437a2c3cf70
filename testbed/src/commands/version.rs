//! Which Synapse a command runs on.

use clap::ValueEnum;
use testbed::SynapseVersion;

/// A version by its number.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Version {
    #[value(name = "1.105.1", alias = "1.105")]
    V1_105,
    #[value(name = "1.163.2", alias = "1.163")]
    V1_163,
}

impl From<Version> for SynapseVersion {
    fn from(version: Version) -> SynapseVersion {
        match version {
            Version::V1_105 => SynapseVersion::V1_105,
            Version::V1_163 => SynapseVersion::V1_163,
        }
    }
}
