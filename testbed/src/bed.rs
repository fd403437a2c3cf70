//! A Postgres with a Synapse on it: one shared by some tests of a process, or one's own.

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::{Mutex, OnceCell};

use crate::postgres::Postgres;
use crate::synapse::{Synapse, SynapseOptions, SynapseVersion};

/// How many tests share a Synapse, and its application services: some tests take two. It asks each of them about each event. With
/// a hundred and sixty that was two thirds of the time of its main thread, and with 32 still a fifth; a start costs as much as
/// three tests' rooms and people.
const PLACES: usize = 12;
const SLOTS: usize = 16;

static POSTGRES: OnceCell<Arc<Postgres>> = OnceCell::const_new();
static OLD: Shared = Shared::const_new(None);
static NEW: Shared = Shared::const_new(None);

/// The bed that is given out now, and how many have it already.
type Shared = Mutex<Option<(Arc<Bed>, usize)>>;

/// Where a test lives. Holds nothing that is bound to a runtime.
#[derive(Debug)]
pub struct Bed {
    pub postgres: Arc<Postgres>,
    pub synapse: Synapse,
}

/// A bed that some tests of this process share. Take a slot of it, make your own rooms and databases, and never stop
/// its parts (use [`own`] for that). It ends with the last who has it, or with the process.
///
/// # Panics
/// When it cannot be started: no test could go on.
pub async fn shared(version: SynapseVersion) -> Arc<Bed> {
    let beds = match version {
        SynapseVersion::V1_105 => &OLD,
        SynapseVersion::V1_163 => &NEW,
    };
    let mut given = beds.lock().await;
    let (bed, guests) = match given.take() {
        Some((bed, guests)) if guests < PLACES => (bed, guests + 1),
        _ => (fresh(version).await, 1),
    };
    *given = Some((Arc::clone(&bed), guests));
    bed
}

async fn fresh(version: SynapseVersion) -> Arc<Bed> {
    let postgres = shared_postgres().await;
    let options = SynapseOptions { slots: SLOTS, ..SynapseOptions::new(version) };
    match Synapse::start(&postgres, options).await {
        Ok(synapse) => Arc::new(Bed { postgres, synapse }),
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
