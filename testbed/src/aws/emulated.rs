//! All of AWS that the service is told of at once: an empty pool of users, and the queue of confirmations.

use anyhow::Result;

use super::{Moto, Pool, Queue, QueueOptions, Sqs};

/// The running emulators. Dropping it ends them.
#[derive(Debug)]
pub struct EmulatedAws {
    pub pool: Pool,
    pub queue: Queue,
    pub sqs: Sqs,
    _moto: Moto,
}

impl EmulatedAws {
    /// Starts them, with such a queue.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start(queue: QueueOptions) -> Result<EmulatedAws> {
        let (moto, sqs) = tokio::try_join!(Moto::start(), Sqs::start())?;
        let queue = sqs.create_queue("confirmations", queue).await?;
        Ok(EmulatedAws { pool: Pool::create(&moto).await?, queue, sqs, _moto: moto })
    }

    /// For the service's configuration.
    pub fn sections(&self) -> String {
        let EmulatedAws { pool, queue, .. } = self;
        format!(
            "[cognito]\nregion = \"{}\"\nuser_pool_id = \"{}\"\nendpoint_url = \"{}\"\n\
             [queue]\nurl = \"{}\"\nendpoint_url = \"{}\"\n",
            pool.region, pool.id, pool.endpoint, queue.url, queue.endpoint
        )
    }
}
