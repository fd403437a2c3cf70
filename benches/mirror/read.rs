//! The room, read: its lists alone, and all of it into a world.

use std::hint::black_box;

use phenom_provisioner::homeserver::{Homeserver, MemberEvent, Timeouts};
use phenom_provisioner::reconcile::observe_rooms;
use provisioner_policy::{Policy, RoomIx, RoomPolicy, RoomSettings, RoomStatus, Selector, World};
use tokio::runtime::Runtime;

use crate::answers::{BOT, ROOM, SERVER};

/// The service's client, on one thread.
#[derive(Debug)]
pub(crate) struct Reader {
    runtime: Runtime,
    homeserver: Homeserver,
}

impl Reader {
    pub(crate) fn new(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let connect = Homeserver::connect(url, BOT, "token", Timeouts::default());
        let homeserver = runtime.block_on(connect).expect("nothing is sent yet");
        Self { runtime, homeserver }
    }

    /// A world of this room in which nothing has been read.
    pub(crate) fn world(&self) -> World {
        World::new(Policy {
            server_name: SERVER.into(),
            bot: BOT.into(),
            rooms: vec![RoomPolicy {
                settings: RoomSettings { name: Some("Red Room".into()), ..RoomSettings::default() },
                ..RoomPolicy::new("red-room", ROOM, vec![Selector::Everyone])
            }],
            ..Policy::default()
        })
    }

    pub(crate) fn joined_members(&self) -> Vec<Box<str>> {
        black_box(self.runtime.block_on(self.homeserver.joined_members(ROOM)).expect("Synapse answers"))
    }

    pub(crate) fn other_members(&self) -> Vec<MemberEvent> {
        black_box(self.runtime.block_on(self.homeserver.other_members(ROOM)).expect("Synapse answers"))
    }

    /// As a pass reads a room that is not ready.
    pub(crate) fn observe(&self, world: &mut World) {
        let rooms: Vec<RoomIx> = world.rooms().collect();
        self.runtime.block_on(observe_rooms(&self.homeserver, world, &rooms)).expect("Synapse answers");
        assert_eq!(world.room(rooms[0]).status, RoomStatus::Ready);
    }
}
