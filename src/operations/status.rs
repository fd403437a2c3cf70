//! `status`: what is enforced, how each room stands, and what is held, by what was read just now.

use provisioner_policy::{Action, Class, Entitlement, Membership, Mode, Plan, RoomIx, RoomStatus, World};
use serde::{Serialize, Serializer};

use crate::reconcile::{Conditions, Reconciler};

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
    /// What else lasts that somebody must act on.
    pub conditions: Vec<String>,
}

/// How a room stands. The bot and other exempt users are not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusOfRoom {
    pub room: String,
    /// How many belong there, and how many of them are there.
    pub wanted: usize,
    pub present: usize,
    /// How many are there and do not belong.
    pub others: usize,
    /// Changes that wait for nobody's word.
    pub drift: usize,
    /// What is special about it; mostly nothing.
    pub state: &'static str,
}

/// How things are by the world and this plan for it.
pub fn status(reconciler: &Reconciler, plan: &Plan) -> Status {
    let world = reconciler.world();
    let drift = |room| -> usize {
        let due = plan.actions.iter().filter(|action| action.change.room() == room && !action.is_held());
        due.map(Action::part_count).sum()
    };
    Status {
        modes: Class::ALL.map(|class| (class.key(), class.mode(&world.policy.modes))).to_vec(),
        rooms: world.rooms().map(|room| of_room(world, room, drift(Some(room)))).collect(),
        server_drift: drift(None),
        held: plan.held().map(Action::part_count).sum(),
        held_id: plan.held_id(world),
        trouble: reconciler.homeserver_trouble().map(str::to_owned),
        notices: plan.notices(world),
        conditions: unnoticed(reconciler.conditions()),
    }
}

fn of_room(world: &World, room: RoomIx, drift: usize) -> StatusOfRoom {
    let state = match &world.room(room).status {
        RoomStatus::Ready if world.room(room).successor().is_some() => "replaced",
        RoomStatus::Ready => "",
        RoomStatus::Unread => "not read yet",
        RoomStatus::Unreadable(_) => "cannot be read",
    };
    let (mut wanted, mut present, mut others) = (0, 0, 0);
    for user in world.users.iter().filter(|user| !world.is_exempt(*user)) {
        let is_there = usize::from(world.room(room).membership(user) == Membership::Join);
        match world.entitlement(room, user) {
            Entitlement::By(_) => (wanted, present) = (wanted + 1, present + is_there),
            Entitlement::Not => others += is_there,
            // Two subjects fold to this user: nobody can say whether they belong.
            Entitlement::InDoubt => {}
        }
    }
    StatusOfRoom { room: room.key(world).to_owned(), wanted, present, others, drift, state }
}

/// What lasts and no notice tells of.
fn unnoticed(conditions: Conditions) -> Vec<String> {
    let lasting = conditions.lasting.into_iter().filter(|condition| !condition.is_noticed());
    lasting.map(|condition| condition.text).collect()
}

impl Status {
    /// What is wrong, each thing once.
    pub fn wrong(&self) -> impl Iterator<Item = &String> {
        self.trouble.iter().chain(&self.notices).chain(&self.conditions)
    }

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use provisioner_policy::{Policy, RoomPolicy, RosterRow, Selector, Unlisted, read_roster};

    use super::*;
    use crate::reconcile::Condition;

    /// Ada, Ben and Cyd belong there, and two subjects fold to Eve.
    fn world() -> (World, RoomIx) {
        let members = vec![Selector::Team("staff".to_owned())];
        let room = RoomPolicy { unlisted: Unlisted::Keep, ..RoomPolicy::new("staff", "!r:a", members) };
        let (server_name, bot) = ("a".to_owned(), "@bot:a".to_owned());
        let mut world = World::new(Policy { server_name, bot, rooms: vec![room], ..Policy::default() });
        let row = |subject: &str| RosterRow {
            subject: Some(subject.to_owned()),
            team: Some("staff".to_owned()),
            role: Some("member".to_owned()),
        };
        world.set_roster(read_roster(["ada", "ben", "cyd", "eve", "Eve"].map(row), "a", "@bot:a"));
        let room = world.rooms().next().unwrap();
        world.set_room_status(room, RoomStatus::Ready);
        (world, room)
    }

    #[test]
    fn somebody_else_in_a_room_does_not_stand_for_one_who_is_missing() {
        let (mut world, room) = world();
        for there in ["@ada:a", "@cyd:a", "@dan:a", "@eve:a", "@bot:a"] {
            world.set_membership(room, there, Membership::Join, None);
        }
        world.set_membership(room, "@ben:a", Membership::Left, Some("$left"));
        let StatusOfRoom { wanted, present, others, .. } = of_room(&world, room, 0);
        assert_eq!((wanted, present, others), (3, 2, 1));
    }

    #[test]
    fn what_a_notice_tells_of_is_not_told_again() {
        let told = [("room staff", "staff cannot be read"), ("power staff", "the bot has level 0 in staff")];
        let condition = |(key, text): (&str, &str)| Condition {
            key: key.to_owned(),
            text: text.to_owned(),
            patience: Duration::ZERO,
        };
        let conditions = Conditions { lasting: told.map(condition).to_vec(), unknown: Vec::new() };
        assert_eq!(unnoticed(conditions), ["the bot has level 0 in staff"]);
    }
}
