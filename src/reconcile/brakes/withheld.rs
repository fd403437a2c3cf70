//! What is planned and not carried out, on observe or held by the guard: one line in the ledger a change, not one a pass,
//! also across restarts. The database is written only when something begins or ends to be withheld.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use provisioner_policy::{Action, ChangeKey, Kind, Mode, Plan, RoomIx, RoomStatus, UserIx, World};

use crate::store::{Digest, LedgerOutcome, Store};

type WithheldKey = (ChangeKey, Mode);

/// Withheld changes that have their line already.
#[derive(Debug, Default)]
pub(crate) struct Withheld {
    written: HashMap<WithheldKey, Digest>,
    /// Those of an earlier process that no plan of this one has named yet; not read where `None`.
    inherited: Option<HashSet<Digest>>,
    /// How the last plan was compared, where one was.
    compared_whole: Option<bool>,
}

/// What changed since the last pass.
pub(crate) struct WithheldDiff<'a> {
    pub(crate) begun: Vec<Begun<'a>>,
    /// No longer withheld.
    ended: Vec<Digest>,
}

/// An action that began to be withheld, and by what.
pub(crate) struct Begun<'a> {
    pub(crate) action: &'a Action,
    pub(crate) outcome: LedgerOutcome,
    pub(crate) digest: Digest,
}

impl WithheldDiff<'_> {
    /// Forgets what is no longer withheld.
    pub(crate) async fn forget_ended(&self, store: &Store) -> Result<()> {
        if !self.ended.is_empty() {
            store.forget_withheld(&self.ended).await.context("forget what is no longer withheld")?;
        }
        Ok(())
    }
}

impl Withheld {
    /// Compares what is withheld now with what has its line. While something cannot be read (not `whole`) the plan is poorer
    /// than the truth, and nothing counts as ended. `is_known` is a plan that was compared before.
    pub(crate) async fn compare<'a>(
        &mut self,
        store: &Store,
        world: &World,
        plan: &'a Plan,
        whole: bool,
        is_known: bool,
    ) -> Result<WithheldDiff<'a>> {
        if is_known && self.compared_whole == Some(whole) {
            return Ok(WithheldDiff { begun: Vec::new(), ended: Vec::new() });
        }
        self.compared_whole = Some(whole);
        let inherited = match &mut self.inherited {
            Some(inherited) => inherited,
            unread => unread.insert(store.withheld().await.context("read what is withheld")?.into_iter().collect()),
        };
        let (mut known, mut begun) = (0, Vec::new());
        for action in plan.actions.iter().filter(|action| !action.is_due()) {
            let key = (action.change.key(), action.mode);
            if self.written.contains_key(&key) {
                known += 1;
                continue;
            }
            let digest = action.digest(world);
            self.written.insert(key, digest);
            known += 1;
            if !inherited.remove(&digest) {
                let outcome = if action.mode == Mode::Observe { LedgerOutcome::Observed } else { LedgerOutcome::Held };
                begun.push(Begun { action, outcome, digest });
            }
        }
        let mut ended = Vec::new();
        if whole && known < self.written.len() {
            let there = PlanCoverage::of(world, plan);
            self.written.retain(|key, digest| {
                let stays = there.still(key);
                if !stays {
                    ended.push(*digest);
                }
                stays
            });
        }
        if whole && !inherited.is_empty() && PlanCoverage::of(world, plan).all {
            ended.extend(inherited.drain());
        }
        Ok(WithheldDiff { begun, ended })
    }
}

/// What a plan speaks of, and what it could not.
struct PlanCoverage {
    withheld: HashSet<WithheldKey>,
    blocked: HashSet<(Kind, Option<RoomIx>, Option<UserIx>)>,
    unread: HashSet<RoomIx>,
    accounts_listed: bool,
    /// Nothing was left out for want of a reading.
    all: bool,
}

impl PlanCoverage {
    fn of(world: &World, plan: &Plan) -> Self {
        let withheld = plan.actions.iter().filter(|action| !action.is_due());
        let unread: HashSet<RoomIx> =
            plan.idle_rooms.iter().copied().filter(|room| world.room(*room).status != RoomStatus::Ready).collect();
        let accounts_listed = world.mirror.accounts_listed;
        let blocked = plan.blocked.iter().map(|one| (one.kind, one.room, Some(one.user)));
        let undone = plan.fought_over.iter().map(|one| (one.change.kind(), one.change.room(), one.change.user()));
        Self {
            withheld: withheld.map(|action| (action.change.key(), action.mode)).collect(),
            blocked: blocked.chain(undone).collect(),
            all: unread.is_empty() && accounts_listed,
            unread,
            accounts_listed,
        }
    }

    /// Whether the change is withheld still, or would be if what is in its way were not.
    fn still(&self, key: &WithheldKey) -> bool {
        let (kind, room, user) = (key.0.kind, key.0.room, key.0.user());
        self.withheld.contains(key)
            || self.blocked.contains(&(kind, room, user))
            || room.map_or(!self.accounts_listed, |room| self.unread.contains(&room))
    }
}
