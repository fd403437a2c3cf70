//! Reading: sources, inbox and mirror brought up to date. It plans nothing and writes nothing to the homeserver.
//!
//! The order stands once, in [`WakeReason`]. The races that are settled here:
//!
//! - **Reading against push.** A room's reading takes a while and pushes go on. What is pushed meanwhile is kept until it
//!   ends (`readings`). The database's clock is read before and after, so a push can be placed before, at, or after the
//!   reading (`pushes::age`).
//! - **Admitted between two requests.** Members who are not joined are asked for before the joined ones: somebody admitted
//!   in between is then in both lists rather than in neither (`rooms`). Who left in between is in neither, and is looked for
//!   once more.
//! - **A push that may be in the reading or not.** What the mirror does not say too is asked for by itself (`looks`).
//! - **An answer that is cut short.** Who had a membership keeps one; an answer that lacks somebody is not believed
//!   (`rooms`).
//! - **One room that is slow, or never answers.** Each room is read by a task of its own and tried again by a clock of its
//!   own; after a few seconds nobody waits for it (`readings`, `mirror`).
//! - **A list of accounts that is slow, or never answered.** It goes on beside everything else, and may be older than what was done
//!   or learnt meanwhile: of those users it is not believed (`accounts_listing`, `server_accounts`).
//! - **A bot that left** reads the room's past with 200: it must be among the joined (`rooms`).
//! - **Lost pushes.** After writes a cheap count is compared, twice, because Synapse counts a moment later
//!   (`member_count`).
//! - **A tombstone to nowhere.** The room that it names is asked whether it replaces this one (`upgrades`).
//! - **A leave that is cleared before its push comes**: leaves are cleared by event, whichever comes first
//!   (`cleared_leaves`).
//! - **A leave by choice behind what others did.** A reading tells only what somebody is now: what their membership replaced
//!   is asked for before they are joined (`pasts`).
//! - **Left by their own event, and not by choice.** Synapse parts a deactivated account in its owner's name: the account is
//!   looked at a moment later (`account_checks`).

pub(crate) mod account_checks;
pub(crate) mod accounts;
pub(crate) mod accounts_listing;
pub(crate) mod arrivals;
pub(crate) mod cleared_leaves;
pub(crate) mod looks;
pub(crate) mod member_count;
pub(crate) mod mirror;
pub(crate) mod pasts;
pub(crate) mod peopled_teams;
pub(crate) mod profiles;
pub(crate) mod rations;
pub(crate) mod readings;
pub(crate) mod retries;
pub(crate) mod rooms;
pub(crate) mod server_accounts;
pub(crate) mod state_sender;
pub(crate) mod strangers;
pub(crate) mod unclear;
pub(crate) mod upgrades;

use std::time::Instant;

use anyhow::{Context, Result};
use provisioner_policy::trouble_words;
use tracing::{info, instrument, warn};

use crate::reconcile::pushes;
use crate::reconcile::pushes::departures::own_leave;
use crate::reconcile::pushes::lost_updates::LostUpdate;
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::remembered::remembered;
use crate::reconcile::room_mirror::distrust;
use crate::reconcile::wakes::{WakeReason, Woken};
use crate::sources::RosterError;
use crate::store::OwnLeave;

/// Inbox events read at once; more are read in the same refresh.
const INBOX_BATCH: i64 = 1000;

/// Batches a refresh: a flood that comes faster than it is read must not keep the passes from happening.
const INBOX_BATCHES: usize = 10;

impl Reconciler {
    /// Reads those of the sources that `what` names, in the order of [`WakeReason`]: what operators decided, who should belong,
    /// what they should be called, and last what was pushed. The rooms themselves come after all of them, in
    /// [`Reconciler::read_mirror`]: a room is read as it is now, whatever was pushed of it before.
    pub(crate) async fn read_sources(&mut self, what: Woken) -> Result<()> {
        for reason in what.reasons() {
            match reason {
                WakeReason::Requests => {
                    self.read_follows().await?;
                    self.cleared_leaves.read_again(&self.store, &mut self.world).await?;
                }
                WakeReason::Roster => self.read_roster().await?,
                WakeReason::Accounts => self.read_accounts().await?,
                WakeReason::Profiles => self.read_profiles().await?,
                WakeReason::Inbox => self.read_inbox().await?,
                // Answered between two slices.
                WakeReason::Queries => {}
            }
        }
        // Not before the accounts were read: the pool would be asked for everybody at each start, one by one.
        self.tell_unknown();
        Ok(())
    }

    /// Reads the roster. A failure leaves what was read before and takes nobody's place away.
    #[instrument(name = "source.roster", skip_all)]
    pub(crate) async fn read_roster(&mut self) -> Result<()> {
        self.settle.ask(Instant::now());
        let Some(roster) = &self.roster else { return Ok(()) };
        let policy = &self.world.policy;
        let answer = roster.read(&policy.server_name, &policy.bot).await;
        let trouble = answer.as_ref().err().map(RosterError::chain);
        match answer {
            Ok(reading) => {
                let known = &self.world.facts.roster_trouble;
                let new: Vec<_> = reading.trouble.iter().filter(|one| known.binary_search(one).is_err()).collect();
                trouble_words(&new).iter().for_each(|words| warn!("{words}"));
                if self.trouble.roster.is_some() {
                    info!(rows = reading.rows, "the roster is readable again");
                }
                if reading.rows == 0 && self.world.facts.roster_rows != 0 {
                    warn!("the roster answered no row at all: nobody is removed because of it");
                }
                self.peopled_teams.compare(&self.store, &self.world, &reading).await?;
                self.world.set_roster(reading);
                self.peopled_teams.tell(&mut self.world);
            }
            Err(_) => {
                let reason = trouble.clone().unwrap_or_default();
                if trouble != self.trouble.roster {
                    warn!("{reason}");
                }
                self.world.fail_roster(reason);
            }
        }
        self.trouble.roster = trouble;
        Ok(())
    }

    /// Feeds the mirror from the inbox.
    pub(crate) async fn read_inbox(&mut self) -> Result<()> {
        self.pushes.own_members.forget_lost(Instant::now());
        for room in self.pushes.own_state.forget_lost(Instant::now()) {
            distrust(&mut self.world, room);
        }
        self.has_more_inbox = true;
        for _ in 0..INBOX_BATCHES {
            // What is read for nobody would be marked as handled.
            if !self.lease.holds() {
                break;
            }
            let rows = self.store.unhandled_inbox(INBOX_BATCH).await.context("read the inbox")?;
            if rows.is_empty() {
                self.has_more_inbox = false;
                break;
            }
            for row in &rows {
                if !self.readings.keep(&self.world, row) {
                    pushes::apply(&mut self.world, &mut self.pushes, row);
                }
            }
            self.cleared_leaves.apply_to(&self.store, &mut self.world, &rows).await?;
            self.note_strangers().await?;
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            let kept: Vec<String> = rows.iter().map(remembered).collect();
            let left = rows.iter().filter(|_| self.notes_leaves).filter_map(|row| own_leave(&self.world, row));
            let left: Vec<OwnLeave> = left.collect();
            self.store.mark_inbox_handled(&ids, &kept, &left).await.context("mark the inbox as handled")?;
        }
        self.verify_state_writes().await;
        Ok(())
    }

    /// Asks what our state events replaced, where their pushes did not say.
    async fn verify_state_writes(&mut self) {
        for (written, replaced) in std::mem::take(&mut self.pushes.unverified) {
            let id = &self.world.policy.rooms[written.room.index()].id;
            match self.homeserver.sent_event(id, &replaced).await {
                Ok((sender, content)) => {
                    let lost = LostUpdate::of(&self.world, &written, &content, Some(sender), Instant::now());
                    self.pushes.lost_updates.extend(lost);
                }
                Err(error) => {
                    warn!(room.id = id, "what {} replaced cannot be read: {error}", written.event_type);
                }
            }
        }
    }
}
