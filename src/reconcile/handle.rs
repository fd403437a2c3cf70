//! A window on the reconciler, for those who answer questions about the world and must not touch it.
//!
//! The service owns the world; a question is a function that it calls between two slices, so an answer takes as long as a
//! slice at the most. What everybody may see at any time is in the [`Pulse`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use provisioner_policy::Plan;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::report::PassReport;
use crate::reconcile::tell::conditions::{Conditions, QueueHealth};
use crate::reconcile::wakes::{Wakes, Woken};

/// Questions that wait at once; who asks more waits to ask.
const QUEUE: usize = 64;

/// The longest that a [`Hold`] holds.
const LONGEST_HOLD: Duration = Duration::from_secs(3);

type Look = Box<dyn FnOnce(&Reconciler, Option<&Plan>) + Send>;

/// How new the sources must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// As they were read last.
    AsKnown,
    /// Read for this question.
    Now,
}

struct Question {
    freshness: Freshness,
    plan: bool,
    look: Look,
    held: oneshot::Receiver<()>,
}

/// While the asker keeps it, though not for long, the service begins nothing: what was read for the question is acted on
/// only after what the asker does about it.
#[derive(Debug)]
pub struct Hold {
    _kept: oneshot::Sender<()>,
}

/// The reconciler does not reconcile any more: another replica does, or nobody for now.
#[derive(Clone, Copy, Debug, Error)]
#[error("this replica does not reconcile any more")]
pub struct Closed;

/// What everybody may see.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    /// When the last pass ended, and what came of it.
    pub last_pass: Option<(DateTime<Utc>, PassReport)>,
    /// When all rooms were last read again.
    pub last_resync: Option<DateTime<Utc>>,
    /// How the queue fares, where one is read.
    pub queue: Option<QueueHealth>,
    /// What lasted when the last pass ended; nothing until Synapse has answered.
    pub conditions: Option<Conditions>,
}

impl Pulse {
    /// Everything that lasts, that of the queue too; nothing until Synapse has answered.
    pub fn all_conditions(&self) -> Option<Conditions> {
        let mut all = self.conditions.clone()?;
        let Conditions { lasting, unknown } = self.queue.as_ref().map(QueueHealth::conditions).unwrap_or_default();
        all.lasting.extend(lasting);
        all.unknown.extend(unknown);
        Some(all)
    }
}

/// Tells how the queue fares.
#[derive(Clone, Debug)]
pub struct QueueTeller(watch::Sender<Pulse>);

impl QueueTeller {
    /// Takes what is known now. Who waits for the pulse hears of it only where something becomes an alert by it.
    pub fn tell(&self, health: QueueHealth) {
        self.0.send_if_modified(|pulse| {
            let changed = pulse.queue.as_ref().map(QueueHealth::conditions) != Some(health.conditions());
            pulse.queue = Some(health);
            changed
        });
    }
}

/// Where questions are asked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Window {
    questions: mpsc::Sender<Question>,
    pulse: watch::Receiver<Pulse>,
    wakes: Wakes,
}

/// The service's side of the window.
#[derive(Debug)]
pub struct Inside {
    questions: mpsc::Receiver<Question>,
    pulse: watch::Sender<Pulse>,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("freshness", &self.freshness).field("plan", &self.plan).finish()
    }
}

impl Window {
    /// A window for a service that is woken by `wakes`.
    pub fn new(wakes: Wakes) -> (Self, Inside) {
        let (asked, questions) = mpsc::channel(QUEUE);
        let (beat, pulse) = watch::channel(Pulse::default());
        (Self { questions: asked, pulse, wakes }, Inside { questions, pulse: beat })
    }

    /// Looks at the world.
    pub async fn look<T: Send + 'static>(
        &self,
        freshness: Freshness,
        look: impl FnOnce(&Reconciler) -> T + Send + 'static,
    ) -> Result<T, Closed> {
        self.look_and_hold(freshness, look).await.map(|(answer, _)| answer)
    }

    /// Looks at the world, and keeps the service from acting on it for as long as the answer's second half is kept.
    pub async fn look_and_hold<T: Send + 'static>(
        &self,
        freshness: Freshness,
        look: impl FnOnce(&Reconciler) -> T + Send + 'static,
    ) -> Result<(T, Hold), Closed> {
        self.ask(freshness, false, move |reconciler, _| look(reconciler)).await
    }

    /// Looks at the world and at the plan for it.
    pub async fn look_at_plan<T: Send + 'static>(
        &self,
        freshness: Freshness,
        look: impl FnOnce(&Reconciler, &Plan) -> T + Send + 'static,
    ) -> Result<T, Closed> {
        self.look_at_plan_and_hold(freshness, look).await.map(|(answer, _)| answer)
    }

    /// The same, and a hold as of [`Window::look_and_hold`].
    pub async fn look_at_plan_and_hold<T: Send + 'static>(
        &self,
        freshness: Freshness,
        look: impl FnOnce(&Reconciler, &Plan) -> T + Send + 'static,
    ) -> Result<(T, Hold), Closed> {
        let look = move |reconciler: &Reconciler, plan: Option<&Plan>| plan.map(|plan| look(reconciler, plan));
        let (answer, hold) = self.ask(freshness, true, look).await?;
        Ok((answer.ok_or(Closed)?, hold))
    }

    async fn ask<T: Send + 'static>(
        &self,
        freshness: Freshness,
        plan: bool,
        look: impl FnOnce(&Reconciler, Option<&Plan>) -> T + Send + 'static,
    ) -> Result<(T, Hold), Closed> {
        let (answer, answered) = oneshot::channel();
        let (kept, held) = oneshot::channel();
        // Whoever asked may have gone meanwhile.
        let look: Look = Box::new(move |reconciler, plan| drop(answer.send(look(reconciler, plan))));
        self.questions.send(Question { freshness, plan, look, held }).await.map_err(|_| Closed)?;
        self.wakes.wake(Woken::QUESTIONS);
        Ok((answered.await.map_err(|_| Closed)?, Hold { _kept: kept }))
    }

    /// Has the service look at once for requests for a pass.
    pub fn ask_for_pass(&self) {
        self.wakes.wake(Woken::REQUESTS);
    }

    /// What everybody may see.
    pub fn pulse(&self) -> Pulse {
        self.pulse.borrow().clone()
    }

    /// Waits until the pulse has changed since the last call.
    pub async fn beat(&mut self) -> Result<(), Closed> {
        self.pulse.changed().await.map_err(|_| Closed)
    }
}

impl Inside {
    /// For whoever watches the queue.
    pub fn queue_teller(&self) -> QueueTeller {
        QueueTeller(self.pulse.clone())
    }

    /// Answers every question that waits, and says whether there was one. Sources are read once for all of those that want
    /// them new.
    pub(crate) async fn answer(&mut self, reconciler: &mut Reconciler) -> anyhow::Result<bool> {
        let (mut read, mut holds) = (false, Vec::new());
        while let Ok(question) = self.questions.try_recv() {
            if question.freshness == Freshness::Now && !read {
                reconciler.read_roster().await;
                reconciler.read_accounts().await?;
                reconciler.read_inbox().await?;
                read = true;
            }
            let plan = if question.plan { Some(reconciler.plan().await?) } else { None };
            (question.look)(reconciler, plan.as_deref());
            holds.push(question.held);
        }
        let asked = !holds.is_empty();
        // An asker who keeps a hold for ever holds up nobody for longer than this.
        let _ = tokio::time::timeout(LONGEST_HOLD, join_all(holds)).await;
        Ok(asked)
    }

    /// A pass has ended.
    pub(crate) fn pass_ended(&self, reconciler: &Reconciler, report: &PassReport) {
        self.pulse.send_modify(|pulse| {
            pulse.last_pass = Some((Utc::now(), report.clone()));
            // While Synapse does not answer, what is known of rooms says nothing of how they are.
            if reconciler.homeserver_trouble().is_none() {
                pulse.conditions = Some(reconciler.conditions());
            }
        });
    }

    /// All rooms have been read again.
    pub(crate) fn resynced(&self) {
        self.pulse.send_modify(|pulse| pulse.last_resync = Some(Utc::now()));
    }
}
