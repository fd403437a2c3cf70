//! How a command fails: what its sender is told, and what the ledger keeps.

use crate::commands::text::reply::{Reply, text};
use crate::commands::text::sanitize::sanitize;
use crate::reconcile::NotLeader;

/// What came of a command.
pub(crate) type CommandResult = Result<Reply, CommandFailure>;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum CommandFailure {
    /// It may not or need not be done, as the reply says; the detail is for the ledger.
    Refused { reply: Reply, detail: String },
    /// This replica stopped reconciling: the next one goes on.
    NotLeader(NotLeader),
    /// The database failed.
    Broken(anyhow::Error),
}

impl CommandFailure {
    /// A refusal whose reply and ledger line say the same.
    pub(crate) fn refused(words: impl AsRef<str>) -> Self {
        let reply = Reply::line([text(words.as_ref())]);
        Self::Refused { reply, detail: format!("refused: {}", sanitize(words.as_ref())) }
    }
}

impl From<NotLeader> for CommandFailure {
    fn from(closed: NotLeader) -> Self {
        Self::NotLeader(closed)
    }
}

impl From<anyhow::Error> for CommandFailure {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}
