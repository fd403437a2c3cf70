//! Who can be joined and removed by a bot of some level: what cannot be done is blocked with its mend, and counts for nothing.

use provisioner_policy::*;
use serde_json::{Value, json};

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";

fn mxid(localpart: &str) -> String {
    format!("@{localpart}:{SERVER}")
}

fn event(content: Value, sender: &str) -> StateEntry {
    StateEntry { content, sender: sender.to_owned(), event_id: "$state".to_owned() }
}

/// A room that belongs to `new` alone, with `members` in it.
fn world(version: &str, levels: Value, join_rule: &str, members: &[String]) -> (World, RoomIx) {
    let mut world = World::new(Policy {
        server_name: SERVER.into(),
        bot: BOT.into(),
        rooms: vec![RoomPolicy::new("staff", format!("!staff:{SERVER}"), vec![Selector::Team("staff".into())])],
        modes: Modes { joins: Mode::Enforce, removals: Mode::Enforce, ..Modes::default() },
        ..Policy::default()
    });
    let row = RosterRow { subject: Some("new".into()), team: Some("staff".into()), role: None };
    world.set_roster(read_roster([row], SERVER, BOT));
    let room = world.rooms().next().expect("the one room");
    let mut fresh = RoomMirror::of_version(version.to_owned());
    fresh.status = RoomStatus::Ready;
    world.set_room(room, fresh);
    world.set_state(room, "m.room.create", event(json!({}), &mxid("founder")));
    world.set_state(room, "m.room.join_rules", event(json!({ "join_rule": join_rule }), BOT));
    world.set_state(room, POWER_LEVELS, event(levels, BOT));
    world.set_membership(room, BOT, Membership::Join, None);
    for member in members {
        world.set_membership(room, member, Membership::Join, None);
    }
    world.set_on_server(&mxid("new"), OnServer { present: true, ..OnServer::default() });
    world.set_accounts_listed(true);
    (world, room)
}

/// What is due, and what is blocked, as words.
fn planned(world: &World) -> (Vec<String>, Vec<String>) {
    let plan = plan(world, &Recent::default());
    let name = |user: Option<UserIx>| world.users.key(user.expect("it is about somebody")).to_owned();
    let due = plan.due().map(|action| format!("{} {}", action.change.kind().as_str(), name(action.change.user())));
    let view = plan.view(world).blocked.into_iter();
    let blocked = view.map(|one| {
        format!(
            "{} {}: {}",
            one.kind.as_str(),
            one.user.trim_start_matches("@").split(":").next().unwrap_or_default(),
            one.because
        )
    });
    (due.collect(), blocked.collect())
}

fn is_about(blocked: &[String], parts: &[&[&str]]) {
    assert_eq!(blocked.len(), parts.len(), "{blocked:#?}");
    for (blocked, parts) in blocked.iter().zip(parts) {
        assert!(parts.iter().all(|part| blocked.contains(part)), "{blocked:?} lacks some of {parts:?}");
    }
}

#[test]
fn who_stands_as_high_as_the_bot_is_not_removed_and_keeps_nobody_else_in() {
    let members = ["founder", "equal", "below", "plain"].map(mxid);
    let levels = json!({"users": {BOT: 90, (mxid("founder")): 100, (mxid("equal")): 90, (mxid("below")): 89}});
    let (world, _) = world("10", levels, "invite", &members);
    let (due, blocked) = planned(&world);
    assert_eq!(due, ["join new", "remove below", "remove plain"]);
    is_about(
        &blocked,
        &[
            &["remove equal: has level 90", "the bot's own is 90", "guard.exempt"],
            &["remove founder: has level 100", "the bot's own is 90", "lower or remove them yourself"],
        ],
    );
}

#[test]
fn a_creator_above_all_levels_is_not_removed() {
    let levels = json!({"users": {BOT: 100}});
    let (world, _) = world("12", levels, "invite", &[mxid("founder"), mxid("plain")]);
    let (due, blocked) = planned(&world);
    assert_eq!(due, ["join new", "remove plain"]);
    is_about(&blocked, &[&["remove founder", "above all levels"]]);
}

#[test]
fn where_everybody_stands_as_high_as_the_bot_only_those_below_are_removed() {
    let levels = json!({"users": {BOT: 60, (mxid("below")): 0}, "users_default": 60});
    let (world, _) = world("10", levels, "invite", &[mxid("below"), mxid("plain")]);
    let (due, blocked) = planned(&world);
    assert_eq!(due, ["join new", "remove below"]);
    is_about(&blocked, &[&["remove plain: has level 60"]]);
}

#[test]
fn a_bot_that_may_not_kick_or_invite_tries_neither() {
    let levels = json!({"users": {BOT: 20}, "invite": 30});
    let (mut world, room) = world("10", levels.clone(), "invite", &[mxid("plain")]);
    let (due, blocked) = planned(&world);
    assert_eq!(due, Vec::<String>::new());
    is_about(
        &blocked,
        &[
            &["join new", "the bot has level 20 in this room, and to join people takes 30", "raise the bot"],
            &["remove plain", "to remove people takes 50", "raise the bot"],
        ],
    );
    // Where everybody may join nobody has to be invited.
    world.set_state(room, "m.room.join_rules", event(json!({"join_rule": "public"}), BOT));
    assert_eq!(planned(&world).0, ["join new"]);
}

#[test]
fn what_cannot_be_done_does_not_count_as_taken() {
    let founders: Vec<String> = (0..20).map(|number| mxid(&format!("founder{number:02}"))).collect();
    let mut users = json!({BOT: 100});
    founders.iter().for_each(|founder| users[founder] = json!(100));
    let (world, _) = world("10", json!({ "users": users }), "invite", &[founders, vec![mxid("plain")]].concat());
    let (due, blocked) = planned(&world);
    assert_eq!((due, blocked.len()), (vec!["join new".to_owned(), "remove plain".to_owned()], 20));
}

#[test]
fn levels_that_change_are_looked_at_by_the_planner_that_remembers() {
    let levels = |level: i64| json!({"users": {BOT: 90, (mxid("friend")): level}});
    let (mut world, room) = world("10", levels(100), "invite", &[mxid("friend")]);
    let (mut planner, recent) = (Planner::default(), Recent::default());
    for (level, due) in [(100, 1), (50, 2), (90, 1), (0, 2)] {
        world.set_state(room, POWER_LEVELS, event(levels(level), BOT));
        let remembered = planner.plan(&mut world, &recent);
        assert_eq!(*remembered, plan(&world, &recent));
        assert_eq!(remembered.due().count(), due, "level {level}");
    }
}

#[test]
fn a_bot_with_just_the_level_that_it_takes_may_do_it() {
    let levels = |bot: i64| json!({"users": {BOT: bot}, "invite": 50, "kick": 50});
    for (bot, due) in [(50, &["join new", "remove plain"][..]), (49, &[])] {
        let (world, _) = world("10", levels(bot), "invite", &[mxid("plain")]);
        assert_eq!(planned(&world).0, due, "level {bot}");
    }
}
