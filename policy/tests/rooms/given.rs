//! One random room with its sources, and what the homeserver makes of a plan for it.

use std::collections::BTreeMap;

use provisioner_policy::*;
use serde_json::{Value, json};

pub(crate) const SERVER: &str = "phenom.test";
pub(crate) const BOT: &str = "@bot:phenom.test";
pub(crate) const EXEMPT: &str = "@u0:phenom.test";
pub(crate) const FOUNDER: &str = "@founder:phenom.test";

/// How a source stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Listing {
    Good,
    Failing,
    Never,
}

/// What the sources say, and how far they can be believed.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) rows: Vec<RosterRow>,
    pub(crate) roster: Listing,
    pub(crate) group: Vec<u8>,
    pub(crate) group_listing: Listing,
    /// With a pool: its listing, and what it says of people.
    pub(crate) pool: Option<(Listing, BTreeMap<u8, Account>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) version: &'static str,
    pub(crate) creators: Vec<String>,
    /// Content of the power levels; a room may have none.
    pub(crate) levels: Option<Value>,
    /// State events beside them, by setting.
    pub(crate) state: Vec<(Setting, Value)>,
    pub(crate) settings: RoomSettings,
    pub(crate) grants: Vec<PowerGrant>,
    pub(crate) room_levels: Vec<(RoomLevel, i64)>,
    pub(crate) members: Vec<Selector>,
    pub(crate) sources: Sources,
    pub(crate) in_room: Vec<(u8, Membership)>,
}

pub(crate) fn mxid(number: u8) -> String {
    // A few users of another server, which no source can name.
    if number >= 8 { format!("@u{number}:other.test") } else { format!("@u{number}:{SERVER}") }
}

pub(crate) fn enforce() -> Modes {
    let mode = Mode::Enforce;
    Modes {
        accounts: mode,
        joins: mode,
        removals: mode,
        power_levels: mode,
        room_state: mode,
        server_admins: mode,
        profiles: mode,
    }
}

fn source(listing: Listing) -> SourceState {
    match listing {
        Listing::Good => SourceState::Good,
        Listing::Failing => SourceState::Failing("throttled".to_owned()),
        Listing::Never => SourceState::Unread,
    }
}

pub(crate) fn state(content: Value, sender: &str) -> StateEntry {
    StateEntry { content, sender: sender.to_owned(), event_id: "$state".to_owned() }
}

impl Given {
    fn policy(&self) -> Policy {
        let room = RoomPolicy {
            unlisted: Unlisted::Keep,
            power: self.grants.clone(),
            levels: self.room_levels.clone(),
            settings: self.settings.clone(),
            ..RoomPolicy::new("staff", format!("!staff:{SERVER}"), self.members.clone())
        };
        Policy {
            server_name: SERVER.into(),
            bot: BOT.into(),
            exempt: vec![EXEMPT.into()],
            rooms: vec![room],
            modes: enforce(),
            guard: GuardLimits { free_removals: 1000, max_removals: 1000, max_fraction: 1.0, window_seconds: 60 },
            ..Policy::default()
        }
    }

    pub(crate) fn world(&self) -> World {
        self.world_with(|_| ())
    }

    /// The same with another policy.
    pub(crate) fn world_with(&self, change: impl FnOnce(&mut Policy)) -> World {
        let mut policy = self.policy();
        change(&mut policy);
        let mut world = World::new(policy);
        world.set_roster(read_roster(self.sources.rows.clone(), SERVER, BOT));
        match self.sources.roster {
            Listing::Good => {}
            Listing::Failing => world.fail_roster("connection refused"),
            Listing::Never => world.set_roster_state(SourceState::Unread),
        }
        world.set_group(
            "nest-admin",
            source(self.sources.group_listing),
            self.sources.group.iter().map(|user| mxid(*user)),
        );
        if let Some((listing, accounts)) = &self.sources.pool {
            world.set_accounts_from(AccountsFrom::Pool);
            world.set_pool(source(*listing));
            for (user, account) in accounts {
                world.set_account(&mxid(*user), *account, None, false);
            }
        }
        let room = world.rooms().next().expect("the one room");
        let mut fresh = RoomMirror::of_version(self.version.to_string());
        fresh.status = RoomStatus::Ready;
        world.set_room(room, fresh);
        for (user, membership) in &self.in_room {
            world.set_membership(room, &mxid(*user), *membership, Some("$left"));
            world.set_on_server(&mxid(*user), OnServer { present: true, ..OnServer::default() });
        }
        world.set_membership(room, BOT, Membership::Join, None);
        let create = json!({"additional_creators": self.creators[1..]});
        world.set_state(room, "m.room.create", state(create, &self.creators[0]));
        for (setting, content) in &self.state {
            world.set_state(room, setting.event().0, state(content.clone(), FOUNDER));
        }
        if let Some(levels) = &self.levels {
            world.set_state(room, POWER_LEVELS, state(levels.clone(), FOUNDER));
        }
        world.set_accounts_listed(true);
        world
    }

    /// Whether the room's creators stand above all levels.
    pub(crate) fn above_all(&self, user: &str) -> bool {
        self.version == "12" && self.creators.iter().any(|creator| creator == user)
    }

    /// A user's level by the specification, worked out apart from the code under test.
    pub(crate) fn level(&self, content: Option<&Value>, user: &str) -> i64 {
        match content {
            _ if self.above_all(user) => i64::MAX,
            None if self.version != "12" && self.creators[0] == user => 100,
            None => 0,
            Some(content) => content["users"]
                .get(user)
                .or_else(|| content.get("users_default"))
                .map_or(0, |level| integer(level).expect("generated levels are integers")),
        }
    }

    /// Whether a user has a level that is not everybody's.
    pub(crate) fn has_own_level(&self, content: Option<&Value>, user: &str) -> bool {
        let founds = || content.is_none() && self.version != "12" && self.creators[0] == user;
        self.above_all(user) || founds() || content.is_some_and(|content| content["users"].get(user).is_some())
    }

    /// The level that an act takes: of a state event's type, or of the key of the content that names the act.
    pub(crate) fn needed(&self, content: Option<&Value>, act: &str) -> i64 {
        let Some(content) = content else { return 0 };
        let key = |key: &str| content.get(key).and_then(integer);
        match act {
            "kick" => key(act).unwrap_or(50),
            "invite" => key(act).unwrap_or(0),
            _ => content["events"].get(act).and_then(integer).or_else(|| key("state_default")).unwrap_or(50),
        }
    }

    /// What the bot may do, of what it needs.
    pub(crate) fn bot_can(&self, content: Option<&Value>) -> Vec<&'static str> {
        let acts = Setting::ALL.iter().map(|setting| setting.event().0).chain([POWER_LEVELS, "kick", "invite"]);
        acts.filter(|act| self.level(content, BOT) >= self.needed(content, act)).collect()
    }
}

/// A room of this version with these levels, in which u1 and u2 lead the team `staff`, which has level 50, and u3 and u4 are
/// of it.
pub(crate) fn led(version: &'static str, levels: Value) -> Given {
    let row = |(subject, role): (&str, &str)| RosterRow {
        subject: Some(subject.to_owned()),
        team: Some("staff".to_owned()),
        role: Some(role.to_owned()),
    };
    let team = "staff".to_owned();
    let leads = Selector::TeamRole { team: team.clone(), role: "lead".to_owned() };
    Given {
        version,
        creators: vec![FOUNDER.to_owned()],
        levels: Some(levels),
        state: vec![],
        settings: RoomSettings::default(),
        grants: vec![PowerGrant { level: 50, grant: vec![leads] }],
        room_levels: vec![],
        members: vec![Selector::Team(team)],
        sources: Sources {
            rows: [("u1", "lead"), ("u2", "lead"), ("u3", "member"), ("u4", "member")].map(row).into(),
            roster: Listing::Good,
            group: vec![],
            group_listing: Listing::Good,
            pool: None,
        },
        in_room: (1..5).map(|number| (number, Membership::Join)).collect(),
    }
}

/// Carries out what is due of the room's levels and settings, expects nothing to be due after it, and returns what was planned
/// and the levels then.
pub(crate) fn settled(world: &mut World) -> (Plan, Value) {
    let first = plan(world, &Recent::default());
    carry_out(world, &first);
    let second = plan(world, &Recent::default());
    let due: Vec<_> = of_the_room(&second).into_iter().filter(|action| action.is_due()).collect();
    assert_eq!(due, Vec::<&Action>::new());
    (first, levels(world).expect("levels are never taken away"))
}

/// What is in the way of the room's levels, in words.
pub(crate) fn obstacles(world: &World, plan: &Plan) -> Vec<String> {
    let of_levels = plan.blocked.iter().filter(|one| one.kind == Kind::SetPowerLevels);
    of_levels.map(|one| one.view(world).because).collect()
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The one room of these worlds.
pub(crate) fn the_room(world: &World) -> RoomIx {
    world.rooms().next().expect("the one room")
}

pub(crate) fn levels(world: &World) -> Option<Value> {
    world.room(the_room(world)).content(POWER_LEVELS).cloned()
}

/// What the plan has to say about levels and settings; joins and accounts have promises of their own.
pub(crate) fn of_the_room(plan: &Plan) -> Vec<&Action> {
    let classes = [Class::PowerLevels, Class::RoomState];
    plan.actions.iter().filter(|action| classes.contains(&action.change.class())).collect()
}

/// Does to the room what the homeserver would do; everything due can be sent as it is planned.
pub(crate) fn carry_out(world: &mut World, plan: &Plan) {
    for action in of_the_room(plan).into_iter().filter(|action| action.is_due()) {
        world.take_effect(&action.change);
        let room = world.room(action.change.room().expect("it is of the room"));
        let event_type = match &action.change {
            Change::SetRoomState { setting, .. } => setting.event().0,
            _ => POWER_LEVELS,
        };
        assert_eq!(room.state(event_type).expect("it was written").sender, BOT, "planned, and then not written");
    }
}
