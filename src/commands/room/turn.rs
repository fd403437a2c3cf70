//! Turns: commands that act have their effect one after the other, in the order in which they were heard, so that `pause` after
//! `resume` ends in a pause. Commands that only read need none and go beside them.
//!
//! A turn ends when the effect is durable, not when the answer is sent: who waits for the report of a pass, or for Synapse to
//! take the answer, holds up nobody.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// A command that takes longer until it has its effect does not keep others from theirs: nobody waits with `pause` for a Synapse
/// that hangs.
const LONGEST_TURN: Duration = Duration::from_secs(15);

/// Kept until a command has its effect. The default is that of a command that needs none.
#[derive(Debug, Default)]
pub(crate) struct CommandTurn(Mutex<Option<oneshot::Sender<()>>>);

/// The turn under way, for who gives the next one.
#[derive(Debug)]
pub(crate) struct TurnUnderWay {
    over: oneshot::Receiver<()>,
    until: Instant,
}

/// Who gave a command, and the turn in which it acts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requester<'a> {
    pub(crate) sender: &'a str,
    pub(crate) turn: &'a CommandTurn,
    /// The number of its row: greater than that of whatever was heard before it.
    pub(crate) heard: i64,
}

impl CommandTurn {
    pub(crate) fn begin() -> (Self, TurnUnderWay) {
        let (kept, over) = oneshot::channel();
        (Self(Mutex::new(Some(kept))), TurnUnderWay { over, until: Instant::now() + LONGEST_TURN })
    }

    /// The effect is durable: the next command may act.
    pub(crate) fn end(&self) {
        drop(self.0.lock().take());
    }

    /// It took too long, and another command may have acted meanwhile.
    pub(crate) fn has_run_out(&self) -> bool {
        self.0.lock().as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

impl TurnUnderWay {
    /// Waits until it has ended, or has taken too long.
    pub(crate) async fn is_over(&mut self) {
        let _ = timeout_at(self.until, &mut self.over).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_over_when_it_is_ended_or_dropped_or_takes_too_long() {
        let (turn, mut under_way) = CommandTurn::begin();
        assert!(under_way.is_over().now_or_never().is_none());
        turn.end();
        assert!(under_way.is_over().now_or_never().is_some());

        let (turn, mut under_way) = CommandTurn::begin();
        drop(turn);
        under_way.is_over().await;

        let (turn, mut under_way) = CommandTurn::begin();
        let begun = Instant::now();
        under_way.is_over().await;
        assert_eq!(begun.elapsed(), LONGEST_TURN);
        assert!(!turn.has_run_out());
        drop(under_way);
        assert!(turn.has_run_out());
        assert!(!CommandTurn::default().has_run_out());
    }
}
