//! The guard: its limits, what it has shown, and who counts.

mod boundaries;
mod cleared_leaves;
mod digests;
mod empty;
mod ended;
mod forgotten;
mod limits;
mod settling;
mod shown;
mod strangers;

use provisioner_policy::*;

const SERVER: &str = "phenom.test";

/// A server with one room a team and so many members in each.
fn world(teams: &[usize], limits: GuardLimits) -> World {
    let room = |number: usize| {
        RoomPolicy::new(
            format!("room{number}"),
            format!("!room{number}:{SERVER}"),
            vec![Selector::Team(format!("team{number}"))],
        )
    };
    let enforce = Modes { accounts: Mode::Enforce, joins: Mode::Enforce, removals: Mode::Enforce, ..Modes::default() };
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        rooms: (0..teams.len()).map(room).collect(),
        modes: enforce,
        guard: limits,
        ..Policy::default()
    });
    for (number, count) in teams.iter().enumerate() {
        let room = world.rooms().nth(number).expect("a room of the policy");
        world.set_room_status(room, RoomStatus::Ready);
        for user in 0..*count {
            let mxid = format!("@{}:{SERVER}", subject(number, user));
            world.set_on_server(&mxid, OnServer { present: true, ..OnServer::default() });
            world.set_membership(room, &mxid, Membership::Join, None);
        }
    }
    world.set_accounts_listed(true);
    world
}

fn subject(team: usize, user: usize) -> String {
    format!("t{team}u{user}")
}

fn read(world: &mut World, rows: impl Iterator<Item = (usize, usize)>) {
    read_rows(world, rows.map(|(team, user)| (Some(subject(team, user)), team)));
}

/// The same with subjects as they may be written.
fn read_rows(world: &mut World, rows: impl Iterator<Item = (Option<String>, usize)>) {
    let row = |(subject, team)| RosterRow { subject, team: Some(format!("team{team}")), role: Some("member".into()) };
    let rows: Vec<RosterRow> = rows.map(row).collect();
    world.set_roster(read_roster(rows, SERVER, "@bot:phenom.test"));
}

fn due_removals(world: &World, plan: &Plan) -> Vec<u32> {
    let mut due = vec![0; world.policy.rooms.len()];
    for action in plan.due().filter(|action| action.change.kind() == Kind::Remove) {
        due[action.change.room().expect("a removal is from a room").index()] += 1;
    }
    due
}
