//! Two Synapses that federate with each other on loopback, and a hostile third hand that speaks for one of them.
//!
//! Their names are addresses with a port, so nothing is looked up; each lets in the other by name, trusts only the authority
//! made here, and reaches no address outside loopback.

mod authority;
mod hostile;

use std::sync::Arc;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tokio::sync::OnceCell;

use crate::bed::Bed;
use crate::postgres::Postgres;
use crate::process::{Part, ports};
use crate::synapse::{FederationOptions, Synapse, SynapseOptions, SynapseVersion};
use authority::Authority;

pub use hostile::{Draft, Hostile};

const HOST: &str = "127.0.0.1";
/// How many tests of one process share a federation. Nobody else does.
const PLACES: usize = 16;

static OLD: OnceCell<Arc<Federation>> = OnceCell::const_new();
static NEW: OnceCell<Arc<Federation>> = OnceCell::const_new();

/// A bed whose Synapse federates with one other.
#[derive(Debug)]
pub struct Federation {
    /// Where the service under test lives.
    pub bed: Arc<Bed>,
    /// The other server.
    pub other: Synapse,
    /// Sends in the name of the other server what its Synapse would not.
    pub hostile: Hostile,
    /// Holds certificates and keys.
    _files: Part,
}

/// The federation that the tests of this process share. Take a slot of it, make your own rooms and people, and never stop its
/// parts. It ends with the process.
///
/// # Panics
/// When it cannot be started: no test could go on.
pub async fn federated(version: SynapseVersion) -> Arc<Federation> {
    let shared = match version {
        SynapseVersion::V1_105 => &OLD,
        SynapseVersion::V1_163 => &NEW,
    };
    match shared.get_or_try_init(async || Federation::start(version).await.map(Arc::new)).await {
        Ok(federation) => Arc::clone(federation),
        Err(error) => panic!("no federation of two Synapses {version}: {error:?}"),
    }
}

impl Federation {
    /// # Errors
    /// When a part of it cannot be started.
    pub async fn start(version: SynapseVersion) -> Result<Federation> {
        let files = Part::new("federation", Signal::SIGKILL)?;
        let authority = Authority::new(files.directory())?;
        let ports = [ports::free_port()?, ports::free_port()?];
        let names = ports.map(|port| format!("{HOST}:{port}"));
        let options = |index: usize, slots: usize| {
            let tls = authority.issue(&format!("server-{index}"), HOST)?;
            let federation = FederationOptions { port: ports[index], names: names.to_vec(), tls };
            let server_name = names[index].clone();
            anyhow::Ok(SynapseOptions {
                server_name,
                slots,
                federation: Some(federation),
                ..SynapseOptions::new(version)
            })
        };
        let postgres = Arc::new(Postgres::start().await?);
        let (synapse, other) =
            tokio::try_join!(Synapse::start(&postgres, options(0, PLACES)?), Synapse::start(&postgres, options(1, 0)?))
                .context("start two Synapses")?;
        let hostile = Hostile::new(&other, synapse.server_name(), &authority.certificate());
        Ok(Federation { bed: Arc::new(Bed::new(postgres, synapse)), other, hostile, _files: files })
    }
}
