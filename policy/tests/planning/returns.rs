//! Who was removed and comes back by themselves again and again.

use provisioner_policy::*;
use serde_json::{Value, json};

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";

/// A room with a member who does not belong there; `levels` say what the bot may.
fn world(on_return: OnReturn, levels: Value) -> (World, RoomIx, UserIx) {
    let members = vec![Selector::Team("staff".into())];
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: BOT.into(),
        rooms: vec![RoomPolicy { on_return, ..RoomPolicy::new("staff", format!("!staff:{SERVER}"), members) }],
        modes: Modes { joins: Mode::Enforce, removals: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    });
    let room = world.rooms().next().expect("the one room");
    world.set_room_status(room, RoomStatus::Ready);
    let event = StateEntry { content: levels, sender: BOT.to_owned(), event_id: "$levels".to_owned() };
    world.set_state(room, POWER_LEVELS, event);
    let mxid = format!("@u:{SERVER}");
    world.set_accounts_listed(true);
    world.set_on_server(&mxid, OnServer { present: true, ..OnServer::default() });
    roster(&mut world, &["other"]);
    world.set_membership(room, &mxid, Membership::Join, None);
    let user = world.intern(&mxid);
    (world, room, user)
}

fn roster(world: &mut World, names: &[&str]) {
    let row = |name: &&str| RosterRow { subject: Some((*name).into()), team: Some("staff".into()), role: None };
    world.set_roster(read_roster(names.iter().map(row), SERVER, BOT));
}

/// What is due for the user: the change, before and after.
fn due(world: &World, user: UserIx) -> Option<(Change, Value, Value)> {
    let plan = plan(world, &Recent::default());
    let action = plan.due().find(|action| action.change.user() == Some(user))?;
    let view = action.view(world);
    Some((action.change.clone(), view.before, view.after))
}

#[test]
fn who_keeps_coming_back_is_banned_where_the_policy_says_so_and_the_bot_may() {
    let high = json!({"users": {BOT: 100}});
    let out_of_reach = json!({"users": {BOT: 100}, "ban": 101});
    for (on_return, levels, becomes) in [
        (OnReturn::Ban, high.clone(), "ban"),
        (OnReturn::Remove, high, "leave"),
        // A removal is never given up for want of more.
        (OnReturn::Ban, out_of_reach, "leave"),
    ] {
        let (mut world, room, user) = world(on_return, levels);
        assert_eq!(due(&world, user).expect("they are removed").2, "leave");
        world.set_returner(room, user, true);
        let (change, before, after) = due(&world, user).expect("they are removed");
        assert_eq!((before, after), (json!("join"), json!(becomes)));
        world.take_effect(&change);
        assert_eq!(due(&world, user), None);
        assert_eq!(world.room(room).is_banned_by_us(user), becomes == "ban");
    }
}

#[test]
fn an_invitation_of_somebody_who_keeps_coming_back_is_only_taken_back() {
    let (mut world, room, user) = world(OnReturn::Ban, json!({"users": {BOT: 100}}));
    world.set_member(room, user, Membership::Invite, None);
    world.set_returner(room, user, true);
    assert_eq!(due(&world, user).expect("it is taken back").2, "leave");
}

#[test]
fn a_ban_of_ours_is_taken_back_for_who_is_entitled_again_and_a_ban_by_hand_is_not() {
    for (ours, ban, is_joined) in [(true, 50, true), (false, 50, false), (true, 101, false)] {
        let (mut world, room, user) = world(OnReturn::Ban, json!({"users": {BOT: 100}, "ban": ban}));
        world.set_member(room, user, Membership::Ban, None);
        if ours {
            world.set_banned_by_us(room, user, true);
        }
        assert_eq!(due(&world, user), None, "they belong nowhere");
        roster(&mut world, &["u"]);
        let joined = due(&world, user);
        assert_eq!(joined.as_ref().map(|(_, before, _)| before), is_joined.then_some(&json!("ban")));
        let Some((change, ..)) = joined else {
            let blocked = plan(&world, &Recent::default()).view(&world).blocked;
            assert!(blocked[0].because.contains("ban"), "{blocked:?}");
            continue;
        };
        world.take_effect(&change);
        assert!(!world.room(room).is_banned_by_us(user));
        assert_eq!(due(&world, user), None);
    }
}
