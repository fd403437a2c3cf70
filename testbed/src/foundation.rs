//! A database of Synapse's in which stands were made, for others to begin with a copy of it: a room takes Synapse as long as what a
//! journey does in it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use futures_util::stream;
use sqlx::{Connection, PgConnection};

use crate::postgres::Postgres;
use crate::stand::{Prepared, Stand};
use crate::synapse::{Doorkeeper, Origin, Synapse, SynapseOptions};
use crate::wait::wait_until;

/// Stands that are made at once.
const AT_ONCE: usize = 4;
const TOLD_BOUND: Duration = Duration::from_secs(60);

/// Whether each event was looked at for the application services, and each push taken.
const TOLD: &str = "SELECT (SELECT max(stream_ordering) FROM events) = stream_ordering
    AND NOT EXISTS (SELECT FROM application_services_txns) FROM appservice_stream_position";

#[derive(Debug)]
pub(crate) struct Foundation {
    pub(crate) origin: Origin,
    /// Those of the first slots, in order.
    pub(crate) stands: Vec<Prepared>,
}

impl Foundation {
    /// Starts a Synapse, makes so many stands, and ends it once all of that was pushed: nothing of it comes later.
    pub(crate) async fn lay(postgres: &Arc<Postgres>, options: SynapseOptions, count: usize) -> Result<Foundation> {
        let synapse = Synapse::start(postgres, options).await?;
        let slots: Vec<_> = (0..count).map(|_| synapse.slot()).collect();
        let doors = slots.iter().map(|slot| Doorkeeper::at(&slot.listen())).collect::<Result<Vec<_>>>()?;
        let stands = slots.iter().map(|slot| Stand::make(&synapse, slot, None));
        let stands: Vec<Result<Stand>> = stream::iter(stands).buffered(AT_ONCE).collect().await;
        let stands = stands.into_iter().map(|stand| stand.map(Stand::prepared)).collect::<Result<_>>()?;
        let mut database = PgConnection::connect(&synapse.database_url()).await.context("look into its database")?;
        wait_until("all was pushed", TOLD_BOUND, async || {
            sqlx::query_scalar::<_, Option<bool>>(TOLD)
                .fetch_one(&mut database)
                .await
                .is_ok_and(|told| told == Some(true))
        })
        .await?;
        database.close().await.context("close the connection")?;
        drop(doors);
        Ok(Foundation { origin: synapse.into_origin().await?, stands })
    }
}
