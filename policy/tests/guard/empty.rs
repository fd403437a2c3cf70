//! An empty answer: what depends on it is held whatever the limits, and nothing else is.

use provisioner_policy::*;

use crate::SERVER;

/// Two people in a room of these selectors, by a guard that lets two go; the roster has no row.
fn held(members: Vec<Selector>, from: AccountsFrom) -> (usize, usize) {
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: "@bot:phenom.test".into(),
        rooms: vec![RoomPolicy {
            unlisted: Unlisted::Remove,
            ..RoomPolicy::new("room0", "!room0:phenom.test", members)
        }],
        modes: Modes { removals: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    });
    world.set_accounts_from(from);
    world.set_pool(SourceState::Good);
    let room = world.rooms().next().expect("the one room");
    world.set_room_status(room, RoomStatus::Ready);
    world.set_roster(read_roster([], SERVER, "@bot:phenom.test"));
    for mxid in ["@a:phenom.test", "@b:phenom.test"] {
        world.set_account(mxid, Account::Deleted, None, false);
        world.set_on_server(mxid, OnServer { present: true, ..OnServer::default() });
        world.set_membership(room, mxid, Membership::Join, None);
    }
    world.set_accounts_listed(true);
    let plan = plan(&world, &Recent::default());
    (plan.held().count(), plan.due().count())
}

#[test]
fn a_roster_without_a_row_is_doubted_where_people_belong_by_it_alone() {
    let subject = || vec![Selector::Subject("other".into())];
    assert_eq!(held(vec![Selector::Everyone], AccountsFrom::Named), (2, 0), "everyone is who the roster names");
    assert_eq!(held(vec![Selector::Everyone], AccountsFrom::Pool), (0, 2), "everyone is who the pool has");
    assert_eq!(held(vec![Selector::Team("staff".into())], AccountsFrom::Named), (2, 0));
    assert_eq!(held(subject(), AccountsFrom::Named), (0, 2), "no row could name them");
}
