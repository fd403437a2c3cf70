//! `status`: what is enforced, how each room stands, and what is held, by what was read just now.

use provisioner_policy::{Class, Entitlement, Membership, Mode, Plan, RoomIx, RoomStatus, World};
use serde::{Serialize, Serializer};

use crate::reconcile::Reconciler;

/// How things are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    #[serde(serialize_with = "as_map")]
    pub modes: Vec<(&'static str, Mode)>,
    pub rooms: Vec<StatusOfRoom>,
    /// Changes that are due to accounts and admins.
    pub server_drift: usize,
    /// Changes that the guard holds, and what `apply --approve` takes.
    pub held: usize,
    pub held_id: Option<String>,
    /// Why Synapse cannot be used, where it cannot.
    pub trouble: Option<String>,
    pub notices: Vec<String>,
}

/// How a room stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusOfRoom {
    pub room: String,
    /// How many belong there, and how many are there. The bot and other exempt users are not counted.
    pub wanted: usize,
    pub present: usize,
    /// Changes that wait for nobody's word.
    pub drift: usize,
    /// What is special about it; mostly nothing.
    pub state: &'static str,
}

/// How things are by the world and this plan for it.
pub fn status(reconciler: &Reconciler, plan: &Plan) -> Status {
    let world = reconciler.world();
    let drift = |room| plan.actions.iter().filter(|action| action.change.room() == room && !action.is_held()).count();
    let rooms = world.rooms().map(|room| {
        let (wanted, present) = heads(world, room);
        let state = match &world.room(room).status {
            RoomStatus::Ready if world.room(room).successor().is_some() => "replaced",
            RoomStatus::Ready => "",
            RoomStatus::Unread => "not read yet",
            RoomStatus::Unreadable(_) => "cannot be read",
        };
        StatusOfRoom { room: room.key(world).to_owned(), wanted, present, drift: drift(Some(room)), state }
    });
    Status {
        modes: Class::ALL.map(|class| (class.key(), class.mode(&world.policy.modes))).to_vec(),
        rooms: rooms.collect(),
        server_drift: drift(None),
        held: plan.held().count(),
        held_id: plan.held_id(world),
        trouble: reconciler.homeserver_trouble().map(str::to_owned),
        notices: plan.notices(world),
    }
}

fn heads(world: &World, room: RoomIx) -> (usize, usize) {
    let touched = || world.users.iter().filter(|user| !world.is_exempt(*user));
    let wanted = touched().filter(|user| matches!(world.entitlement(room, *user), Entitlement::By(_)));
    let present = touched().filter(|user| world.room(room).membership(*user) == Membership::Join);
    (wanted.count(), present.count())
}

impl Status {
    /// What is done, and what is only counted.
    pub fn modes_in_words(&self) -> String {
        let of = |mode| {
            let names: Vec<&str> = self.modes.iter().filter(|(_, its)| *its == mode).map(|(name, _)| *name).collect();
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        };
        format!("Enforced: {}. Only counted: {}.", of(Mode::Enforce), of(Mode::Observe))
    }
}

fn as_map<S: Serializer>(modes: &[(&'static str, Mode)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(modes.iter().copied())
}
