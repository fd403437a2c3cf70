//! `history [user]`: the newest lines of the ledger.

use super::{CommandResult, commands_that_read};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::operations;
use crate::store::{HistoryFilter, HistoryLine};

/// Lines of an answer.
const LINES: usize = 15;

impl Desk {
    /// Of one MXID, or of all where it is empty.
    pub(crate) async fn history(&self, mxid: &str) -> CommandResult {
        let user_id = (!mxid.is_empty()).then(|| mxid.to_owned());
        let limit = LINES as i64 + 1;
        let filter = HistoryFilter { user_id, room_key: None, without: commands_that_read(), limit };
        let lines = operations::history(&self.store, &filter).await?;
        if lines.is_empty() {
            return Ok(Reply::line([text("The ledger has no such line.")]));
        }
        let entry = |line: &HistoryLine| {
            let mut entry = vec![text(line.at.format("%Y-%m-%d %H:%M:%S: ").to_string()), strong(&line.kind)];
            entry.extend(line.room_key.iter().flat_map(|room| [text(" in "), code(room)]));
            entry.extend(line.user_id.iter().flat_map(|user| [text(" of "), code(user)]));
            entry.push(text(format!(": {}", line.outcome.replace('_', " "))));
            entry.push(text(format!(", because {}", line.cause)));
            entry.extend(line.detail.iter().map(|detail| text(format!(" ({detail})"))));
            entry
        };
        let reply = Reply::line([text("Newest first, by UTC:")]).and_list(lines.iter().take(LINES).map(entry));
        if lines.len() <= LINES {
            return Ok(reply);
        }
        let all = format!("phenom-provisioner history {}", if mxid.is_empty() { "--limit 1000" } else { mxid });
        Ok(reply.and([text("There is more: "), code(all)]))
    }
}
