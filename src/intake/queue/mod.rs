//! The queue of confirmed sign-ups.

pub mod envelope;
mod seam;

pub use envelope::{Confirmation, Ours, Reading, Refusal, Trigger};
pub use seam::{Answer, Confirmations, MessageRef};
