//! One attempt at an action: what it is in the ledger, and how it ended.

use provisioner_policy::{Action, RoomIx};
use serde_json::Value;

use crate::homeserver::{CallError, UserEntry};
use crate::reconcile::profiles::give::Given;
use crate::store::{LedgerEntry, LedgerLine, LedgerOutcome};

/// A state event of ours, as Synapse took it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    pub(crate) room: RoomIx,
    pub(crate) event_type: &'static str,
    pub(crate) event_id: String,
    pub(crate) content: Value,
    /// What we read and edited.
    pub(crate) made_from: Value,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Tried {
    Done,
    /// Done by a state event.
    Wrote(Written),
    /// Done, with these names and pictures given.
    Gave(Vec<Given>),
    AlreadySo,
    Failed(CallError),
    /// A state event was sent, and perhaps taken: no answer said so. Its id is not known.
    Unanswered(Box<Written>, CallError),
    /// Not sent: it would be regretted. The text says why.
    Refused(String),
    /// Not sent: somebody changed what the plan was made from.
    Outdated,
    /// Not sent: the account is deactivated, locked or suspended, which the plan did not know.
    AccountClosed(Box<UserEntry>),
    /// Not sent: the account is closed, or has another name or picture, which the plan did not know.
    ProfileMoved(Box<UserEntry>),
    /// The account it needs could not be made; that failure is reported on its own.
    NoAccount,
    /// Not tried: the slice was over, or somebody asked to stop.
    Left,
}

/// An action with its place in the slice and in the ledger.
pub(crate) struct Attempt<'a> {
    pub(crate) index: usize,
    pub(crate) action: &'a Action,
    pub(crate) entry: LedgerEntry,
}

impl Attempt<'_> {
    /// The line that says that it begins.
    pub(crate) fn started(&self) -> LedgerLine<'_> {
        LedgerLine { entry: &self.entry, outcome: LedgerOutcome::Started, detail: None }
    }

    /// The line that says how it ended.
    pub(crate) fn ended(&self, tried: &Tried) -> LedgerLine<'_> {
        let (outcome, detail) = match tried {
            Tried::Done | Tried::Gave(_) => (LedgerOutcome::Done, None),
            Tried::Wrote(written) => (LedgerOutcome::Done, Some(format!("event {}", written.event_id))),
            Tried::AlreadySo => (LedgerOutcome::AlreadySo, None),
            Tried::Unanswered(_, error) => (LedgerOutcome::Unknown, Some(error.to_string())),
            Tried::Failed(error) if error.may_have_been_done() => (LedgerOutcome::Unknown, Some(error.to_string())),
            Tried::Failed(error) => (LedgerOutcome::Failed, Some(error.to_string())),
            Tried::Refused(why) => (LedgerOutcome::Failed, Some(why.clone())),
            Tried::Outdated => {
                (LedgerOutcome::Left, Some("not sent: somebody changed it meanwhile; planned anew".to_owned()))
            }
            Tried::AccountClosed(_) => (
                LedgerOutcome::Left,
                Some("not sent: the account is deactivated, locked or suspended on Synapse; planned anew".to_owned()),
            ),
            Tried::ProfileMoved(_) => {
                (LedgerOutcome::Left, Some("not sent: its owner changed it meanwhile; planned anew".to_owned()))
            }
            Tried::NoAccount => {
                (LedgerOutcome::Failed, Some("the account could not be made, see its own line".to_owned()))
            }
            Tried::Left => (
                LedgerOutcome::Left,
                Some("not tried: the pass was stopped, or Synapse was too slow or did not answer".to_owned()),
            ),
        };
        LedgerLine { entry: &self.entry, outcome, detail }
    }
}
