//! How many connections are held, and which has to go: a stranger on the network must not use up files and memory.
//!
//! A connection is a stranger's until a request on it has shown what it must, and a stranger's place is for seconds. Where
//! all places are taken the oldest connection goes, and not the newest: somebody who floods the door pushes out their own,
//! and a peer who shows the token at once always gets in.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::Extensions;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// What a door lets in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections of strangers, and of others, at a time. Twice both for two doors stay far below 1,024 files, the usual limit
    /// of a process.
    pub(super) places: usize,
    /// How long a stranger may take. Synapse sends its token with its first bytes.
    pub(super) stranger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { places: 128, stranger: Duration::from_secs(10) }
    }
}

/// The places of one listener.
#[derive(Debug, Clone)]
pub(super) struct Door {
    limits: Limits,
    places: Arc<Mutex<Places>>,
}

#[derive(Debug, Default)]
struct Places {
    /// The number of the next connection: the order in which they came.
    next: u64,
    strangers: BTreeMap<u64, Arc<Connection>>,
    /// Connections on which a request has shown what it must.
    known: BTreeMap<u64, Arc<Connection>>,
}

#[derive(Debug)]
struct Connection {
    address: IpAddr,
    is_known: AtomicBool,
    leave: CancellationToken,
}

/// A connection's place. Dropping it frees it.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    door: Door,
    connection: Arc<Connection>,
}

/// What a request needs to say that its connection is no stranger's. On the first requests of a connection only.
#[derive(Debug, Clone)]
struct Doorbell {
    number: u64,
    door: Door,
}

impl Door {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, places: Arc::default() }
    }

    /// A place for a connection that was just accepted.
    pub(super) fn enter(&self, address: IpAddr) -> Place {
        let connection =
            Arc::new(Connection { address, is_known: AtomicBool::new(false), leave: CancellationToken::new() });
        let mut places = self.places();
        let number = places.next;
        places.next += 1;
        places.strangers.insert(number, Arc::clone(&connection));
        if places.strangers.len() > self.limits.places {
            places.send_a_stranger_away();
        }
        drop(places);
        Place { number, door: self.clone(), connection }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// The oldest stranger goes; one from an address that nobody known is connected from, if there is one.
    fn send_a_stranger_away(&mut self) {
        let is_known = |address: IpAddr| self.known.values().any(|known| known.address == address);
        let unknown = self.strangers.iter().find(|(_, stranger)| !is_known(stranger.address));
        let goes = unknown.or_else(|| self.strangers.first_key_value()).map(|(number, _)| *number);
        goes.and_then(|number| self.strangers.remove(&number)).iter().for_each(|stranger| stranger.leave.cancel());
    }
}

impl Place {
    /// Ends when the connection has to go.
    pub(super) async fn lost(&self) {
        tokio::select! {
            () = self.connection.leave.cancelled() => return,
            () = sleep(self.door.limits.stranger) => {}
        }
        if self.is_known() {
            self.connection.leave.cancelled().await;
        }
    }

    /// Puts the means to [`admit`] into a request, as long as that has not happened: later ones cost nothing.
    pub(super) fn announce(&self, extensions: &mut Extensions) {
        if !self.is_known() {
            extensions.insert(Doorbell { number: self.number, door: self.door.clone() });
        }
    }

    fn is_known(&self) -> bool {
        self.connection.is_known.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.door.places();
        places.strangers.remove(&self.number);
        places.known.remove(&self.number);
    }
}

/// The request with these extensions has shown what it must: its connection is kept from now on.
pub(super) fn admit(extensions: &Extensions) {
    let Some(Doorbell { number, door }) = extensions.get::<Doorbell>() else { return };
    let mut places = door.places();
    if let Some(connection) = places.strangers.remove(number) {
        connection.is_known.store(true, Ordering::Relaxed);
        places.known.insert(*number, connection);
    }
    if places.known.len() > door.limits.places
        && let Some((_, oldest)) = places.known.pop_first()
    {
        oldest.leave.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SYNAPSE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    fn door() -> Door {
        Door::new(Limits { places: 3, stranger: Duration::from_secs(10) })
    }

    fn show_token(place: &Place) {
        let mut extensions = Extensions::new();
        place.announce(&mut extensions);
        admit(&extensions);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_has_ten_seconds_and_a_peer_who_showed_the_token_as_long_as_they_like() {
        let door = door();
        let (stranger, synapse) = (door.enter(OTHER), door.enter(SYNAPSE));
        show_token(&synapse);
        stranger.lost().await;
        let day = Duration::from_secs(86_400);
        assert!(tokio::time::timeout(day, synapse.lost()).await.is_err());
    }

    #[test]
    fn the_oldest_stranger_makes_room_and_a_known_address_comes_last() {
        let door = door();
        let known = door.enter(SYNAPSE);
        show_token(&known);
        let places: Vec<Place> = [SYNAPSE, OTHER, OTHER, OTHER, OTHER].map(|address| door.enter(address)).into();
        let left: Vec<bool> = places.iter().map(|place| place.connection.leave.is_cancelled()).collect();
        assert_eq!(left, [false, true, true, false, false]);
        assert!(!known.connection.leave.is_cancelled());
        drop(places);
        assert!(door.places().strangers.is_empty());
    }

    #[test]
    fn a_known_connection_is_announced_no_more_and_frees_its_place() {
        let door = door();
        let place = door.enter(SYNAPSE);
        show_token(&place);
        let mut extensions = Extensions::new();
        place.announce(&mut extensions);
        assert!(extensions.is_empty());
        drop(place);
        assert!(door.places().known.is_empty());
    }

    #[test]
    fn of_too_many_known_connections_the_oldest_goes() {
        let door = door();
        let places: Vec<Place> = (0..4).map(|_| door.enter(SYNAPSE)).collect();
        places.iter().for_each(show_token);
        // The first was sent away as a stranger, before it could show anything.
        assert!(places[0].connection.leave.is_cancelled());
        let another = door.enter(SYNAPSE);
        show_token(&another);
        let left: Vec<bool> =
            places.iter().chain([&another]).map(|place| place.connection.leave.is_cancelled()).collect();
        assert_eq!(left, [true, true, false, false, false]);
    }
}
