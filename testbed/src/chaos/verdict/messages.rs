//! Every message of the queue has its row, and was deleted after it.

use std::time::Instant;

use anyhow::{Context, Result};
use sqlx::PgConnection;

use super::{LOOK, PATIENCE, Verdict};
use crate::chaos::stage::Stage;

impl Verdict {
    pub(super) async fn look_at_messages(&mut self, stage: &Stage, ours: &mut PgConnection) -> Result<()> {
        let sql = "SELECT subject FROM provisioner.accounts WHERE state = 'active'";
        let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(ours).await.context("read the accounts")?;
        let lost = stage.sign_ups.told.iter().filter(|sub| !rows.contains(sub));
        self.broken.extend(lost.map(|sub| format!("the message about {sub} has no row")));
        let left = async || {
            let depth = stage.sign_ups.aws.queue.depth().await?;
            Ok::<_, anyhow::Error>(depth.visible + depth.in_flight + depth.delayed)
        };
        let began = Instant::now();
        while left().await? > 0 {
            if began.elapsed() > PATIENCE {
                self.broken.push(format!("{} messages are left in the queue", left().await?));
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}
