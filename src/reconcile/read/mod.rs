//! The reading half of the reconciler: sources, inbox and mirror brought up to date. It plans nothing and writes nothing to
//! the homeserver.

pub(crate) mod accounts;
pub(crate) mod arrivals;
pub(crate) mod cleared_leaves;
pub(crate) mod member_count;
pub(crate) mod rooms;
pub(crate) mod state_sender;

use std::time::Instant;

use anyhow::{Context, Result};
use provisioner_policy::{AccountsFrom, RoomIx, RoomStatus, read_roster, trouble_words};
use tracing::{info, instrument, warn};

use crate::homeserver::CallError;
use crate::reconcile::pushes;
use crate::reconcile::pushes::lost_updates::LostUpdate;
use crate::reconcile::read::arrivals::ArrivalsRead;
use crate::reconcile::read::rooms::{distrust, observe_accounts, observe_rooms};
use crate::reconcile::reconciler::Reconciler;
use crate::sources::RosterError;

/// Inbox events read at once; more are read in the same refresh.
const INBOX_BATCH: i64 = 1000;

impl Reconciler {
    /// Reads the roster. A failure leaves what was read before and takes nobody's place away.
    #[instrument(name = "source.roster", skip_all)]
    pub async fn read_roster(&mut self) {
        let Some(roster) = &self.roster else { return };
        let answer = roster.read().await;
        let trouble = answer.as_ref().err().map(RosterError::chain);
        match answer {
            Ok(rows) => {
                let policy = &self.world.policy;
                let reading = read_roster(rows, &policy.server_name, &policy.bot);
                let known = &self.world.facts.roster_trouble;
                let new: Vec<_> = reading.trouble.iter().filter(|one| known.binary_search(one).is_err()).collect();
                trouble_words(&new).iter().for_each(|words| warn!("{words}"));
                if self.trouble.roster.is_some() {
                    info!(rows = reading.rows, "the roster is readable again");
                }
                if reading.rows == 0 && self.world.facts.roster_rows != 0 {
                    warn!("the roster answered no row at all: nobody is removed for its sake");
                }
                self.world.set_roster(reading);
                if self.world.facts.accounts_from == AccountsFrom::Pool {
                    self.tell_unknown();
                }
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
    }

    /// Rooms that are to be read before the next plan.
    pub fn unread_rooms(&self) -> impl Iterator<Item = RoomIx> + '_ {
        self.world.rooms().filter(|room| self.world.room(*room).status != RoomStatus::Ready)
    }

    /// Feeds the mirror from the inbox.
    pub async fn read_inbox(&mut self) -> Result<()> {
        self.pushes.own_members.forget_lost(Instant::now());
        for room in self.pushes.own_state.forget_lost(Instant::now()) {
            distrust(&mut self.world, room);
        }
        loop {
            let rows = self.store.unhandled_inbox(INBOX_BATCH).await.context("read the inbox")?;
            for row in &rows {
                pushes::apply(&mut self.world, &mut self.pushes, row);
            }
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            if ids.is_empty() {
                self.verify_state_writes().await;
                return Ok(());
            }
            self.apply_cleared_leaves_to(&rows).await?;
            self.store.mark_inbox_handled(&ids).await.context("mark the inbox as handled")?;
        }
    }

    /// Asks what our state events replaced, where their pushes did not say.
    async fn verify_state_writes(&mut self) {
        for (write, replaced) in std::mem::take(&mut self.pushes.unverified) {
            let id = &self.world.policy.rooms[write.written.room.index()].id;
            match self.homeserver.event_content(id, &replaced).await {
                Ok(content) => {
                    let lost = LostUpdate::of(&self.world, &write, &content, Instant::now());
                    self.pushes.lost_updates.extend(lost);
                }
                Err(error) => {
                    warn!(room.id = id, "what {} replaced cannot be read: {error}", write.written.event_type);
                }
            }
        }
    }

    /// Reads everything again before the next plan, and judges everybody by it.
    pub fn resync(&mut self) {
        self.distrust_all();
        self.planner.forget();
        self.arrivals_read = ArrivalsRead::default();
        // No members have this number.
        self.groups_read.values_mut().for_each(|revision| *revision = 0);
    }

    /// Distrusts the whole mirror: every room is read again before the next plan.
    pub fn distrust_all(&mut self) {
        for room in self.world.rooms() {
            distrust(&mut self.world, room);
        }
    }

    /// Reads the rooms that are not ready, and the listing of accounts where `accounts` says so or it was never read.
    /// What cannot be read is noted as trouble and tried again later; nothing is planned in such a room.
    #[instrument(name = "mirror.read", skip_all)]
    pub async fn read_mirror(&mut self, accounts: bool) -> Result<()> {
        let unread: Vec<RoomIx> = self.unread_rooms().collect();
        let began = self.store.now().await.context("read the database's clock")?;
        let mut answer = match self.check_homeserver().await {
            Ok(()) => observe_rooms(&self.homeserver, &mut self.world, &unread).await,
            Err(error) => Err(error),
        };
        let ended = self.store.now().await.context("read the database's clock")?;
        for room in unread {
            self.pushes.read_times.read(room, began, ended);
            self.pushes.own_state.read(room);
        }
        if answer.is_ok() && (accounts || !self.world.mirror.accounts_listed) {
            match observe_accounts(&self.homeserver, &mut self.world, self.accounts_total).await {
                Ok(total) => self.accounts_total = total,
                Err(error) => answer = Err(error),
            }
        }
        self.world.inherit_voluntary_leaves();
        self.apply_cleared_leaves().await?;
        self.read_fights().await?;
        self.note_homeserver(answer.err());
        Ok(())
    }

    /// Counts the members of the rooms, where a count is due after writes.
    pub async fn look_if_due(&mut self, now: Instant) {
        if self.member_count.due().is_some_and(|due| due <= now) {
            let answer = self.member_count.look(&self.homeserver, &mut self.world).await;
            if answer.is_err() {
                self.note_homeserver(answer.err());
            }
        }
    }

    /// Whether this is the homeserver that the configuration means. Asked until the accounts were listed once.
    async fn check_homeserver(&self) -> Result<(), CallError> {
        let ours = &self.world.policy.bot;
        if self.world.mirror.accounts_listed {
            return Ok(());
        }
        match self.homeserver.whoami().await? {
            theirs if theirs == *ours => Ok(()),
            theirs => Err(CallError::AnotherHomeserver { ours: ours.clone(), theirs }),
        }
    }

    pub(crate) fn note_homeserver(&mut self, error: Option<CallError>) {
        let trouble = error.map(|error| error.to_string());
        match &trouble {
            Some(reason) if trouble != self.trouble.homeserver => warn!("{reason}"),
            None if self.trouble.homeserver.is_some() => info!("Synapse answers again"),
            _ => {}
        }
        if trouble.is_some() {
            self.distrust_all();
        }
        self.trouble.homeserver = trouble;
    }
}
