//! What the consumer hands messages to: a seam, implemented where the pool and the database are known.

use super::Confirmation;

/// Which message it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRef {
    /// Of SQS; the same at every redelivery.
    pub message_id: String,
    /// How often SQS has handed it out, this time included.
    pub receive_count: u32,
}

/// What became of a confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmOutcome {
    /// The account is durable, or was before: the message can be deleted.
    Recorded,
    /// It can never be recorded, for this reason. The reason holds no e-mail address.
    Refused(String),
    /// The pool does not know the `sub`. It may do so in a few seconds, because its listings run late.
    Absent,
    /// Our side or the pool is in trouble, described by the text; nothing is wrong with the message.
    Trouble(String),
}

/// Takes what the messages say. Every call may be repeated, also after it succeeded, and must then change nothing.
pub trait Confirmations: Send + Sync + 'static {
    /// Checks a confirmation with the pool and makes it durable. Ends by itself, with [`ConfirmOutcome::Trouble`] where the pool or
    /// the database does not answer; that names which of them, with the mend.
    fn confirm(&self, confirmation: &Confirmation, message: &MessageRef)
    -> impl Future<Output = ConfirmOutcome> + Send;

    /// Makes durable that a message was refused, and why. `Err` describes the trouble; the message is then kept.
    fn refuse(&self, message: &MessageRef, reason: &str) -> impl Future<Output = Result<(), String>> + Send;
}
