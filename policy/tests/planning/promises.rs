//! The guard's promises over random histories: rows that come and go, an answer that is empty, a roster and rooms that cannot
//! be read, strangers, a bot that may not remove, windows that pass, restarts, approvals.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use provisioner_policy::*;

const SERVER: &str = "phenom.test";
const ROOMS: usize = 2;
const PEOPLE: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    /// Who is in the team of this room.
    Rows(usize, Vec<bool>),
    Emptied,
    RosterFails,
    /// The level that removing somebody takes.
    KickTakes(i64),
    StrangerJoins(usize, u8),
    StrangerInvited(usize, u8),
    Leaves(usize, usize),
    Unreadable(usize),
    Readable,
    WindowPasses,
    Restart,
    Approve,
    Pass,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..ROOMS, prop::collection::vec(prop::bool::weighted(0.8), PEOPLE)).prop_map(|(room, rows)| Step::Rows(room, rows)),
        1 => Just(Step::Emptied),
        1 => Just(Step::RosterFails),
        1 => prop_oneof![Just(50), Just(101)].prop_map(Step::KickTakes),
        2 => (0..ROOMS, 0..9u8).prop_map(|(room, who)| Step::StrangerJoins(room, who)),
        2 => (0..ROOMS, 0..9u8).prop_map(|(room, who)| Step::StrangerInvited(room, who)),
        1 => (0..ROOMS, 0..PEOPLE).prop_map(|(room, who)| Step::Leaves(room, who)),
        1 => (0..ROOMS).prop_map(Step::Unreadable),
        2 => Just(Step::Readable),
        1 => Just(Step::WindowPasses),
        1 => Just(Step::Restart),
        1 => Just(Step::Approve),
        6 => Just(Step::Pass),
    ]
}

/// A service, as far as the guard is concerned.
struct Service {
    world: World,
    recent: Recent,
    /// What the database has of withheld parts.
    stored: HashSet<Digest>,
    rows: Vec<Vec<bool>>,
    /// What was shown and not approved since, by room and person.
    shown: HashSet<(RoomIx, UserIx)>,
}

/// What a pass removed: rightful ones and strangers.
#[derive(Default, Debug, PartialEq, Eq)]
struct Removed {
    rightful: Vec<(RoomIx, String)>,
    strangers: usize,
}

impl Service {
    fn new() -> Self {
        let room = |number: usize| {
            RoomPolicy::new(
                format!("room{number}"),
                format!("!room{number}:{SERVER}"),
                vec![Selector::Team(format!("team{number}"))],
            )
        };
        let mut world = World::new(Policy {
            server_name: SERVER.into(),
            bot: "@bot:phenom.test".into(),
            rooms: (0..ROOMS).map(room).collect(),
            modes: Modes { joins: Mode::Enforce, removals: Mode::Enforce, ..Modes::default() },
            ..Policy::default()
        });
        for person in 0..PEOPLE {
            world.set_on_server(&mxid(person), OnServer { present: true, ..OnServer::default() });
            for room in world.rooms() {
                world.set_membership(room, &mxid(person), Membership::Join, None);
            }
        }
        world.set_accounts_listed(true);
        let rows = vec![vec![true; PEOPLE]; ROOMS];
        let (recent, stored, shown) = (Recent::default(), HashSet::new(), HashSet::new());
        let mut service = Self { world, recent, stored, rows, shown };
        service.readable();
        service.read();
        service
    }

    fn read(&mut self) {
        let rows = self.rows.iter().enumerate().flat_map(|(team, people)| {
            people.iter().enumerate().filter(|(_, there)| **there).map(move |(person, _)| RosterRow {
                subject: Some(format!("p{person}")),
                team: Some(format!("team{team}")),
                role: None,
            })
        });
        self.world.set_roster(read_roster(rows, SERVER, "@bot:phenom.test"));
    }

    fn readable(&mut self) {
        self.world.rooms().for_each(|room| self.world.set_room_status(room, RoomStatus::Ready));
    }

    fn room(&self, number: usize) -> RoomIx {
        self.world.rooms().nth(number).expect("a room of the policy")
    }

    fn happen(&mut self, step: &Step) -> Removed {
        match step {
            Step::Rows(room, rows) => {
                self.rows[*room].clone_from(rows);
                self.read();
            }
            Step::Emptied => {
                self.rows = vec![vec![false; PEOPLE]; ROOMS];
                self.read();
            }
            Step::RosterFails => self.world.fail_roster("it is gone"),
            Step::KickTakes(level) => {
                for room in self.world.rooms() {
                    let content = serde_json::json!({"users": {"@bot:phenom.test": 100}, "kick": level});
                    let event = StateEntry { content, sender: "@x:phenom.test".into(), event_id: "$levels".into() };
                    self.world.set_state(room, POWER_LEVELS, event);
                }
            }
            Step::StrangerJoins(room, who) => {
                let (room, user) = (self.room(*room), self.world.intern(&format!("@stranger{who}:elsewhere")));
                self.world.set_member(room, user, Membership::Join, None);
                self.world.note_stranger((Class::Removals, Some(room)), user);
            }
            Step::StrangerInvited(room, who) => {
                let (room, user) = (self.room(*room), self.world.intern(&format!("@guest{who}:elsewhere")));
                self.world.set_member(room, user, Membership::Invite, None);
                self.world.note_invited_by_other(room, user);
            }
            Step::Leaves(room, who) => {
                let user = self.world.intern(&mxid(*who));
                self.world.set_member(self.room(*room), user, Membership::Left, Some("$left"));
            }
            Step::Unreadable(room) => {
                self.world.set_room_status(self.room(*room), RoomStatus::Unreadable("it is slow".into()));
            }
            Step::Readable => {
                self.readable();
                self.read();
            }
            Step::WindowPasses => self.recent.taken.clear(),
            Step::Restart => {
                self.recent.withheld = Withheld::inherit(self.stored.iter().copied());
                self.world.rooms().for_each(|room| self.world.set_room_status(room, RoomStatus::Unread));
            }
            Step::Approve => return self.pass(true),
            Step::Pass => return self.pass(false),
        }
        Removed::default()
    }

    /// Plans, checks, and carries out what is due; approved is what the plan before showed.
    fn pass(&mut self, approve: bool) -> Removed {
        self.world.forget_settled_strangers();
        let mut plan = plan(&self.world, &self.recent);
        let place = |action: &Action| Some((action.change.room()?, action.change.user()?));
        if approve {
            let shown = &mut self.shown;
            let held = plan.actions.iter_mut().filter(|one| one.is_held());
            held.filter(|one| place(one).is_some_and(|place| shown.remove(&place))).for_each(|one| one.held = None);
        } else {
            for action in plan.due().filter(|one| one.change.kind() == Kind::Remove) {
                let place = place(action).expect("somebody is removed from a room");
                assert!(!self.shown.contains(&place), "shown and not approved: {action:?}");
            }
            self.check_limits(&plan);
        }
        let whole = !matches!(self.world.facts.roster, SourceState::Failing(_));
        let diff = self.recent.withheld.compare(&self.world, &plan, whole);
        self.stored.extend(diff.begun.iter().flat_map(|one| &one.digests));
        self.stored.retain(|digest| !diff.ended.contains(digest));
        if whole {
            // A plan that could speak of them does not name them, or names them below. What is in the way of a removal ends
            // nothing.
            let is_blocked = |place: &(RoomIx, UserIx)| {
                let its = |one: &&Blocked| (one.kind, one.room, one.user) == (Kind::Remove, Some(place.0), place.1);
                plan.blocked.iter().any(|one| its(&one))
            };
            self.shown.retain(|place| self.world.room(place.0).status != RoomStatus::Ready || is_blocked(place));
        }
        self.shown.extend(plan.held().filter_map(place));
        let mut removed = Removed::default();
        let due: Vec<Change> = plan.due().map(|action| action.change.clone()).collect();
        for change in due {
            if let Change::Remove { room, user, .. } = change {
                match self.world.rightful(&change) {
                    0 => removed.strangers += 1,
                    taken => {
                        *self.recent.taken.entry((Class::Removals, Some(room))).or_default() += taken;
                        removed.rightful.push((room, self.world.users.mxid(user)));
                    }
                }
            }
            self.world.take_effect(&change);
        }
        removed
    }

    /// What is due unasked stays within the limits, together with what was taken within the window.
    fn check_limits(&self, plan: &Plan) {
        let limits = &self.world.policy.guard;
        let mut due: HashMap<Option<RoomIx>, u32> = HashMap::new();
        for action in plan.due().filter(|one| one.change.kind() == Kind::Remove) {
            *due.entry(action.change.room()).or_default() += self.world.rightful(&action.change);
        }
        let taken: u32 = self.recent.taken.values().sum();
        let all: u32 = due.values().sum();
        assert!(all == 0 || all + taken <= limits.max_removals, "{all} after {taken}");
        for (room, count) in due.into_iter().filter(|(_, count)| *count > 0) {
            let before = self.recent.taken.get(&(Class::Removals, room)).copied().unwrap_or_default();
            let people = u32::try_from(PEOPLE).expect("a few");
            let share = limits.max_fraction * f64::from(people + before);
            assert!(count + before <= limits.free_removals || f64::from(count + before) <= share);
        }
    }
}

fn mxid(person: usize) -> String {
    format!("@p{person}:{SERVER}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_shown_is_not_done_unapproved_and_what_is_possible_is_done_in_the_end(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut service = Service::new();
        for step in &steps {
            service.happen(step);
        }
        // Everything is well again, and everything that is asked is approved.
        for step in [Step::Readable, Step::KickTakes(50), Step::WindowPasses] {
            service.happen(&step);
        }
        for _ in 0..3 {
            service.happen(&Step::Pass);
            service.happen(&Step::Approve);
        }
        let left = plan(&service.world, &service.recent);
        prop_assert!(left.is_empty(), "{:?}", left.actions);
    }

    #[test]
    fn strangers_change_nothing_of_what_happens_to_the_others(steps in prop::collection::vec(step(), 1..60)) {
        let (mut crowded, mut quiet) = (Service::new(), Service::new());
        for step in &steps {
            let among_others = crowded.happen(step).rightful;
            let is_about_strangers = matches!(step, Step::StrangerJoins(..) | Step::StrangerInvited(..));
            let alone = if is_about_strangers { Vec::new() } else { quiet.happen(step).rightful };
            prop_assert_eq!(among_others, alone, "{:?}", step);
        }
    }
}
