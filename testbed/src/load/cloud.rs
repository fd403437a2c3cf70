//! The AWS of a load run: an empty pool, the queue that the service reads, and one beside it for the bare calls.

use anyhow::Result;
use serde_json::{Value, json};

use crate::aws::{EmulatedAws, Queue, QueueOptions};
use crate::process::random;

/// The running emulators.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) aws: EmulatedAws,
    pub(super) beside: Queue,
}

impl Cloud {
    pub(super) async fn start() -> Result<Cloud> {
        let aws = EmulatedAws::start(QueueOptions::default()).await?;
        let beside = aws.sqs.create_queue("beside", QueueOptions::default()).await?;
        Ok(Cloud { aws, beside })
    }

    /// What the service asks the pool about somebody, for `ListUsers`.
    pub(super) fn question(&self) -> Value {
        json!({ "UserPoolId": self.aws.pool.id, "Filter": format!("sub = \"{}\"", random::sub()), "Limit": 1 })
    }
}
