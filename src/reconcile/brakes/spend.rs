//! Spending an approval: what the held plan called so showed is let go for the pass that follows, as far as it is held still.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context, Result};
use provisioner_policy::{Digest, Permission, Plan, UserIx, World, how_many, short_id};

use crate::reconcile::brakes::approval::{Approver, GrantedParts};
use crate::reconcile::reconciler::Reconciler;
use crate::store::Asked;

/// As much of an id as is shown.
const SHORTEST: usize = 8;

/// Said of what is held only by a command's word.
const NOT_ASKED_YET: &str = "what it shows waits until the user pool has been asked again, for most of a minute after a start. Approve it again \
                             then";

/// Which held plan somebody means.
#[derive(Debug, PartialEq, Eq)]
enum Meant {
    This(String),
    TooShort,
    Several,
    None,
}

impl Reconciler {
    /// Spends the approval of a request, unless it is old or its sender may not command any more.
    pub(crate) async fn spend_approval(&mut self, asked: &Asked) -> Result<()> {
        let (Some(id), by) = (&asked.approve, &asked.requested_by) else { return Ok(()) };
        let approver = Approver { by: by.as_str().into(), request: Some(asked.id) };
        let answered = self.offboarded.end(approver.request);
        if !asked.is_fresh {
            self.refuse(
                &approver,
                id,
                "it was approved more than two minutes ago, or before this service took over from another",
            );
        } else if let Err(why) = self.may_approve(by).await? {
            self.refuse(&approver, id, &format!("{by} may not command any more{why}"));
        } else if let Some((_, why)) = self.ended_among(&[asked.id]).await?.pop() {
            self.refuse(&approver, id, &why);
        } else {
            self.approve_shown(id, asked.approve_within.as_deref(), &approver, &answered).await?;
        }
        Ok(())
    }

    /// Which of these requests are not to be carried out any more, and why.
    async fn ended_among(&self, requests: &[i64]) -> Result<Vec<(i64, String)>> {
        let ended = self.store.ended_among(requests).await.context("look who said no")?;
        let why = |who: Option<String>| match who {
            Some(who) => format!("{who} said no meanwhile"),
            None => "nobody waits for it any more".to_owned(),
        };
        Ok(ended.into_iter().map(|(id, who)| (id, why(who))).collect())
    }

    /// Whether the pool is being asked for users that it has closed, where something of them is held. Begins to ask, once for each
    /// request.
    pub(crate) async fn asks_for_offboarded(&mut self, request: Option<i64>) -> Result<bool> {
        let Some(check) = self.account_check.clone() else { return Ok(false) };
        if !self.offboarded.has_asked(request) {
            let plan = self.plan().await?;
            let users = self.closed_and_held(&plan).into_iter().map(|user| self.world.users.mxid(user)).collect();
            self.offboarded.begin(request, check, users);
        }
        Ok(self.offboarded.is_asking(request))
    }

    /// Users that the pool has closed, where something of them is held.
    fn closed_and_held(&self, plan: &Plan) -> HashSet<UserIx> {
        let held = plan.held().flat_map(|action| action.change.counted()).filter_map(|key| key.user());
        held.filter(|user| self.world.facts.account(*user).is_closed()).collect()
    }

    /// Takes back what was approved and has not begun, where somebody has said no since.
    pub(crate) async fn take_back_refused(&mut self) -> Result<()> {
        let requests = self.approval.requests();
        if requests.is_empty() {
            return Ok(());
        }
        for (request, why) in self.ended_among(&requests).await? {
            self.approval.take_back(request, why);
        }
        Ok(())
    }

    /// Whether `by` may command at this moment, or why not. Who asks on the command line has the configuration and its
    /// secrets, and needs no leave.
    async fn may_approve(&mut self, by: &str) -> Result<Result<(), String>> {
        if !by.starts_with('@') {
            return Ok(Ok(()));
        }
        if let Some(check) = &self.account_check
            && let Ok(Err(why)) | Err(why) = check.ask(by.to_owned()).await
        {
            return Ok(Err(format!(": {why}")));
        }
        // What the pool said just now is in the store, and not yet in the world.
        self.read_accounts().await?;
        let sender = self.world.intern(by);
        let granted = self.world.may_command(sender) == Permission::Granted;
        Ok(if granted { Ok(()) } else { Err(String::new()) })
    }

    /// Approves what the held plan called `id` showed, for the pass that follows. `id` may be cut short; `within` is the whole id
    /// of another held plan that must have shown the same. Of users that the pool has closed only those go that it
    /// `answered` for just now.
    pub(crate) async fn approve_shown(
        &mut self,
        id: &str,
        within: Option<&str>,
        approver: &Approver,
        answered: &BTreeSet<String>,
    ) -> Result<()> {
        // What the pool said just now is in the store.
        self.read_accounts().await?;
        let plan = self.plan().await?;
        if let Err(why) = self.grant(&plan, id, within, approver, answered).await? {
            self.refuse(approver, id, &why);
        }
        Ok(())
    }

    /// Grants it, or says why not.
    async fn grant(
        &mut self,
        plan: &Plan,
        id: &str,
        within: Option<&str>,
        approver: &Approver,
        answered: &BTreeSet<String>,
    ) -> Result<Result<(), String>> {
        if let Some(paused) = self.store.paused().await.context("look at the brake")? {
            return Ok(Err(paused.to_string()));
        }
        if id.len() >= SHORTEST && plan.held_id(&self.world).is_some_and(|held| held.starts_with(id)) {
            // What was shown by a command may not be stored.
            let whole = self.sees_all(plan);
            self.held.keep_as_shown(&self.store, &self.world, plan, whole).await?;
        }
        let mut called = self.store.held_plans_called(id).await.context("look for the held plan")?;
        if called.is_empty()
            && id.len() >= SHORTEST
            && let Some(shown) = self.as_a_command_shows_it(id).await?
        {
            let held = self.parts_held_by(plan);
            if self.parts_held_by(&shown).is_disjoint(&held) {
                return Ok(Err(NOT_ASKED_YET.to_owned()));
            }
            let whole = self.sees_all(plan);
            self.held.keep_as_shown(&self.store, &self.world, &shown, whole).await?;
            called.extend(shown.held_id(&self.world));
        }
        let id = match meant(id, called) {
            Meant::This(id) => id,
            Meant::TooShort => return Ok(Err(format!("give at least {SHORTEST} of the id's digits"))),
            Meant::Several => return Ok(Err("several held plans begin so: give more of the id's digits".to_owned())),
            Meant::None => return Ok(Err(look_again(&self.world, plan))),
        };
        let parts = self.store.held_parts(&id).await.context("read what the held plan takes")?;
        let mut shown: HashSet<Digest> = parts.into_iter().collect();
        if let Some(within) = within {
            let seen = self.store.held_parts(within).await.context("read what was shown before")?;
            shown.retain(|part| seen.contains(part));
        }
        let mut unsaid = self.closed_and_held(plan);
        unsaid.retain(|user| self.account_check.is_some() && !answered.contains(&*self.world.users.mxid(*user)));
        let GrantedParts { parts, left } = self.approval.grant(&self.world, plan, &shown, approver, &unsaid);
        if left > 0 {
            let stays = how_many(left, "change stays", "changes stay");
            let why = format!(
                "{stays} held: the user pool does not say whether the accounts are disabled still. Approve again later"
            );
            self.approval.refuse(approver.request, why);
        }
        if parts == 0 {
            return Ok(if left > 0 { Ok(()) } else { Err(look_again(&self.world, plan)) });
        }
        self.held.record_approval(&self.store, &id, &approver.by).await?;
        self.peopled_teams.note_approved(&self.world, plan, &self.approval);
        Ok(Ok(()))
    }

    /// The plan with this held id as a command shows it, which trusts every denial of the pool. For most of a minute after a start
    /// none of them is trusted here.
    async fn as_a_command_shows_it(&mut self, id: &str) -> Result<Option<Plan>> {
        let recent = self.recent().await?;
        let shown = self.world.trusting_denials(|world| provisioner_policy::plan(world, &recent));
        Ok(shown.filter(|shown| shown.held_id(&self.world).is_some_and(|held| held.starts_with(id))))
    }

    /// What a plan holds, part by part.
    fn parts_held_by(&self, plan: &Plan) -> HashSet<Digest> {
        plan.held_part(&self.world).into_iter().flat_map(|held| held.parts).collect()
    }

    fn refuse(&mut self, approver: &Approver, id: &str, why: &str) {
        self.approval.refuse(approver.request, format!("{} is not approved: {why}", short_id(id)));
    }
}

/// `called` are those whose ids begin so.
fn meant(beginning: &str, mut called: Vec<String>) -> Meant {
    match (called.pop(), called.pop()) {
        _ if beginning.len() < SHORTEST => Meant::TooShort,
        (Some(id), None) => Meant::This(id),
        (Some(_), Some(_)) => Meant::Several,
        (None, _) => Meant::None,
    }
}

fn look_again(world: &World, plan: &Plan) -> String {
    match plan.held_id(world) {
        Some(now) => format!(
            "nothing of it is held now. Look at `plan` again, and approve {} if that is what you mean",
            short_id(&now)
        ),
        None => "nothing is held".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_cut_short_means_the_one_plan_that_begins_so_and_no_other() {
        let called = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(meant("3f9c01ab", called(&["3f9c01ab77"])), Meant::This("3f9c01ab77".to_owned()));
        assert_eq!(meant("3f9c01ab", called(&["3f9c01ab77", "3f9c01ab78"])), Meant::Several);
        assert_eq!(meant("3f9c01ab", called(&[])), Meant::None);
        assert_eq!(meant("3f9c01a", called(&["3f9c01ab77"])), Meant::TooShort);
        assert_eq!(meant("", called(&["3f9c01ab77"])), Meant::TooShort);
    }
}
