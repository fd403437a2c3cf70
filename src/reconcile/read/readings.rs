//! Readings under way, each a task of its own: a room that Synapse answers slowly, or never, makes no other wait, and neither does
//! the listing of accounts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use provisioner_policy::{RoomIx, World};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use crate::homeserver::{CallError, Homeserver};
use crate::reconcile::read::accounts_listing::AccountsListing;
use crate::reconcile::read::retries::Retries;
use crate::reconcile::read::rooms::{ROOMS_AT_ONCE, RoomReading, look_again, read_room};
use crate::reconcile::read::state_sender::KnownState;
use crate::store::{InboxRow, Store};

/// How long a reading is waited for, and counts among those at once. A room of a hundred thousand takes about as long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A reading that has come to its end.
#[derive(Debug)]
pub(crate) struct EndedReading {
    pub(crate) room: RoomIx,
    /// The room's id when the reading began: a room may be followed meanwhile.
    pub(crate) id: String,
    /// By the database's clock.
    pub(crate) began: DateTime<Utc>,
    pub(crate) ended: DateTime<Utc>,
    pub(crate) answer: Result<RoomReading, CallError>,
}

/// A reading under way.
#[derive(Debug)]
struct Reading {
    id: String,
    /// What was pushed of the room meanwhile: it is judged beside the reading once that has ended.
    pushed: Vec<InboxRow>,
    /// It is not waited for any more.
    is_slow: bool,
}

/// Who reads.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) homeserver: Homeserver,
    pub(crate) store: Store,
}

type Task = sqlx::Result<EndedReading>;

/// Readings under way, and what of the rooms could not be read.
#[derive(Debug)]
pub(crate) struct RoomReadings {
    tasks: JoinSet<Task>,
    under_way: HashMap<RoomIx, Reading>,
    /// Ended, and not taken over yet.
    ended: Vec<Task>,
    permits: Arc<Semaphore>,
    pub(crate) retries: Retries,
    /// Rooms of which Synapse left the last question unanswered.
    pub(crate) unanswered: HashSet<RoomIx>,
    pub(crate) accounts: AccountsListing,
}

impl Default for RoomReadings {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            under_way: HashMap::new(),
            ended: Vec::new(),
            permits: Arc::new(Semaphore::new(ROOMS_AT_ONCE)),
            retries: Retries::default(),
            unanswered: HashSet::new(),
            accounts: AccountsListing::default(),
        }
    }
}

impl RoomReadings {
    /// Begins to read a room.
    pub(crate) fn begin(&mut self, reader: Reader, world: &World, room: RoomIx) {
        let id = world.policy.rooms[room.index()].id.clone();
        // A room that hung the last time hangs.
        let reading = Reading { id: id.clone(), pushed: Vec::new(), is_slow: self.unanswered.contains(&room) };
        self.under_way.insert(room, reading);
        self.tasks.spawn(read(reader, room, id, KnownState::of(world, room), Arc::clone(&self.permits)));
    }

    /// Looks a second time for users that a reading lacks.
    pub(crate) fn look_again(
        &mut self,
        reader: Reader,
        of: EndedReading,
        pushed: Vec<InboxRow>,
        lacks: HashSet<String>,
    ) {
        self.under_way.insert(of.room, Reading { id: of.id.clone(), pushed, is_slow: false });
        self.tasks.spawn(async move {
            let EndedReading { room, id, began, answer, .. } = of;
            let answer = match answer {
                Ok(reading) => look_again(&reader.homeserver, &id, reading, &lacks).await,
                Err(error) => Err(error),
            };
            Ok(EndedReading { room, id, began, ended: reader.store.now().await?, answer })
        });
    }

    /// Whether this room is being read.
    pub(crate) fn is_under_way(&self, world: &World, room: RoomIx) -> bool {
        self.under_way.get(&room).is_some_and(|reading| reading.id == world.policy.rooms[room.index()].id)
    }

    /// Whether any room is being read, or the accounts are.
    pub(crate) fn any(&self) -> bool {
        !self.under_way.is_empty() || self.accounts.is_awaited()
    }

    /// Whether a room is being read that answered the last time: one that hung hangs.
    pub(crate) fn any_that_answers(&self) -> bool {
        self.under_way.keys().any(|room| !self.unanswered.contains(room))
    }

    /// Whether a room is being read that is worth waiting for.
    pub(crate) fn any_quick(&self) -> bool {
        self.under_way.values().any(|reading| !reading.is_slow)
    }

    /// Those under way are not waited for any more.
    pub(crate) fn lose_patience(&mut self) {
        self.under_way.values_mut().for_each(|reading| reading.is_slow = true);
    }

    /// Keeps a push of a room that is being read, until it has been; false where it is of no such room.
    pub(crate) fn keep(&mut self, world: &World, row: &InboxRow) -> bool {
        let reading = world.room_by_id(&row.room_id).and_then(|room| self.under_way.get_mut(&room));
        let Some(reading) = reading.filter(|reading| reading.id == row.room_id) else { return false };
        reading.pushed.push(row.clone());
        true
    }

    /// The reading is over: what was pushed meanwhile. `None` where another one of the room is under way.
    pub(crate) fn close(&mut self, ended: &EndedReading) -> Option<Vec<InboxRow>> {
        let its = self.under_way.get(&ended.room).is_some_and(|reading| reading.id == ended.id);
        its.then(|| self.under_way.remove(&ended.room).map(|reading| reading.pushed)).flatten()
    }

    /// Waits until a reading ends, or a question about the accounts; for ever where none is under way.
    pub(crate) async fn one_ends(&mut self) {
        tokio::select! {
            Some(ended) = self.tasks.join_next() => self.ended.push(unpanicked(ended)),
            () = self.accounts.answered() => {}
        }
    }

    /// A reading that has ended.
    pub(crate) fn take_ended(&mut self) -> Option<Task> {
        self.ended.pop().or_else(|| self.tasks.try_join_next().map(unpanicked))
    }
}

fn unpanicked(ended: Result<Task, JoinError>) -> Task {
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn read(reader: Reader, room: RoomIx, id: String, known: KnownState, permits: Arc<Semaphore>) -> Task {
    let permit = permits.acquire_owned().await.expect("the semaphore is never closed");
    let began = reader.store.now().await?;
    let answer = {
        let mut reading = std::pin::pin!(read_room(&reader.homeserver, &id, &known));
        match timeout(PATIENCE, &mut reading).await {
            Ok(answer) => answer,
            Err(_) => {
                drop(permit);
                reading.await
            }
        }
    };
    Ok(EndedReading { room, id, began, ended: reader.store.now().await?, answer })
}
