//! Trouble to make: which requests, what happens to them, and the handle to watch and lift it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::Recorded;

/// Which requests a fault is for: all, narrowed step by step.
#[derive(Debug, Clone)]
pub struct Matching {
    method: Option<String>,
    path: Option<String>,
    path_part: String,
    action: Option<String>,
    skip: usize,
    times: usize,
}

impl Matching {
    pub fn any() -> Matching {
        Matching { method: None, path: None, path_part: String::new(), action: None, skip: 0, times: usize::MAX }
    }

    #[must_use]
    pub fn method(mut self, method: &str) -> Matching {
        self.method = Some(method.to_owned());
        self
    }

    /// A part of the percent-decoded path.
    #[must_use]
    pub fn path(mut self, part: &str) -> Matching {
        part.clone_into(&mut self.path_part);
        self
    }

    /// The whole percent-decoded path.
    #[must_use]
    pub fn whole_path(mut self, path: &str) -> Matching {
        self.path = Some(path.to_owned());
        self
    }

    /// An operation of AWS, such as `GetQueueUrl`: all of a service go to one path.
    #[must_use]
    pub fn action(mut self, action: &str) -> Matching {
        self.action = Some(action.to_owned());
        self
    }

    /// Lets the first ones through.
    #[must_use]
    pub fn skip(mut self, skip: usize) -> Matching {
        self.skip = skip;
        self
    }

    /// Acts only so often.
    #[must_use]
    pub fn times(mut self, times: usize) -> Matching {
        self.times = times;
        self
    }
}

/// What happens to a matching request.
#[derive(Clone)]
pub enum Effect {
    /// Answered with this status and body; Synapse never sees it.
    Answer(u16, Value),
    /// Answered with this status and a page in HTML, as a proxy does; Synapse never sees it.
    Page(u16),
    /// The connection is closed unanswered; Synapse never sees it.
    Drop,
    /// Synapse does it, but the client never hears: the connection is closed instead of the answer.
    LoseAnswer,
    /// Forwarded after this long.
    Delay(Duration),
    /// Forwarded; the JSON body of the answer goes through this function.
    Rewrite(Arc<dyn Fn(Value) -> Value + Send + Sync>),
    /// Forwarded once the fault is released.
    Hold,
    /// Forwarded at once; the answer is held back until the fault is released.
    HoldAnswer,
}

impl Effect {
    pub fn rewrite(change: impl Fn(Value) -> Value + Send + Sync + 'static) -> Effect {
        Effect::Rewrite(Arc::new(change))
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::Answer(status, body) => write!(formatter, "Answer({status}, {body})"),
            Effect::Page(status) => write!(formatter, "Page({status})"),
            Effect::Drop => formatter.write_str("Drop"),
            Effect::LoseAnswer => formatter.write_str("LoseAnswer"),
            Effect::Delay(duration) => write!(formatter, "Delay({duration:?})"),
            Effect::Rewrite(_) => formatter.write_str("Rewrite"),
            Effect::Hold => formatter.write_str("Hold"),
            Effect::HoldAnswer => formatter.write_str("HoldAnswer"),
        }
    }
}

/// The handle of one fault. Dropping it changes nothing.
#[derive(Debug, Clone)]
pub struct Fault {
    inner: Arc<FaultState>,
}

#[derive(Debug)]
struct FaultState {
    matching: Matching,
    effect: Effect,
    seen: AtomicUsize,
    hits: AtomicUsize,
    released: watch::Sender<bool>,
    lifted: watch::Sender<bool>,
}

impl Fault {
    pub(super) fn new(matching: Matching, effect: Effect) -> Fault {
        let inner = FaultState {
            matching,
            effect,
            seen: AtomicUsize::new(0),
            hits: AtomicUsize::new(0),
            released: watch::Sender::new(false),
            lifted: watch::Sender::new(false),
        };
        Fault { inner: Arc::new(inner) }
    }

    /// How many requests it has acted on (held ones included).
    pub fn hits(&self) -> usize {
        self.inner.hits.load(Ordering::SeqCst)
    }

    /// Lets held requests, and later ones, go on.
    pub fn release(&self) {
        self.inner.released.send_replace(true);
    }

    /// Acts on no further request, and releases the held ones.
    pub fn lift(&self) {
        self.inner.lifted.send_replace(true);
        self.release();
    }

    /// The effect on this request, if there is one; counts it.
    pub(super) fn claim(&self, request: &Recorded) -> Option<Effect> {
        let Matching { method, path, path_part, action, skip, times } = &self.inner.matching;
        let matches = method.as_ref().is_none_or(|method| *method == request.method)
            && path.as_ref().is_none_or(|path| *path == request.path)
            && request.path.contains(path_part.as_str())
            && (action.is_none() || *action == request.action)
            && !*self.inner.lifted.borrow();
        if !matches || self.inner.seen.fetch_add(1, Ordering::SeqCst) < *skip {
            return None;
        }
        let claimed = self
            .inner
            .hits
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |hits| (hits < *times).then_some(hits + 1));
        claimed.ok().map(|_| self.inner.effect.clone())
    }

    pub(super) async fn until_released(&self) {
        let mut released = self.inner.released.subscribe();
        released.wait_for(|released| *released).await.ok();
    }
}
