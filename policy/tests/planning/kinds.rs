//! Every kind of change has a cause for which it is planned, and an effect after which it is not.

use std::collections::BTreeSet;

use provisioner_policy::*;
use serde_json::json;

const SERVER: &str = "phenom.test";

fn mxid(subject: &str) -> String {
    format!("@{subject}:{SERVER}")
}

/// Ada is to be let in, Ben has no name and no picture, Gil is gone from the pool and has all that can be had.
fn world(offboarding: Offboarding) -> World {
    let staff = || vec![Selector::Team("staff".into())];
    let room = RoomPolicy {
        settings: RoomSettings { name: Some("Staff".into()), ..RoomSettings::default() },
        power: vec![PowerGrant { level: 50, grant: staff() }],
        ..RoomPolicy::new("staff", format!("!staff:{SERVER}"), staff())
    };
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: mxid("bot"),
        rooms: vec![room],
        server_admins: staff(),
        offboarding,
        profiles: Some(ProfilesPolicy { keep: false }),
        ..Policy::default()
    });
    world.set_accounts_from(AccountsFrom::Pool);
    world.set_pool(SourceState::Good);
    let row = |subject: &str| RosterRow {
        subject: Some(subject.into()),
        team: Some("staff".into()),
        role: Some("member".into()),
    };
    world.set_roster(read_roster(["ada", "ben"].map(row), SERVER, &mxid("bot")));
    let room = world.rooms().next().expect("the one room");
    let mut mirror = RoomMirror::of_version("10".into());
    mirror.status = RoomStatus::Ready;
    world.set_room(room, mirror);
    let levels = json!({"users": {mxid("bot"): 100, mxid("gil"): 50}});
    let levels = StateEntry { content: levels, sender: mxid("bot"), event_id: "$levels".into() };
    world.set_state(room, POWER_LEVELS, levels);
    for (subject, account, present) in
        [("ada", Account::Active, false), ("ben", Account::Active, true), ("gil", Account::Disabled, true)]
    {
        world.set_account(&mxid(subject), account, None, false);
        if present {
            world.set_membership(room, &mxid(subject), Membership::Join, None);
            let state = OnServer { present, admin: subject == "gil", ..OnServer::default() };
            world.set_on_server(&mxid(subject), state);
            world.see_profile(&mxid(subject), None, None);
        }
    }
    world.set_membership(room, &mxid("bot"), Membership::Join, None);
    world.set_accounts_listed(true);
    let ben = world.intern(&mxid("ben"));
    let profile = SourceProfile {
        name: world.name_to_give(ben, Some("Ben")),
        picture: Picture::Ours(Fingerprint::of("mxc://phenom.test/one")),
    };
    world.set_profiles([(ben, profile)], 0);
    world
}

#[test]
fn every_kind_is_planned_for_something_and_not_once_it_is_done() {
    let mut seen = BTreeSet::new();
    for offboarding in [Offboarding::Lock, Offboarding::Deactivate] {
        let mut world = world(offboarding);
        for _ in 0..3 {
            for action in plan(&world, &Recent::default()).actions {
                seen.insert(action.change.kind());
                world.take_effect(&action.change);
            }
        }
        let left = plan(&world, &Recent::default());
        assert!(left.is_empty(), "planned again after it was done: {:#?}", left.actions);
    }
    let unplanned: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !seen.contains(kind)).collect();
    assert!(unplanned.is_empty(), "give `world` a cause for {unplanned:?}");
}
