//! Any value that may be told of an account, a membership, a room.

use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::select;
use provisioner_policy::*;
use serde_json::{Value, json};

use crate::{BOT, USERS, mxid};

pub(crate) fn accounts_from() -> impl Strategy<Value = AccountsFrom> {
    prop_oneof![Just(AccountsFrom::Named), Just(AccountsFrom::Pool)]
}

pub(crate) fn source_state() -> impl Strategy<Value = SourceState> {
    prop_oneof![
        1 => Just(SourceState::Unread),
        4 => Just(SourceState::Good),
        1 => Just(SourceState::Failing("throttled".into())),
    ]
}

pub(crate) fn account() -> impl Strategy<Value = Account> {
    use Account::*;
    prop_oneof![2 => Just(Unknown), 4 => Just(Active), 1 => Just(Disabled), 1 => Just(Deleted), 1 => Just(Refused)]
}

pub(crate) fn closed() -> impl Strategy<Value = Option<Closed>> {
    prop_oneof![2 => Just(None), 1 => Just(Some(Closed::Locked)), 1 => Just(Some(Closed::Deactivated))]
}

pub(crate) fn membership() -> impl Strategy<Value = Membership> {
    use Membership::*;
    prop_oneof![
        1 => Just(None), 1 => Just(Invite), 4 => Just(Join), 1 => Just(Removed), 3 => Just(Left), 1 => Just(Ban), 1 => Just(Knock)
    ]
}

/// The event of a leave by choice.
pub(crate) fn leave() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("$left"), 1 => Just("$other")]
}

pub(crate) fn voluntary_leave() -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(leave())
}

pub(crate) fn on_server() -> impl Strategy<Value = OnServer> {
    any::<[bool; 4]>().prop_map(|[present, deactivated, locked, admin]| OnServer {
        present,
        deactivated: present && deactivated && locked,
        locked: present && locked,
        admin: present && admin,
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![1 => Just(Mode::Observe), 3 => Just(Mode::Enforce)]
}

pub(crate) fn modes() -> impl Strategy<Value = Modes> {
    let modes = (mode(), mode(), mode(), mode(), mode(), mode(), mode());
    modes.prop_map(|(accounts, joins, removals, power_levels, room_state, server_admins, profiles)| Modes {
        accounts,
        joins,
        removals,
        power_levels,
        room_state,
        server_admins,
        profiles,
    })
}

pub(crate) fn a_name() -> impl Strategy<Value = &'static str> {
    select(vec!["", "Ada", "Ben", "somebody2"])
}

pub(crate) fn a_picture() -> impl Strategy<Value = Picture> {
    let one = || select(vec!["one", "two"]).prop_map(Fingerprint::of);
    prop_oneof![
        Just(Picture::Nothing),
        one().prop_map(Picture::Ours),
        one().prop_map(Picture::Remote),
        Just(Picture::Foreign),
        Just(Picture::Refused),
    ]
}

pub(crate) fn status() -> impl Strategy<Value = RoomStatus> {
    prop_oneof![1 => Just(RoomStatus::Unread), 6 => Just(RoomStatus::Ready), 1 => Just(RoomStatus::Unreadable("no".into()))]
}

/// Power levels, of the bot too, and now and then such that cannot be read.
pub(crate) fn levels() -> impl Strategy<Value = Value> {
    let level = prop_oneof![Just(0), Just(1), Just(50), Just(90), Just(100)];
    let users = btree_map((0..USERS).prop_map(mxid), level.clone(), 0..5);
    let bot = prop_oneof![4 => Just(Some(100)), 1 => Just(Some(50)), 1 => Just(None)];
    let whole = (users, bot, proptest::option::of(select(vec![0i64, 1, 60])), proptest::option::of(level)).prop_map(
        |(users, bot, users_default, kick)| {
            let mut content = json!({ "users": users });
            bot.into_iter().for_each(|level| content["users"][BOT] = json!(level));
            users_default.into_iter().for_each(|level| content["users_default"] = json!(level));
            kick.into_iter().for_each(|level| content["kick"] = json!(level));
            content
        },
    );
    prop_oneof![9 => whole, 1 => Just(json!({"users": "none"}))]
}

pub(crate) fn state() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        4 => levels().prop_map(|content| (POWER_LEVELS, content)),
        1 => "[ab]".prop_map(|name| ("m.room.name", json!({ "name": name }))),
        1 => Just(("m.room.join_rules", json!({"join_rule": "public"}))),
        1 => Just(("m.room.create", json!({"additional_creators": [mxid(3)]}))),
        1 => Just(("m.room.tombstone", json!({"replacement_room": "!new:phenom.test"}))),
        1 => Just(("m.room.other", json!({}))),
    ]
}
