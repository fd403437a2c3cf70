//! How a command fails: what its sender is told, and what the ledger keeps.

use thiserror::Error;

use crate::commands::text::reply::{Reply, clause, marked};
use crate::reconcile::NotLeader;

/// What came of a command.
pub(crate) type CommandResult = Result<Reply, CommandFailure>;

/// Why a command did not do what was asked.
#[derive(Debug, Error)]
pub(crate) enum CommandFailure {
    /// It may not or need not be done, as the reply says; the detail is for the ledger.
    #[error("{detail}")]
    Refused { reply: Reply, detail: String },
    /// This replica stopped reconciling: the next one goes on.
    #[error(transparent)]
    NotLeader(#[from] NotLeader),
    /// The database failed.
    #[error(transparent)]
    Broken(#[from] anyhow::Error),
}

impl CommandFailure {
    /// A refusal whose reply and ledger line say the same.
    pub(crate) fn refused(words: impl AsRef<str>) -> Self {
        let reply = Reply::default().and_pieces(marked(words.as_ref(), str::to_owned));
        Self::Refused { reply, detail: format!("refused: {}", clause(words.as_ref())) }
    }
}
