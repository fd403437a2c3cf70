//! The AWS of a load run: an empty pool, the queue that the service reads, and one beside it for the bare calls.

use anyhow::Result;
use serde_json::{Value, json};

use crate::aws::{Moto, Pool, Queue, QueueOptions, Sqs};
use crate::process::random;

/// The running emulators.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) pool: Pool,
    pub(super) queue: Queue,
    pub(super) beside: Queue,
    _moto: Moto,
    _sqs: Sqs,
}

impl Cloud {
    pub(super) async fn start() -> Result<Cloud> {
        let (moto, sqs) = tokio::try_join!(Moto::start(), Sqs::start())?;
        let queue = sqs.create_queue("confirmations", QueueOptions::default()).await?;
        let beside = sqs.create_queue("beside", QueueOptions::default()).await?;
        Ok(Cloud { pool: Pool::create(&moto).await?, queue, beside, _moto: moto, _sqs: sqs })
    }

    /// For the service's configuration.
    pub(super) fn sections(&self) -> String {
        let Cloud { pool, queue, .. } = self;
        format!(
            "[cognito]\nregion = \"{}\"\nuser_pool_id = \"{}\"\nendpoint_url = \"{}\"\n\
             [queue]\nurl = \"{}\"\nendpoint_url = \"{}\"\n",
            pool.region, pool.id, pool.endpoint, queue.url, queue.endpoint
        )
    }

    /// What the service asks the pool about somebody, for `ListUsers`.
    pub(super) fn question(&self) -> Value {
        json!({ "UserPoolId": self.pool.id, "Filter": format!("sub = \"{}\"", random::sub()), "Limit": 1 })
    }
}
