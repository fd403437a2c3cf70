//! The stored held plan: made when the guard first holds something, replaced when that changes, expired when nothing is
//! held. It is written only when it changes.

use anyhow::{Context, Result};
use provisioner_policy::{Plan, World};
use tracing::{info, warn};

use crate::store::Store;

mod next;

use next::{Current, Next, Sight, next};

/// Which held plan is stored as the one held now.
#[derive(Debug, Default)]
pub(crate) struct HeldPlans {
    /// Not read yet where `None`.
    current: Option<Option<Current>>,
    /// How the last plan was compared, where one was.
    compared_whole: Option<bool>,
    /// How many changes wait for somebody to decide.
    waiting: usize,
}

impl HeldPlans {
    /// Stores what `plan` holds. `is_known` is a plan that was stored before.
    pub(crate) async fn keep(
        &mut self,
        store: &Store,
        world: &World,
        plan: &Plan,
        whole: bool,
        is_known: bool,
    ) -> Result<()> {
        if self.compared_whole.replace(whole) != Some(whole) || !is_known || self.current.is_none() {
            self.compare(store, world, plan, Sight { whole, as_shown: false }).await?;
        }
        // A dismissed one waits for nobody. Who dismisses it is another process, so that is asked where something is held.
        let open = match self.current {
            Some(Some(_)) => store.held_plan().await.context("read the held plan")?.is_some_and(|held| held.is_open()),
            _ => false,
        };
        metrics::gauge!("provisioner_held_plans").set(f64::from(u8::from(open)));
        let held: usize = self.current.iter().flatten().map(|current| current.parts.len()).sum();
        self.waiting = if open { held } else { 0 };
        Ok(())
    }

    /// Stores what `plan` holds as it was shown, to be approved by its id.
    pub(crate) async fn keep_as_shown(&mut self, store: &Store, world: &World, plan: &Plan, whole: bool) -> Result<()> {
        self.compared_whole = None;
        self.compare(store, world, plan, Sight { whole, as_shown: true }).await
    }

    /// The id of what is held, as far as it was seen: a plan that is poorer than the truth changes nothing of it.
    pub(crate) fn id(&self) -> Option<&str> {
        self.current.as_ref()?.as_ref().map(|current| &*current.id)
    }

    /// How many changes of it wait for somebody to decide.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    async fn compare(&mut self, store: &Store, world: &World, plan: &Plan, sight: Sight) -> Result<()> {
        let current = match &mut self.current {
            Some(current) => current,
            unread => unread.insert(stored(store).await?),
        };
        match next(current.as_ref(), plan.held_part(world), sight, |key| is_idle(world, plan, key)) {
            Next::Stays => {}
            Next::Replaced(part) => {
                let counts = serde_json::to_value(&part.counts).context("write the counts of what is held")?;
                store
                    .open_held_plan(&part.id, &part.parts, &counts, &part.reasons)
                    .await
                    .context("store the held plan")?;
                warn!(held.id = part.id, "the guard holds a part of the plan: {}", part.reasons.join("; "));
                *current = Some(Current { id: part.id, parts: part.parts.into_iter().collect(), counts: part.counts });
            }
            Next::Over => {
                store.expire_held_plan().await.context("expire the held plan")?;
                info!(held.id = current.take().map(|current| current.id), "nothing is held any more");
            }
        }
        Ok(())
    }

    /// Records the approval of a held plan.
    pub(crate) async fn record_approval(&mut self, store: &Store, id: &str, by: &str) -> Result<bool> {
        let approved = store.approve_held_plan(id, by).await.context("record the approval")?;
        // Whatever of it could not be done is held anew, as a plan of its own.
        self.current = None;
        Ok(approved)
    }
}

async fn stored(store: &Store) -> Result<Option<Current>> {
    let Some(held) = store.held_plan().await.context("read the held plan")? else { return Ok(None) };
    let parts = store.held_parts(&held.id).await.context("read what the held plan takes")?;
    let counts = serde_json::from_value(held.counts).unwrap_or_default();
    Ok(Some(Current { id: held.id, parts: parts.into_iter().collect(), counts }))
}

fn is_idle(world: &World, plan: &Plan, key: &str) -> bool {
    world.room_by_key(key).is_some_and(|room| plan.idle_rooms.contains(&room))
}
