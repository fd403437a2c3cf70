//! `history [user]`: the newest lines of the ledger.

use super::CommandResult;
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, Table, code, text};
use crate::operations;

/// Lines of an answer.
const LINES: usize = 15;

impl Desk {
    /// Of one MXID, or of all where it is empty.
    pub(crate) async fn history(&self, mxid: &str) -> CommandResult {
        let user = (!mxid.is_empty()).then(|| mxid.to_owned());
        let mut lines = operations::history(&self.store, user, None, LINES as u32 + 5).await?;
        // Among others the line of this very command.
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
        let all = format!("phenom-provisioner history {}", if mxid.is_empty() { "--limit 1000" } else { mxid });
        Ok(reply.and([text("There is more: "), code(all)]))
    }
}
