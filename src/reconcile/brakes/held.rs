//! The stored held plan: made when the guard first holds something, replaced when that changes, expired when nothing is
//! held. It is written only when it changes.

use anyhow::{Context, Result};
use provisioner_policy::{Plan, World};
use tracing::{info, warn};

use crate::store::Store;

/// Which held plan is stored as the one held now.
#[derive(Debug, Default)]
pub(crate) struct HeldPlans {
    /// Not read yet where `None`.
    current: Option<Option<String>>,
}

impl HeldPlans {
    /// Stores what `plan` holds. While something cannot be read the plan is poorer than the truth, and what is stored stays.
    pub(crate) async fn keep(&mut self, store: &Store, world: &World, plan: &Plan, whole: bool) -> Result<()> {
        let now = plan.held_part(world);
        let current = match &mut self.current {
            Some(current) => current,
            unread => {
                let stored = store.held_plan().await.context("read the held plan")?;
                unread.insert(stored.map(|held| held.id))
            }
        };
        let id = now.as_ref().map(|part| part.id.as_str());
        if whole && id != current.as_deref() {
            match &now {
                Some(part) => {
                    let counts = serde_json::to_value(&part.counts).context("write the counts of what is held")?;
                    store.open_held_plan(&part.id, &counts, &part.reasons).await.context("store the held plan")?;
                    warn!(held.id = part.id, "the guard holds a part of the plan: {}", part.reasons.join("; "));
                }
                None => {
                    store.expire_held_plan().await.context("expire the held plan")?;
                    info!(held.id = current.as_deref(), "nothing is held any more");
                }
            }
            *current = id.map(str::to_owned);
        }
        // A dismissed one waits for nobody. Who dismisses it is another process, so that is asked where something is held.
        let open = match current {
            Some(_) => store.held_plan().await.context("read the held plan")?.is_some_and(|held| held.is_open()),
            None => false,
        };
        metrics::gauge!("provisioner_held_plans").set(f64::from(u8::from(open)));
        Ok(())
    }

    /// Records the approval of what is held. False where it is held no longer.
    pub(crate) async fn record_approval(&mut self, store: &Store, id: &str, by: &str) -> Result<bool> {
        let approved = store.approve_held_plan(id, by).await.context("record the approval")?;
        // Whatever of it could not be done is held anew, as a plan of its own.
        self.current = None;
        Ok(approved)
    }
}
