//! A Postgres with a Synapse on it: one shared by some tests of a process, or one's own.

use std::sync::{Arc, PoisonError};

use anyhow::Result;
use tokio::sync::{Mutex, OnceCell};

use crate::foundation::Foundation;
use crate::postgres::Postgres;
use crate::stand::{Prepared, Site};
use crate::synapse::{Slot, Synapse, SynapseOptions, SynapseVersion};

/// How many tests share a Synapse, and its application services: some tests take two. It asks each of them about each event. With
/// a hundred and sixty that was two thirds of the time of its main thread, and with 32 still a fifth; a start takes three
/// seconds of a core.
const PLACES: usize = 12;
const SLOTS: usize = 16;

static POSTGRES: OnceCell<Arc<Postgres>> = OnceCell::const_new();
static OLD: Mutex<Shared> = Mutex::const_new(Shared::new());
static NEW: Mutex<Shared> = Mutex::const_new(Shared::new());

/// The beds of one version.
struct Shared {
    /// The one that is given out now, and how many have it already.
    given: Option<(Arc<Bed>, usize)>,
    /// From the second bed on: who runs a few tests does not wait for it.
    foundation: Option<Foundation>,
}

impl Shared {
    const fn new() -> Shared {
        Shared { given: None, foundation: None }
    }
}

/// Where a test lives. Holds nothing that is bound to a runtime.
#[derive(Debug)]
pub struct Bed {
    pub postgres: Arc<Postgres>,
    pub synapse: Synapse,
    /// Slots with what was made for them in advance. Others, which [`Synapse::slot`] gives, have nothing.
    prepared: std::sync::Mutex<Vec<(Slot, Prepared)>>,
}

impl Bed {
    pub(crate) fn new(postgres: Arc<Postgres>, synapse: Synapse) -> Bed {
        Bed { postgres, synapse, prepared: std::sync::Mutex::default() }
    }

    /// Room for a stand of one's own.
    pub fn site(&self) -> Site {
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (slot, prepared) = prepared.map_or_else(|| (self.synapse.slot(), None), |(slot, made)| (slot, Some(made)));
        Site { slot, prepared }
    }
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
    let mut beds = beds.lock().await;
    let (bed, guests) = match beds.given.take() {
        Some((bed, guests)) if guests < PLACES => (bed, guests + 1),
        earlier => match fresh(version, &mut beds.foundation, earlier.is_none()).await {
            Ok(bed) => (Arc::new(bed), 1),
            Err(error) => panic!("no shared Synapse {version}: {error:?}"),
        },
    };
    beds.given = Some((Arc::clone(&bed), guests));
    bed
}

async fn fresh(version: SynapseVersion, foundation: &mut Option<Foundation>, is_first: bool) -> Result<Bed> {
    let postgres = shared_postgres().await;
    let options = SynapseOptions { slots: SLOTS, ..SynapseOptions::new(version) };
    if !is_first && foundation.is_none() {
        *foundation = Some(Foundation::lay(&postgres, options.clone(), PLACES).await?);
    }
    let (origin, prepared) = match foundation {
        Some(Foundation { origin, stands }) => (Some(origin.clone()), &**stands),
        None => (None, [].as_slice()),
    };
    let synapse = Synapse::start(&postgres, SynapseOptions { origin, ..options }).await?;
    let prepared = prepared.iter().map(|made| (synapse.slot(), made.clone())).collect();
    Ok(Bed { prepared: std::sync::Mutex::new(prepared), ..Bed::new(postgres, synapse) })
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
    Ok(Bed::new(postgres, synapse))
}
