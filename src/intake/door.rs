//! How many connections are held, and which has to go: a stranger on the network must not use up files and memory.
//!
//! A connection is a stranger's until a request on it has shown what it must, and a stranger's permit is for seconds. Where
//! all permits are given the oldest connection goes, and not the newest: somebody who floods the door pushes out their own,
//! and a peer who shows the token at once always gets in.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::Extensions;
use parking_lot::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// What a door lets in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections of strangers, and of others, at a time. Twice both for two doors stay far below 1,024 files, the usual limit
    /// of a process.
    pub(super) permits: usize,
    /// How long a stranger may take. Synapse sends its token with its first bytes.
    pub(super) stranger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { permits: 128, stranger: Duration::from_secs(10) }
    }
}

/// The permits of one listener.
#[derive(Debug, Clone)]
pub(super) struct Door {
    limits: Limits,
    permits: Arc<Mutex<Permits>>,
}

#[derive(Debug, Default)]
struct Permits {
    /// The number of the next connection: the order in which they came.
    next: u64,
    strangers: BTreeMap<u64, Arc<Peer>>,
    /// Connections on which a request has shown what it must.
    known: BTreeMap<u64, Arc<Peer>>,
}

#[derive(Debug)]
struct Peer {
    address: IpAddr,
    is_known: AtomicBool,
    leave: CancellationToken,
}

/// A connection's permit. Dropping it frees it.
#[derive(Debug)]
pub(super) struct Permit {
    number: u64,
    door: Door,
    peer: Arc<Peer>,
}

/// What a request needs to say that its connection is no stranger's. On the first requests of a connection only.
#[derive(Debug, Clone)]
struct Doorbell {
    number: u64,
    door: Door,
}

impl Door {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, permits: Arc::default() }
    }

    /// A permit for a connection that was just accepted.
    pub(super) fn enter(&self, address: IpAddr) -> Permit {
        let peer = Arc::new(Peer { address, is_known: AtomicBool::new(false), leave: CancellationToken::new() });
        let mut permits = self.permits.lock();
        let number = permits.next;
        permits.next += 1;
        permits.strangers.insert(number, Arc::clone(&peer));
        if permits.strangers.len() > self.limits.permits {
            permits.send_a_stranger_away();
        }
        drop(permits);
        Permit { number, door: self.clone(), peer }
    }
}

impl Permits {
    /// The oldest stranger goes; one from an address that nobody known is connected from, if there is one.
    fn send_a_stranger_away(&mut self) {
        let is_known = |address: IpAddr| self.known.values().any(|known| known.address == address);
        let unknown = self.strangers.iter().find(|(_, stranger)| !is_known(stranger.address));
        let goes = unknown.or_else(|| self.strangers.first_key_value()).map(|(number, _)| *number);
        goes.and_then(|number| self.strangers.remove(&number)).iter().for_each(|stranger| stranger.leave.cancel());
    }
}

impl Permit {
    /// Ends when the connection has to go.
    pub(super) async fn lost(&self) {
        self.peer.leave.run_until_cancelled(sleep(self.door.limits.stranger)).await;
        if self.is_known() {
            self.peer.leave.cancelled().await;
        }
    }

    /// Puts the means to [`admit`] into a request, as long as that has not happened: later ones cost nothing.
    pub(super) fn announce(&self, extensions: &mut Extensions) {
        if !self.is_known() {
            extensions.insert(Doorbell { number: self.number, door: self.door.clone() });
        }
    }

    fn is_known(&self) -> bool {
        self.peer.is_known.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut permits = self.door.permits.lock();
        permits.strangers.remove(&self.number);
        permits.known.remove(&self.number);
    }
}

/// The request with these extensions has shown what it must: its connection is kept from now on.
pub(super) fn admit(extensions: &Extensions) {
    let Some(Doorbell { number, door }) = extensions.get::<Doorbell>() else { return };
    let mut permits = door.permits.lock();
    if let Some(peer) = permits.strangers.remove(number) {
        peer.is_known.store(true, Ordering::Relaxed);
        permits.known.insert(*number, peer);
    }
    if permits.known.len() > door.limits.permits
        && let Some((_, oldest)) = permits.known.pop_first()
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
        Door::new(Limits { permits: 3, stranger: Duration::from_secs(10) })
    }

    fn show_token(permit: &Permit) {
        let mut extensions = Extensions::new();
        permit.announce(&mut extensions);
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
        let permits: Vec<Permit> = [SYNAPSE, OTHER, OTHER, OTHER, OTHER].map(|address| door.enter(address)).into();
        let left: Vec<bool> = permits.iter().map(|permit| permit.peer.leave.is_cancelled()).collect();
        assert_eq!(left, [false, true, true, false, false]);
        assert!(!known.peer.leave.is_cancelled());
        drop(permits);
        assert!(door.permits.lock().strangers.is_empty());
    }

    #[test]
    fn a_known_connection_is_announced_no_more_and_frees_its_place() {
        let door = door();
        let permit = door.enter(SYNAPSE);
        show_token(&permit);
        let mut extensions = Extensions::new();
        permit.announce(&mut extensions);
        assert!(extensions.is_empty());
        drop(permit);
        assert!(door.permits.lock().known.is_empty());
    }

    #[test]
    fn of_too_many_known_connections_the_oldest_goes() {
        let door = door();
        let permits: Vec<Permit> = (0..4).map(|_| door.enter(SYNAPSE)).collect();
        permits.iter().for_each(show_token);
        // The first was sent away as a stranger, before it could show anything.
        assert!(permits[0].peer.leave.is_cancelled());
        let another = door.enter(SYNAPSE);
        show_token(&another);
        let left: Vec<bool> = permits.iter().chain([&another]).map(|permit| permit.peer.leave.is_cancelled()).collect();
        assert_eq!(left, [true, true, false, false, false]);
    }
}
