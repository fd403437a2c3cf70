//! What each command does: one file a command. A handler reads the world through the handle or asks for a pass, and
//! answers with a [`Reply`]; it writes nothing to the homeserver.

mod apply;
mod brake;
mod doctor;
mod explain;
mod follow;
mod help;
mod history;
mod pass;
mod people;
mod plan;
mod provision;
mod rejoin;
mod status;

use crate::commands::room::desk::Desk;
use crate::commands::table::StaffRequest;
use crate::commands::text::reply::{Piece, Reply, text};
use crate::reconcile::{ActionGate, NotLeader};

pub(crate) use pass::{counts, outcome};
pub(crate) use plan::{count_table, plan_lines};

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
    fn refused(words: impl AsRef<str>) -> Self {
        let reply = Reply::line([text(words.as_ref())]);
        Self::Refused {
            reply,
            detail: format!("refused: {}", crate::commands::text::sanitize::sanitize(words.as_ref())),
        }
    }
}

impl From<NotLeader> for CommandFailure {
    fn from(error: NotLeader) -> Self {
        Self::NotLeader(error)
    }
}

impl From<anyhow::Error> for CommandFailure {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

impl Desk {
    /// Runs a request of `by`; `about` is the MXID of whom it is about. While `gate` is there, nothing is done for what was
    /// read to admit it.
    pub(crate) async fn run(
        &self,
        request: &StaffRequest,
        about: Option<&str>,
        by: &str,
        gate: Option<ActionGate>,
    ) -> Result<Reply, CommandFailure> {
        let about = about.unwrap_or_default();
        match request {
            StaffRequest::Help => Ok(self.help()),
            StaffRequest::Status => self.status().await,
            StaffRequest::Plan { all } => self.plan(*all).await,
            StaffRequest::Apply { id } => self.apply(id, by).await,
            StaffRequest::Explain(_) => self.explain(about).await,
            StaffRequest::History(who) => self.history(who.as_ref().map(|_| about)).await,
            StaffRequest::Provision(_) => self.provision(about, by).await,
            StaffRequest::Sync => self.sync(by, gate).await,
            StaffRequest::Rejoin { room, .. } => self.rejoin(about, room, by).await,
            StaffRequest::Follow { room } => self.follow(room, by).await,
            StaffRequest::Pause => self.pause(by, gate).await,
            StaffRequest::Resume => self.resume(by).await,
            StaffRequest::Doctor => self.doctor().await,
        }
    }
}

/// `a, b and c`, each as it is made.
fn listed(pieces: impl IntoIterator<Item = Piece>) -> Vec<Piece> {
    let mut listed = Vec::new();
    for piece in pieces {
        if !listed.is_empty() {
            listed.push(text(", "));
        }
        listed.push(piece);
    }
    listed
}
