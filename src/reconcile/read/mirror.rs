//! The mirror read: which rooms are due, readings taken over as they end, and whose trouble it is when Synapse leaves a
//! question unanswered.
//!
//! One room is one room: a room that times out, or is answered 502 to 504 by a proxy, is unreadable by itself, and so is the list
//! of accounts. Whether Synapse is there at all is what `whoami` says.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use provisioner_policy::{RoomIx, RoomStatus};
use tokio::time::{Instant as Clock, timeout_at};
use tracing::{info, instrument, warn};

use crate::causes::told;
use crate::homeserver::{CallError, within};
use crate::reconcile::brakes::fight_report;
use crate::reconcile::pushes;
use crate::reconcile::read::arrivals::ArrivalsRead;
use crate::reconcile::read::readings::{EndedReading, Reader};
use crate::reconcile::read::rooms::{apply_reading, note_unreadable};
use crate::reconcile::reconciler::Reconciler;
use crate::reconcile::room_mirror::distrust;

/// `whoami` looks nothing up in any room: a Synapse that does not answer it within this answers nothing.
const IS_THERE: Duration = Duration::from_secs(10);

impl Reconciler {
    /// Reads everything again before the next plan, and judges everybody by it.
    pub fn resync(&mut self) {
        self.distrust_all();
        self.readings.retries.all_due(Instant::now());
        self.looks.forget();
        self.upgrades.forget();
        self.account_checks.look_at_suspended(&self.world, Instant::now());
        self.planner.forget();
        self.arrivals_read = ArrivalsRead::default();
        // No members have this number.
        self.groups_read.values_mut().for_each(|revision| *revision = 0);
    }

    /// Distrusts the whole mirror: every room is read again before the next plan.
    pub(crate) fn distrust_all(&mut self) {
        for room in self.world.rooms() {
            distrust(&mut self.world, room);
        }
    }

    /// Whether [`Reconciler::read_mirror`] has something to do.
    pub(crate) fn is_reading_due(&self, now: Instant) -> bool {
        if self.is_synapse_unread() {
            return self.readings.retries.is_due(None, now);
        }
        self.in_doubt || self.readings.accounts.is_to_begin(false, now) || self.due_rooms(now).next().is_some()
    }

    /// When something that could not be read is tried again.
    pub(crate) fn next_reading(&self) -> Option<Instant> {
        let away = self.is_synapse_unread();
        let listing = self.readings.accounts.next().filter(|_| !away);
        let retries = self.readings.retries.next(|what| match what {
            None => away,
            Some(room) => !away && !self.readings.is_under_way(&self.world, room),
        });
        listing.into_iter().chain(retries).min()
    }

    /// Synapse as a whole was not read, or does not answer.
    pub(crate) fn is_synapse_unread(&self) -> bool {
        self.trouble.is_synapse_away || !self.world.mirror.accounts_listed
    }

    /// Rooms that are to be read now.
    fn due_rooms(&self, now: Instant) -> impl Iterator<Item = RoomIx> + '_ {
        let unread = self.world.rooms().filter(|room| self.world.room(*room).status != RoomStatus::Ready);
        unread.filter(move |room| {
            !self.readings.is_under_way(&self.world, *room) && self.readings.retries.is_due(Some(*room), now)
        })
    }

    /// Reads the rooms that are due, and the listing of accounts where `accounts` says so or it was never read. Both are
    /// waited for with this much patience each, or to the end; what takes longer goes on being read. Nothing is planned in such
    /// rooms, and of accounts what was listed before stands. What cannot be read is noted as trouble and tried again later.
    #[instrument(name = "mirror.read", skip_all)]
    pub(crate) async fn read_mirror(&mut self, accounts: bool, patience: Option<Duration>) -> Result<()> {
        let accounts = accounts || self.is_synapse_unread();
        let mut trouble = if self.in_doubt || self.is_synapse_unread() { self.ask_whoami().await } else { None };
        if trouble.is_none() {
            let due: Vec<RoomIx> = self.due_rooms(Instant::now()).collect();
            for room in due {
                self.readings.begin(self.reader(), &self.world, room);
            }
            self.await_readings(patience).await?;
            if self.in_doubt {
                trouble = self.ask_whoami().await;
            }
            trouble = trouble.or_else(|| self.no_room_answers());
        }
        if trouble.is_none() && self.readings.accounts.is_to_begin(accounts, Instant::now()) {
            trouble = self.list_accounts(patience).await;
        }
        self.tell_unknown();
        fight_report::read_fights(&mut self.fights, &self.store, &mut self.world).await?;
        self.returns.read(&self.store, &mut self.world, Instant::now()).await?;
        match trouble {
            Some(_) => self.readings.retries.failed(None, Instant::now()),
            None => self.readings.retries.ended(None),
        }
        self.note_homeserver(trouble);
        Ok(())
    }

    /// Begins to list the accounts, and waits for that. Returns why Synapse as a whole counts as away, where it does.
    async fn list_accounts(&mut self, patience: Option<Duration>) -> Option<String> {
        let (is_first, failed) = (!self.world.mirror.accounts_listed, self.readings.accounts.trouble.is_some());
        self.readings.accounts.begin(&self.homeserver, &self.world);
        // Whose account is looked at by itself may be one that Synapse parts just now: the list says nothing of them.
        self.note_parted(Instant::now());
        self.account_checks.users().for_each(|user| self.readings.accounts.note_newer(user));
        if is_first {
            // Nobody is made, joined or closed before its end.
            self.await_accounts(None).await;
            return self.readings.accounts.trouble.clone();
        }
        // A listing that hung the last time hangs.
        if !failed {
            self.await_accounts(patience).await;
        }
        if self.in_doubt { self.ask_whoami().await } else { None }
    }

    async fn await_accounts(&mut self, patience: Option<Duration>) {
        let until = patience.map(|patience| Clock::now() + patience);
        while self.readings.accounts.is_under_way() {
            let answered = self.readings.accounts.answered();
            match until {
                None => answered.await,
                Some(until) => {
                    if timeout_at(until, answered).await.is_err() {
                        self.in_doubt = true;
                        return;
                    }
                }
            }
            self.take_over_accounts();
        }
    }

    async fn await_readings(&mut self, patience: Option<Duration>) -> Result<()> {
        let until = patience.map(|patience| Clock::now() + patience);
        loop {
            self.take_over_readings().await?;
            match until {
                None if !self.readings.any() && !self.upgrades.any() => return Ok(()),
                None => tokio::select! {
                    () = self.readings.one_ends() => {}
                    () = self.upgrades.one_ends() => {}
                },
                Some(_) if !self.readings.any_quick() => return Ok(()),
                Some(until) => {
                    if timeout_at(until, self.readings.one_ends()).await.is_err() {
                        self.readings.lose_patience();
                        // A Synapse that is silent is told of now, and not when the readings are given up.
                        self.in_doubt = true;
                    }
                }
            }
        }
    }

    /// Takes over the readings that have ended.
    pub(crate) async fn take_over_readings(&mut self) -> Result<()> {
        let mut any = false;
        self.take_over_accounts();
        while let Some(ended) = self.readings.take_ended() {
            self.take_over(ended.context("read the database's clock")?).await?;
            any = true;
        }
        if any {
            self.world.inherit_voluntary_leaves();
            self.cleared_leaves.apply(&self.store, &mut self.world).await?;
            self.note_strangers().await?;
        }
        self.settle_doubts().await?;
        self.in_doubt |= self.upgrades.look(&self.homeserver, &mut self.world).await;
        Ok(())
    }

    /// Takes over what was answered of the listing of accounts.
    fn take_over_accounts(&mut self) {
        if !self.readings.accounts.take_over(&self.homeserver, &mut self.world) {
            return;
        }
        if self.readings.accounts.trouble.is_some() {
            // It is told of once it is known whose trouble it is.
            self.in_doubt = true;
        } else if !self.is_synapse_unread() {
            self.note_homeserver(None);
        }
    }

    async fn take_over(&mut self, mut reading: EndedReading) -> Result<()> {
        let Some(pushed) = self.readings.close(&reading) else { return Ok(()) };
        let room = reading.room;
        if reading.id != self.world.policy.rooms[room.index()].id {
            // It was followed meanwhile: that room is read next.
            return Ok(());
        }
        match reading.answer {
            Ok(answer) => {
                self.readings.unanswered.remove(&room);
                if let Some((answer, lacks)) = apply_reading(&mut self.world, room, answer) {
                    reading.answer = Ok(answer);
                    self.readings.look_again(self.reader(), reading, pushed, lacks);
                    return Ok(());
                }
            }
            Err(error) => self.note_failed_reading(room, &error),
        }
        match self.world.room(room).status {
            RoomStatus::Ready => self.readings.retries.ended(Some(room)),
            _ => self.readings.retries.failed(Some(room), Instant::now()),
        }
        self.pushes.read_times.read(room, reading.began, reading.ended);
        self.pushes.own_state.read(room);
        pushed.iter().for_each(|row| pushes::apply(&mut self.world, &mut self.pushes, row));
        self.cleared_leaves.apply_to(&self.store, &mut self.world, &pushed).await
    }

    fn note_failed_reading(&mut self, room: RoomIx, error: &CallError) {
        let is_new = note_unreadable(&mut self.world, room, error);
        if !error.is_transport() {
            self.readings.unanswered.remove(&room);
            return;
        }
        self.readings.unanswered.insert(room);
        self.in_doubt = true;
        // Synapse may have been away for a moment, and then pushes of other rooms are lost.
        if is_new && matches!(error, CallError::Unreachable(_)) {
            self.distrust_all();
        }
    }

    fn reader(&self) -> Reader {
        Reader { homeserver: self.homeserver.clone(), store: self.store.clone() }
    }

    /// Why Synapse is not there, or not the one that the configuration means.
    async fn ask_whoami(&mut self) -> Option<String> {
        self.in_doubt = false;
        let ours = &self.world.policy.bot;
        match within(IS_THERE, self.homeserver.whoami()).await {
            Ok(theirs) if theirs == *ours => None,
            Ok(theirs) => Some(CallError::AnotherHomeserver { ours: ours.clone(), theirs }.to_string()),
            Err(error) => Some(told(&error)),
        }
    }

    /// What every room is unreadable for, where Synapse answers a question about none.
    fn no_room_answers(&self) -> Option<String> {
        let mut rooms = self.world.rooms();
        let first = self.world.rooms().next()?;
        let none = rooms.all(|room| self.readings.unanswered.contains(&room));
        match &self.world.room(first).status {
            RoomStatus::Unreadable(why) if none => Some(why.clone()),
            _ => None,
        }
    }

    /// Looks at single accounts, and counts the members of the rooms where a count is due after writes.
    pub(crate) async fn look_if_due(&mut self, now: Instant) {
        // While Synapse is away everything would wait for answers that do not come.
        if !self.is_synapse_unread() {
            let looked = self.account_checks.look(&self.homeserver, &mut self.world).await;
            looked.seen.into_iter().for_each(|user| self.readings.accounts.note_newer(user));
            self.in_doubt |= looked.is_unanswered;
        }
        if self.member_count.due().is_some_and(|due| due <= now) {
            self.in_doubt |= self.member_count.look(&self.homeserver, &mut self.world).await;
        }
    }

    /// Notes why Synapse as a whole could not be read, or that it can. Its list of accounts may be in trouble all the same.
    pub(crate) fn note_homeserver(&mut self, away: Option<String>) {
        let was_away = std::mem::replace(&mut self.trouble.is_synapse_away, away.is_some());
        if away.is_some() {
            self.distrust_all();
            self.readings.accounts.abandon();
        }
        let trouble = away.or_else(|| self.readings.accounts.trouble.clone());
        match &trouble {
            Some(reason) if trouble != self.trouble.homeserver => warn!("{reason}"),
            None if was_away => info!("Synapse answers again"),
            None if self.trouble.homeserver.is_some() => info!("Synapse lists its accounts again"),
            _ => {}
        }
        self.trouble.homeserver = trouble;
    }
}
