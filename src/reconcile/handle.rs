//! The handle on a running reconciler, for those who answer queries about the world and must not touch it.
//!
//! The service owns the world; a query is a function that it calls between two slices, so an answer takes as long as a
//! slice at the most. What everybody may see at any time is in the [`StatusSnapshot`].

use std::time::Duration;

use futures_util::future::join_all;
use provisioner_policy::Plan;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::status::{StatusPublisher, StatusSnapshot};
use crate::reconcile::wakes::{Wakes, Woken};

/// Questions that wait at once; who asks more waits to ask.
const MOST_WAITING: usize = 64;

/// The longest that an [`ActionGate`] holds.
const LONGEST_GATE: Duration = Duration::from_secs(3);

type Look = Box<dyn FnOnce(&Reconciler, Option<&Plan>) + Send>;

/// How new the sources must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// As they were read last.
    AsKnown,
    /// Read for this query.
    Now,
}

struct Query {
    freshness: Freshness,
    plan: bool,
    /// The user whose past the answer tells.
    about: Option<String>,
    look: Look,
    held: oneshot::Receiver<()>,
}

/// While the asker keeps it, though not for long, the service begins nothing: what was read for the query is acted on
/// only after what the asker does about it.
#[derive(Debug)]
pub struct ActionGate {
    _kept: oneshot::Sender<()>,
}

/// The reconciler does not reconcile any more: another replica does, or nobody for now.
#[derive(Clone, Copy, Debug, Error)]
#[error("this replica does not reconcile any more")]
pub struct NotLeader;

/// Where queries are asked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReconcilerHandle {
    queries: mpsc::Sender<Query>,
    snapshot: watch::Receiver<StatusSnapshot>,
    wakes: Wakes,
}

/// The service's side of the handle.
#[derive(Debug)]
pub struct QueryQueue {
    queries: mpsc::Receiver<Query>,
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("freshness", &self.freshness).field("plan", &self.plan).finish()
    }
}

impl ReconcilerHandle {
    /// A handle on the service that is woken by `wakes` and publishes to `status`.
    pub fn new(wakes: Wakes, status: &StatusPublisher) -> (Self, QueryQueue) {
        let (asked, queries) = mpsc::channel(MOST_WAITING);
        (Self { queries: asked, snapshot: status.subscribe(), wakes }, QueryQueue { queries })
    }

    /// Looks at the world.
    pub async fn query<T: Send + 'static>(
        &self,
        freshness: Freshness,
        look: impl FnOnce(&Reconciler) -> T + Send + 'static,
    ) -> Result<T, NotLeader> {
        self.query_gated(freshness, look).await.map(|(answer, _)| answer)
    }

    /// Looks at the world, and keeps the service from acting on it for as long as the answer's second half is kept.
    pub async fn query_gated<T: Send + 'static>(
        &self,
        freshness: Freshness,
        look: impl FnOnce(&Reconciler) -> T + Send + 'static,
    ) -> Result<(T, ActionGate), NotLeader> {
        self.ask(freshness, false, None, move |reconciler, _| look(reconciler)).await
    }

    /// Looks at the world and at the plan for it.
    pub async fn query_plan<T: Send + 'static>(
        &self,
        freshness: Freshness,
        look: impl FnOnce(&Reconciler, &Plan) -> T + Send + 'static,
    ) -> Result<T, NotLeader> {
        self.query_plan_gated(freshness, look).await.map(|(answer, _)| answer)
    }

    /// The same for an answer about one user, whose past is looked up first.
    pub async fn query_plan_about<T: Send + 'static>(
        &self,
        freshness: Freshness,
        mxid: &str,
        look: impl FnOnce(&Reconciler, &Plan) -> T + Send + 'static,
    ) -> Result<T, NotLeader> {
        let look = move |reconciler: &Reconciler, plan: Option<&Plan>| plan.map(|plan| look(reconciler, plan));
        let (answer, _) = self.ask(freshness, true, Some(mxid.to_owned()), look).await?;
        answer.ok_or(NotLeader)
    }

    /// The same, and a gate as of [`ReconcilerHandle::query_gated`].
    pub async fn query_plan_gated<T: Send + 'static>(
        &self,
        freshness: Freshness,
        look: impl FnOnce(&Reconciler, &Plan) -> T + Send + 'static,
    ) -> Result<(T, ActionGate), NotLeader> {
        let look = move |reconciler: &Reconciler, plan: Option<&Plan>| plan.map(|plan| look(reconciler, plan));
        let (answer, hold) = self.ask(freshness, true, None, look).await?;
        Ok((answer.ok_or(NotLeader)?, hold))
    }

    async fn ask<T: Send + 'static>(
        &self,
        freshness: Freshness,
        plan: bool,
        about: Option<String>,
        look: impl FnOnce(&Reconciler, Option<&Plan>) -> T + Send + 'static,
    ) -> Result<(T, ActionGate), NotLeader> {
        let (answer, answered) = oneshot::channel();
        let (kept, held) = oneshot::channel();
        // The asker may have gone meanwhile.
        let look: Look = Box::new(move |reconciler, plan| drop(answer.send(look(reconciler, plan))));
        self.queries.send(Query { freshness, plan, about, look, held }).await.map_err(|_| NotLeader)?;
        self.wakes.wake(Woken::QUERIES);
        Ok((answered.await.map_err(|_| NotLeader)?, ActionGate { _kept: kept }))
    }

    /// Has the service look at once for requests for a pass.
    pub fn ask_for_pass(&self) {
        self.wakes.wake(Woken::REQUESTS);
    }

    /// What everybody may see.
    pub fn snapshot(&self) -> StatusSnapshot {
        self.snapshot.borrow().clone()
    }

    /// Waits until the snapshot has changed since the last call.
    pub async fn changed(&mut self) -> Result<(), NotLeader> {
        self.snapshot.changed().await.map_err(|_| NotLeader)
    }
}

impl QueryQueue {
    /// Answers every query that waits, and says whether there was one. Sources are read once for all of those that want
    /// them new.
    pub(crate) async fn answer(&mut self, reconciler: &mut Reconciler) -> anyhow::Result<bool> {
        let (mut read, mut holds) = (false, Vec::new());
        while let Ok(query) = self.queries.try_recv() {
            if query.freshness == Freshness::Now && !read {
                reconciler.read_sources(Woken::BELONGING | Woken::INBOX).await?;
                read = true;
            }
            let plan = if query.plan { Some(reconciler.plan().await?) } else { None };
            if let Some(mxid) = &query.about {
                reconciler.learn_of(mxid).await?;
            }
            (query.look)(reconciler, plan.as_deref());
            holds.push(query.held);
        }
        let asked = !holds.is_empty();
        // An asker who keeps a gate for ever holds up nobody for longer than this.
        let _ = tokio::time::timeout(LONGEST_GATE, join_all(holds)).await;
        Ok(asked)
    }
}
