//! Random rooms: old and new versions, foreign levels, drifted settings, sources that fail.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use provisioner_policy::*;
use serde_json::{Map, Value, json};

use crate::given::*;

/// A level, and now and then text that is one where the room's version allows it.
fn level(old: bool) -> impl Strategy<Value = Value> {
    let level = select(vec![-1, 0, 1, 10, 25, 50, 50, 75, 99, 100]);
    (level, any::<bool>())
        .prop_map(move |(level, text)| if old && text { json!(level.to_string()) } else { json!(level) })
}

fn content(old: bool, creators: Vec<String>) -> impl Strategy<Value = Value> {
    let settings = Setting::ALL.map(|setting| setting.event().0);
    let acts = select([&settings[..], &[POWER_LEVELS, "m.room.encryption", "org.example.x"]].concat());
    let keys = select(vec!["users_default", "events_default", "state_default", "ban", "kick", "redact", "invite"]);
    let unknown = select(vec!["notifications", "org.example.unknown"]);
    let bot = prop_oneof![6 => Just(Some(100)), 2 => Just(Some(60)), 1 => Just(Some(50)), 1 => Just(None)];
    (
        btree_map(0..11u8, level(old), 0..8),
        btree_map(acts, level(old), 0..5),
        btree_map(keys, level(old), 0..4),
        btree_map(unknown, Just(json!({"room": 20, "deep": [1, {"a": null}]})), 0..3),
        bot,
        any::<bool>(),
    )
        .prop_map(move |(people, acts, keys, unknown, bot, junk)| {
            let mut users: Map<String, Value> = people.into_iter().map(|(user, level)| (mxid(user), level)).collect();
            users.extend(bot.map(|level| (BOT.to_owned(), json!(level))));
            users.extend(junk.then(|| ("not a user".to_owned(), json!(100))));
            creators.iter().for_each(|creator| drop(users.remove(creator)));
            let mut content: Map<String, Value> =
                keys.into_iter().map(|(key, level)| (key.to_owned(), level)).collect();
            content.extend(unknown.into_iter().map(|(key, value)| (key.to_owned(), value)));
            let acts: Map<String, Value> = acts.into_iter().map(|(act, level)| (act.to_owned(), level)).collect();
            content.extend([("users".to_owned(), users.into()), ("events".to_owned(), acts.into())]);
            content.into()
        })
}

/// The room's version, who made it, and its levels.
fn room() -> impl Strategy<Value = (&'static str, Vec<String>, Option<Value>)> {
    let versions = select(vec!["5", "6", "9", "10", "11", "12", "12"]);
    let makers = select(vec![vec![FOUNDER], vec![FOUNDER, "@u2:phenom.test"], vec![BOT], vec![EXEMPT, BOT]]);
    (versions, makers).prop_flat_map(|(version, makers)| {
        let creators: Vec<String> = makers.into_iter().map(str::to_owned).collect();
        let old = ["5", "6", "9"].contains(&version);
        let unlisted = if version == "12" { creators.clone() } else { vec![] };
        let levels = prop_oneof![19 => content(old, unlisted).prop_map(Some), 1 => Just(None)];
        (Just(version), Just(creators), levels)
    })
}

fn selector() -> impl Strategy<Value = Selector> {
    let team = |team: &str| Selector::Team(team.to_owned());
    select(vec![
        Selector::Everyone,
        team("staff"),
        team("analysts"),
        Selector::TeamRole { team: "staff".to_owned(), role: "lead".to_owned() },
        Selector::Group("nest-admin".to_owned()),
        Selector::Subject("u1".to_owned()),
    ])
}

fn grant() -> impl Strategy<Value = PowerGrant> {
    (select(vec![-1, 0, 10, 50, 50, 75, 90, 100]), vec(selector(), 1..3))
        .prop_map(|(level, grant)| PowerGrant { level, grant })
}

/// Each level of the room once at most.
fn room_levels() -> impl Strategy<Value = Vec<(RoomLevel, i64)>> {
    let of = select(vec![
        RoomLevel::Invite,
        RoomLevel::Kick,
        RoomLevel::Redact,
        RoomLevel::StateDefault,
        RoomLevel::EventsDefault,
        RoomLevel::Event(POWER_LEVELS.to_owned()),
        RoomLevel::Event("m.room.name".to_owned()),
    ]);
    let levels = btree_map(of, select(vec![0, 25, 50, 60, 100, 101]), 0..4);
    prop_oneof![1 => Just(vec![]), 1 => levels.prop_map(|levels| levels.into_iter().collect())]
}

fn listing() -> impl Strategy<Value = Listing> {
    prop_oneof![12 => Just(Listing::Good), 1 => Just(Listing::Failing), 1 => Just(Listing::Never)]
}

/// Who is known, and from where.
fn sources() -> impl Strategy<Value = Sources> {
    let row = (
        prop_oneof![24 => "u[0-7]".prop_map(Some), 1 => Just(Some("U3".to_owned())), 1 => Just(None)],
        "(staff|analysts)".prop_map(Some),
        prop_oneof![9 => "(lead|member)".prop_map(Some), 1 => Just(None)],
    )
        .prop_map(|(subject, team, role)| RosterRow { subject, team, role });
    let account = prop_oneof![8 => Just(Account::Active), 1 => Just(Account::Disabled), 1 => Just(Account::Unknown)];
    let pool = (listing(), btree_map(0..8u8, account, 4..8)).prop_map(Some);
    (vec(row, 0..14), listing(), vec(0..8u8, 0..4), listing(), prop_oneof![1 => Just(None), 1 => pool])
        .prop_map(|(rows, roster, group, group_listing, pool)| Sources { rows, roster, group, group_listing, pool })
}

fn settings() -> impl Strategy<Value = (RoomSettings, Vec<(Setting, Value)>)> {
    let one = |values: Vec<&'static str>| proptest::option::of(select(values).prop_map(str::to_owned));
    let rules = ["invite", "public", "knock", "restricted", "knock_restricted", "private"];
    let wanted = (
        one(vec!["Staff", "Staff (old)"]),
        one(vec!["", "About us"]),
        one(rules.to_vec()),
        one(vec!["shared", "joined", "invited"]),
        one(vec!["can_join", "forbidden"]),
    )
        .prop_map(|(name, topic, join_rule, history_visibility, guest_access)| RoomSettings {
            name,
            topic,
            join_rule,
            history_visibility,
            guest_access,
        });
    // What is there: another value, something unreadable, or what a redaction leaves.
    let there = select(vec![
        json!("Staff"),
        json!("About us"),
        json!("invite"),
        json!("knock"),
        json!("shared"),
        json!("forbidden"),
        json!(""),
        json!(7),
        Value::Null,
    ]);
    let state = btree_map(select(Setting::ALL.to_vec()), there, 0..5).prop_map(|state| {
        let content = |setting: Setting, value: Value| match value {
            Value::Null => json!({}),
            value => json!({setting.event().1: value, "org.example.kept": [1]}),
        };
        state.into_iter().map(|(setting, value)| (setting, content(setting, value))).collect()
    });
    (wanted, state)
}

pub(crate) fn given() -> impl Strategy<Value = Given> {
    let membership = prop_oneof![
        6 => Just(Membership::Join),
        1 => Just(Membership::Invite),
        1 => Just(Membership::Removed),
        1 => Just(Membership::Left),
        1 => Just(Membership::Ban),
    ];
    let in_room = btree_map(0..11u8, membership, 0..10);
    let levels = (vec(grant(), 0..4), room_levels());
    (room(), levels, vec(selector(), 1..3), sources(), settings(), in_room).prop_map(
        |((version, creators, levels), (grants, room_levels), members, sources, (settings, state), in_room)| {
            let in_room = in_room.into_iter().collect();
            Given { version, creators, levels, state, settings, grants, room_levels, members, sources, in_room }
        },
    )
}
