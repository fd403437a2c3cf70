//! Worlds of any size, as a deployment of four rooms has them: everybody in the Red Room, a few in Staff, one in a hundred in
//! Analysts, one in ten in Experiencers. Accounts are those of a pool, with names as Cognito gives them. More rooms are the
//! same four again.

use provisioner_policy::*;
use serde_json::json;

pub(crate) const SERVER: &str = "phenom.example";
pub(crate) const BOT: &str = "@provisioner:phenom.example";

/// A subject like Cognito's, the same each time.
pub(crate) fn subject(number: usize) -> String {
    let mixed = |seed: u64| {
        let mut bits = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let text = format!("{:016x}{:016x}", mixed(1), mixed(2));
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

pub(crate) fn mxid(number: usize) -> String {
    format!("@{}:{SERVER}", subject(number))
}

/// The team of somebody who has one.
pub(crate) fn team(number: usize) -> Option<&'static str> {
    match number {
        0..20 => Some("staff"),
        _ if number % 100 == 50 => Some("analysts"),
        _ if number % 10 == 5 => Some("experiencers"),
        _ => None,
    }
}

/// The rooms of a deployment.
pub(crate) const ROOMS: usize = 4;

pub(crate) fn policy(rooms: usize) -> Policy {
    let room = |number: usize, name: &str, members: Vec<Selector>, unlisted| RoomPolicy {
        unlisted,
        power: vec![PowerGrant { level: 50, grant: vec![Selector::Group("nest-admin".into())] }],
        settings: RoomSettings { name: Some(name.into()), ..RoomSettings::default() },
        ..RoomPolicy::new(
            if number < ROOMS { name.into() } else { format!("{name}-{number}") },
            format!("!{name}-{number}:{SERVER}"),
            members,
        )
    };
    let team = |name: &str| vec![Selector::Team(name.into()), Selector::Group("nest-admin".into())];
    let enforce = Mode::Enforce;
    Policy {
        server_name: SERVER.into(),
        bot: BOT.into(),
        rooms: (0..rooms)
            .map(|number| match number % ROOMS {
                0 => room(number, "red-room", vec![Selector::Everyone], Unlisted::Keep),
                1 => room(number, "staff", team("staff"), Unlisted::Remove),
                2 => room(number, "analysts", team("analysts"), Unlisted::Remove),
                _ => room(number, "experiencers", team("experiencers"), Unlisted::Remove),
            })
            .collect(),
        server_admins: vec![Selector::Group("nest-admin".into())],
        modes: Modes { accounts: enforce, joins: enforce, removals: enforce, ..Modes::default() },
        ..Policy::default()
    }
}

/// The roster: whoever is in a team.
pub(crate) fn roster(people: usize) -> RosterReading {
    let rows = (0..people).filter_map(|number| {
        let team = team(number)?;
        Some(RosterRow { subject: Some(subject(number)), team: Some(team.into()), role: Some("member".into()) })
    });
    read_roster(rows, SERVER, BOT)
}

/// A world whose sources were read; what Synapse has is not known yet.
pub(crate) fn desired(people: usize, rooms: usize) -> World {
    let mut world = World::new(policy(rooms));
    world.set_accounts_from(AccountsFrom::Pool);
    world.set_pool(SourceState::Good);
    for number in 0..people {
        world.set_account(&mxid(number), Account::Active, None, false);
    }
    world.set_roster(roster(people));
    world.set_group("nest-admin", SourceState::Good, (0..5).map(mxid));
    world
}

/// Rooms as they should be, but for their members, and every account.
pub(crate) fn with_accounts(people: usize, rooms: usize) -> World {
    let mut world = desired(people, rooms);
    for number in 0..people {
        let there = OnServer { present: true, admin: number < 5, ..OnServer::default() };
        world.set_on_server(&mxid(number), there);
    }
    world.set_accounts_listed(true);
    for room in world.rooms() {
        let state = |content| StateEntry { content, sender: BOT.into(), event_id: "$state".into() };
        let admins = (0..5).map(|number| (mxid(number), 50)).chain([(BOT.to_owned(), 100)]);
        let users: serde_json::Map<_, _> = admins.map(|(user, level)| (user, json!(level))).collect();
        world.set_state(room, POWER_LEVELS, state(json!({ "users": users })));
        world.set_state(room, "m.room.name", state(json!({ "name": world.policy.rooms[room.index()].settings.name })));
        world.set_room_status(room, RoomStatus::Ready);
    }
    world
}

/// Who belongs in a room.
pub(crate) fn belongs(room: RoomIx, number: usize) -> bool {
    match room.index() % ROOMS {
        0 => true,
        1 => team(number) == Some("staff") || number < 5,
        2 => team(number) == Some("analysts") || number < 5,
        _ => team(number) == Some("experiencers") || number < 5,
    }
}

/// A world in which nothing is to be done.
pub(crate) fn settled(people: usize, rooms: usize) -> World {
    let mut world = with_accounts(people, rooms);
    for room in world.rooms() {
        for number in (0..people).filter(|number| belongs(room, *number)) {
            world.set_membership(room, &mxid(number), Membership::Join, None);
        }
    }
    world
}
