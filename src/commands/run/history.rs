//! `history [user]`: the newest lines of the ledger.

use anyhow::Context;

use super::CommandFailure;
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, Table, code, text};
use crate::store::HistoryFilter;

/// Lines of an answer.
const LINES: usize = 15;

impl Desk {
    /// Of one MXID, or of all.
    pub(crate) async fn history(&self, mxid: Option<&str>) -> Result<Reply, CommandFailure> {
        let limit = i64::try_from(LINES + 5).unwrap_or(i64::MAX);
        let filter = HistoryFilter { user_id: mxid.map(str::to_owned), room_key: None, limit };
        let mut lines = self.store.history(&filter).await.context("read the ledger")?;
        // This question itself, among others.
        lines.retain(|line| line.kind != "command" || line.outcome != "started");
        if lines.is_empty() {
            return Ok(Reply::line([text("The ledger has no such line.")]));
        }
        let mut table = Table::new(["when (UTC)", "what", "room", "user", "outcome", "because"]).plain_without([1, 4]);
        for line in lines.iter().take(LINES) {
            let outcome = match &line.detail {
                Some(detail) => format!("{}: {detail}", line.outcome),
                None => line.outcome.clone(),
            };
            table.row([
                text(line.at.format("%Y-%m-%d %H:%M:%S").to_string()),
                text(&line.kind),
                code(line.room_key.as_deref().unwrap_or_default()),
                code(line.user_id.as_deref().unwrap_or_default()),
                text(outcome),
                text(&line.cause),
            ]);
        }
        let reply = Reply::line([text("Newest first:")]).and_table(table);
        if lines.len() <= LINES {
            return Ok(reply);
        }
        let all = format!("phenom-provisioner history {}", mxid.unwrap_or("--limit 1000"));
        Ok(reply.and([text("There is more: "), code(all)]))
    }
}
