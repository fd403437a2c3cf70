//! A Postgres with a Synapse on it: one shared by the tests of a process, or one's own.

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::OnceCell;

use crate::postgres::Postgres;
use crate::synapse::{Synapse, SynapseOptions, SynapseVersion};

static POSTGRES: OnceCell<Arc<Postgres>> = OnceCell::const_new();
static OLD: OnceCell<Arc<Bed>> = OnceCell::const_new();
static NEW: OnceCell<Arc<Bed>> = OnceCell::const_new();

/// Where a test lives. Holds nothing that is bound to a runtime.
#[derive(Debug)]
pub struct Bed {
    pub postgres: Arc<Postgres>,
    pub synapse: Synapse,
}

/// The bed all tests of this process share. Take a slot of it, make your own rooms and databases, and never stop
/// its parts (use [`own`] for that). It ends with the process.
///
/// # Panics
/// When it cannot be started: no test could go on.
pub async fn shared(version: SynapseVersion) -> Arc<Bed> {
    let cell = match version {
        SynapseVersion::V1_105 => &OLD,
        SynapseVersion::V1_163 => &NEW,
    };
    let start = async || {
        let postgres = shared_postgres().await;
        let synapse = Synapse::start(&postgres, SynapseOptions::new(version)).await?;
        Ok::<_, anyhow::Error>(Arc::new(Bed { postgres, synapse }))
    };
    match cell.get_or_try_init(start).await {
        Ok(bed) => Arc::clone(bed),
        Err(error) => panic!("no shared Synapse {version}: {error:?}"),
    }
}

/// The Postgres all tests of this process share.
///
/// # Panics
/// When it cannot be started: no test could go on.
pub async fn shared_postgres() -> Arc<Postgres> {
    match POSTGRES.get_or_try_init(async || Postgres::start().await.map(Arc::new)).await {
        Ok(postgres) => Arc::clone(postgres),
        Err(error) => panic!("no shared Postgres: {error:?}"),
    }
}

/// A bed of one's own, for tests that stop Synapse or Postgres; removed when dropped.
///
/// # Errors
/// When it cannot be started.
pub async fn own(version: SynapseVersion) -> Result<Bed> {
    let postgres = Arc::new(Postgres::start().await?);
    let synapse = Synapse::start(&postgres, SynapseOptions { slots: 2, ..SynapseOptions::new(version) }).await?;
    Ok(Bed { postgres, synapse })
}
