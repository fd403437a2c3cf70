//! The queue of confirmed sign-ups: an SQS consumer that makes confirmations durable through a seam and decides nothing
//! about users.
//!
//! A message is deleted only after [`Confirmations`] has made it, or its refusal, durable. Everything may happen twice.
//!
//! **What never burns.** SQS counts receives, and moves a message to the dead-letter queue after some five of them. So in
//! trouble on our side (the database or the pool is gone) a message is not given back to be received again: it is kept in
//! flight, hidden by the heartbeat, and tried again there. Receives go on ever more rarely, one message each, and stop when
//! every slot holds a message. An outage of an hour costs each message in flight one receive, and those in the queue none.
//! A restart in the middle of it costs those in flight one more. The price: a replica that alone is cut off keeps up to
//! `concurrency` messages for as long as it lives. A message that fails while others succeed has a trouble of its own; that
//! one is given back with growing delays, and ends in the dead-letter queue.
//!
//! **What is refused** is recorded (id and reason, never the body) and then deleted, or left to the dead-letter queue if
//! there is one: it is shown again after 1 s, 2 s, 4 s …, and each of these receives is over at once. At the last receive that
//! the redrive policy allows, whatever it is, a message that is not done is refused with its reason: none goes to the dead
//! letters without its line.

mod consumer;
mod dead_letters;
mod deletes;
pub mod envelope;
mod error;
mod health;
mod in_flight;
mod last_receive;
mod region;
mod seam;
mod sqs;
mod status;
mod timing;
mod worker;

pub use consumer::Consumer;
pub use dead_letters::{DeadLettersUnseen, FEWEST_RECEIVES, Redrive};
pub use envelope::{Confirmation, Expected, ReadResult, Refusal, Trigger};
pub use error::QueueError;
pub use region::{account_in, region_in};
pub use seam::{ConfirmOutcome, Confirmations, MessageRef};
pub use sqs::Queue;
pub use status::{QueueSnapshot, QueueStatus, describe_metrics};
pub use timing::Timing;
