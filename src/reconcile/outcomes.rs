//! What came of a slice's attempts, taken over into the mirror, the delays, the fights and the report.

use std::time::Instant;

use anyhow::{Context, Result};
use provisioner_policy::{Action, ActsOn, Change, Class, Membership, OnServer, UserIx, World};

use crate::homeserver::CallError;
use crate::reconcile::act::attempt::Tried;
use crate::reconcile::brakes::approval::ApprovedEnd;
use crate::reconcile::profiles::give::Given;
use crate::reconcile::pushes::own_state;
use crate::reconcile::read::account_checks::see;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::report::{Failed, PassReport};
use crate::reconcile::room_mirror::distrust;

impl Reconciler {
    /// Takes over what came of each attempt, by its place in `due`.
    pub(crate) fn apply_outcomes(&mut self, due: &[&Action], tried: Vec<(usize, Tried)>, report: &mut PassReport) {
        let now = Instant::now();
        let (mut unreachable, mut moved) = (None, false);
        for (index, tried) in tried {
            let change = &due[index].change;
            if let Some(user) = change.user() {
                self.readings.accounts.note_newer(user);
            }
            match tried {
                Tried::Done | Tried::AlreadySo => {
                    let closed = change.user().and_then(|user| self.world.facts.closed_by_us.get(&user).copied());
                    self.take_effect(change);
                    // What is so already is somebody else's doing, unless it was ours before.
                    if let (Tried::AlreadySo, Some(user)) = (&tried, change.user()) {
                        self.world.set_closed(user, closed);
                    }
                    if matches!(tried, Tried::Done) {
                        self.expect_echo(change, now);
                        self.note_success(change, now);
                        (moved, report.done) = (true, report.done + 1);
                    } else {
                        self.approval.end(change, &ApprovedEnd::AlreadySo);
                        report.already_so += 1;
                        // A reading that contradicts the answer for good must not make us ask for ever.
                        self.backoff.failed(change, now, None);
                        // The mirror was behind: what else it missed is in the room.
                        change.room().into_iter().for_each(|room| distrust(&mut self.world, room));
                    }
                }
                Tried::Gave(given) => {
                    if let Change::CreateAccount { .. } = change {
                        self.take_effect(change);
                        moved = true;
                    }
                    for Given { field, value, source } in given {
                        let user = change.user();
                        user.into_iter().for_each(|user| self.world.note_given(user, field, value, source));
                    }
                    self.note_success(change, now);
                    report.done += 1;
                }
                Tried::ProfileMoved(entry) => {
                    let user = change.user();
                    user.into_iter().for_each(|user| see(&mut self.world, user, Some(&entry)));
                    self.world.see_profile(&entry.name, entry.displayname.as_deref(), entry.avatar_url.as_deref());
                    report.waiting += 1;
                }
                Tried::Wrote(written) => {
                    own_state::put(&mut self.world, &written);
                    self.pushes.own_state.wrote(written, now);
                    self.note_success(change, now);
                    report.done += 1;
                }
                // The next plan is made from a new reading.
                Tried::Outdated | Tried::Refused(_) => {
                    self.backoff.failed(change, now, None);
                    change.room().into_iter().for_each(|room| distrust(&mut self.world, room));
                    match tried {
                        Tried::Refused(why) => self.note_failure(change, why, report),
                        _ => report.waiting += 1,
                    }
                }
                Tried::AccountClosed(entry) => {
                    let user = change.user();
                    user.into_iter().for_each(|user| see(&mut self.world, user, Some(&entry)));
                    report.waiting += 1;
                }
                Tried::Left => report.waiting += 1,
                Tried::NoAccount => self.backoff.failed(change, now, None),
                Tried::Failed(error) => {
                    if error.may_have_been_done() {
                        self.count_as_ours(change);
                    }
                    unreachable = self.apply_failure(change, &error, report, now).or(unreachable);
                }
                Tried::Unanswered(written, error) => {
                    self.pushes.unanswered.sent(*written, now);
                    unreachable = self.apply_failure(change, &error, report, now).or(unreachable);
                }
            }
        }
        // State events move nobody: there is nothing to count.
        if moved {
            self.member_count.after_writes(now);
        }
        if unreachable.is_some() {
            self.note_homeserver(unreachable);
        }
    }

    /// Returns why Synapse counts as away, where it does.
    fn apply_failure(
        &mut self,
        change: &Change,
        error: &CallError,
        report: &mut PassReport,
        now: Instant,
    ) -> Option<String> {
        self.backoff.failed(change, now, error.retry_after());
        self.learn_from(change, error);
        self.note_failure(change, error.to_string(), report);
        matches!(error, CallError::Unreachable(_)).then(|| error.to_string())
    }

    /// Puts into the mirror what a write did. Of a state that was so already, the next reading says what it is.
    fn take_effect(&mut self, change: &Change) {
        if matches!(change.kind().acts_on(), ActsOn::Setting | ActsOn::Levels) {
            return;
        }
        self.world.take_effect(change);
        if let Change::CreateAccount { .. } = change {
            let total = &mut self.readings.accounts.total;
            *total = total.map(|total| total + 1);
        }
    }

    /// What may be closed by now counts as closed by us, or nobody would open it again.
    fn count_as_ours(&mut self, change: &Change) {
        if let Some((user, closed)) = change.closes() {
            self.world.set_closed(user, Some(closed));
        }
    }

    /// Tells the store which of the accounts that were to be closed are closed by us. It was told of them all before the
    /// calls: somebody else's lock must not be taken for ours for an attempt that came to nothing.
    pub(crate) async fn note_closings(&self, tried: impl Iterator<Item = UserIx>) -> Result<()> {
        for user in tried {
            let closed = self.world.facts.closed_by_us.get(&user).copied();
            self.store
                .set_closed(&self.world.users.mxid(user), closed)
                .await
                .context("note which accounts are closed")?;
        }
        Ok(())
    }

    fn note_failure(&mut self, change: &Change, why: String, report: &mut PassReport) {
        let failed = failed(&self.world, change, why);
        self.approval.end(change, &ApprovedEnd::Failed(failed.clone()));
        report.failed.push(failed);
    }

    fn note_success(&mut self, change: &Change, now: Instant) {
        self.approval.end(change, &ApprovedEnd::Done);
        self.backoff.succeeded(change);
        self.fights.done(&mut self.world, change, now);
        self.returns.done(&mut self.world, change, now);
        // Should they come back, that is another story.
        if let Change::Remove { user, .. } = *change {
            self.world.set_background(user, None);
        }
    }

    /// The push of a write says nothing new.
    fn expect_echo(&mut self, change: &Change, now: Instant) {
        let (Some(room), Some(user)) = (change.room(), change.user()) else { return };
        let echoes = &mut self.pushes.own_members;
        if matches!(change, Change::Join { before: Membership::Ban, .. }) {
            echoes.removed(room, user, now);
        }
        match change.class() {
            Class::Joins => echoes.joined(room, user, now),
            Class::Removals => echoes.removed(room, user, now),
            Class::Accounts | Class::PowerLevels | Class::RoomState | Class::ServerAdmins | Class::Profiles => {}
        }
    }

    fn learn_from(&mut self, change: &Change, error: &CallError) {
        // Whatever of a lock was done: its sessions were not ended.
        if let &Change::LockAccount { user } = change
            && error.may_have_been_done()
        {
            self.world.set_sessions_remain(user, true);
        }
        if matches!(error, CallError::UserSuspended { .. }) {
            let user = change.user();
            user.into_iter().for_each(|user| self.account_checks.doubted(user, Instant::now()));
        } else if matches!(error, CallError::UserUnknown) {
            if let Some(user) = change.user() {
                self.world.set_there(user, OnServer::default());
            }
        } else if error.means_mirror_is_stale() || error.is_transport() {
            // What was not answered may have been done.
            self.in_doubt |= error.is_transport();
            change.room().into_iter().for_each(|room| distrust(&mut self.world, room));
        }
    }
}

fn failed(world: &World, change: &Change, error: String) -> Failed {
    Failed {
        kind: change.kind().as_str().to_owned(),
        room: change.room().map(|room| room.key(world).to_owned()),
        user: change.user().map(|user| world.users.mxid(user)),
        error,
    }
}
