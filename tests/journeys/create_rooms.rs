//! `bootstrap --create-rooms`: a lost chat comes back with two commands, and no room is ever made twice.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use testbed::{Effect, Matching, Output, SynapseVersion, wait_until};

use crate::doctor_support::Diagnosis;
use crate::support::{SOON, Settings, Stage, subjects};

crate::on_both_versions!(
    a_lost_chat_is_back_with_two_commands,
    a_room_version_that_synapse_does_not_know_is_refused_before_anything_is_made,
);

crate::on_one_version!(
    running_it_again_finds_the_rooms_and_makes_none,
    a_kill_in_the_middle_makes_no_room_twice,
    a_room_that_is_refused_does_not_stop_the_others,
);

/// The rooms of these journeys: every setting, public and not, with and without power and levels.
const ROOMS: &str = r#"
[[rooms]]
key = "red-room"
members = ["everyone"]
name = "The Red Room"
join_rule = "public"
guest_access = "forbidden"
power = [{ level = 50, grant = [{ team = "staff", role = "lead" }] }]
[[rooms]]
key = "staff"
members = [{ team = "staff" }]
topic = "Staff only"
join_rule = "knock"
history_visibility = "joined"
levels = { invite = 100, kick = 60, events = { "m.room.topic" = 70 } }
[[rooms]]
key = "analysts"
members = [{ team = "analysts" }]
federate = true
"#;

/// A stage on which no room of the file has an id.
pub(crate) async fn empty(version: SynapseVersion) -> Stage {
    let mut stage = Stage::set(version, Settings::default()).await;
    let secret = stage.service.directory().join("shared-secret");
    std::fs::write(secret, stage.bed.synapse.shared_secret()).unwrap();
    put_in(&mut stage, &BTreeMap::new());
    stage
}

/// Puts ids into the file, as the operator does; rooms that are not named have none.
fn put_in(stage: &mut Stage, ids: &BTreeMap<String, String>) {
    let mut rooms = ROOMS.to_owned();
    for (key, id) in ids {
        let line = format!("key = \"{key}\"\n");
        rooms = rooms.replace(&line, &format!("{line}id = \"{id}\"\n"));
    }
    stage.edit(|config| {
        let (before, _) = config.split_once("[[rooms]]").unwrap();
        let before = before.replace("[modes]\n", "[modes]\npower_levels = \"enforce\"\nroom_state = \"enforce\"\n");
        format!("{before}{rooms}")
    });
}

fn arguments(room_version: &str) -> Vec<&str> {
    vec!["bootstrap", "--shared-secret-file", "shared-secret", "--create-rooms", "--room-version", room_version]
}

pub(crate) async fn create(stage: &Stage, room_version: &str) -> Output {
    stage.service.run_cli(&arguments(room_version)).await.unwrap()
}

/// Which room has which id, read from what was printed as TOML.
pub(crate) fn printed(output: &Output) -> BTreeMap<String, String> {
    let lines = output.stdout.find("[[rooms]]").map_or("", |start| &output.stdout[start..]);
    let document: toml_edit::DocumentMut = lines.parse().unwrap();
    let rooms = document.get("rooms").and_then(|rooms| rooms.as_array_of_tables());
    let text = |room: &toml_edit::Table, key: &str| room[key].as_str().unwrap().to_owned();
    rooms.into_iter().flatten().map(|room| (text(room, "key"), text(room, "id"))).collect()
}

pub(crate) fn creations(stage: &Stage) -> usize {
    stage.proxy.count(|request| request.is("POST", "/createRoom"))
}

/// The rooms that the bot is in on Synapse, whatever anybody was told of them, without those that the stage came with.
async fn made_rooms(stage: &Stage) -> Vec<String> {
    let answer = stage.bot.request(reqwest::Method::GET, "/_matrix/client/v3/joined_rooms", None).await.unwrap().1;
    let rooms = answer["joined_rooms"].as_array().cloned().unwrap_or_default();
    let mut rooms: Vec<String> = rooms.iter().map(|room| room.as_str().unwrap().to_owned()).collect();
    rooms.retain(|room| ![&stage.red, &stage.staff, &stage.analysts].contains(&room));
    rooms.sort();
    rooms
}

/// Versions that this Synapse makes, of those that differ.
fn room_versions(version: SynapseVersion) -> &'static [&'static str] {
    match version {
        SynapseVersion::V1_105 => &["10"],
        SynapseVersion::V1_163 => &["10", "12"],
    }
}

async fn a_lost_chat_is_back_with_two_commands(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let mut stage = empty(version).await;
        // A bot that this Synapse has never seen.
        stage.slot = stage.bed.synapse.slot();
        put_in(&mut stage, &BTreeMap::new());
        let people = subjects(4);
        let [lead, staff, analyst, experiencer] = people.as_slice() else { unreachable!() };
        stage.hasura.add(lead, "staff", "lead").await.unwrap();
        stage.hasura.add(staff, "staff", "member").await.unwrap();
        stage.hasura.add(analyst, "analysts", "member").await.unwrap();
        stage.hasura.add(experiencer, "experiencers", "member").await.unwrap();
        let output = stage.refused(&["plan"]).await;
        assert!(output.stderr.contains("bootstrap --create-rooms"), "{output:?}");

        let output = create(&stage, room_version).await;
        assert_eq!(output.status, Some(0), "{output:?}");
        let ids = printed(&output);
        assert_eq!(ids.keys().collect::<Vec<_>>(), ["analysts", "red-room", "staff"], "{output:?}");
        put_in(&mut stage, &ids);
        let (status, report) = stage.apply().await;
        assert_eq!(status, 0, "{report:#}");

        let bot = stage.slot.bot.clone();
        for (key, expected) in [
            ("red-room", vec![lead, staff, analyst, experiencer]),
            ("staff", vec![lead, staff]),
            ("analysts", vec![analyst]),
        ] {
            let mut joined: Vec<String> = expected.iter().map(|sub| stage.mxid(sub)).collect();
            joined.push(bot.clone());
            joined.sort();
            let members = stage.admin.members(&ids[key]).await.unwrap();
            let seen: Vec<String> =
                members.into_iter().filter(|(_, membership)| membership == "join").map(|(user, _)| user).collect();
            assert_eq!(seen, joined, "{key}");
        }
        stage.nothing_left().await;
        rooms_are_as_configured(&stage, &ids, room_version).await;
        let diagnosis = Diagnosis::of(&stage).await;
        assert_eq!(diagnosis.said("federation"), "", "{:#?}", diagnosis.0);
    }
}

async fn rooms_are_as_configured(stage: &Stage, ids: &BTreeMap<String, String>, room_version: &str) {
    let bot = &stage.slot.bot;
    let state = async |room: &str, kind: &str| stage.admin.state(room, kind, "").await.unwrap().unwrap_or_default();
    for (key, id) in ids {
        let events = stage.admin.all_state(id).await.unwrap();
        let create = events.iter().find(|event| event["type"] == "m.room.create").unwrap();
        assert_eq!(create["sender"], json!(bot));
        assert_eq!(create["content"]["room_version"], room_version);
        assert_eq!(create["content"]["io.phenom.provisioner"], json!({ "environment": "test", "key": key }));
        assert_eq!(create["content"]["m.federate"], key == "analysts", "as the file says, and else not: {create}");
        let users = state(id, "m.room.power_levels").await["users"].clone();
        let expected = if room_version == "12" { Value::Null } else { json!(100) };
        assert_eq!(users[bot], expected, "{users}");
        assert_eq!(state(id, "m.room.canonical_alias").await, Value::Null, "no alias");
        let summary = stage.admin.request(reqwest::Method::GET, &format!("/_synapse/admin/v1/rooms/{id}"), None).await;
        assert_eq!(summary.unwrap().1["public"], json!(false), "unlisted");
    }
    let of = async |key: &str, kind: &str, field: &str| state(&ids[key], kind).await[field].clone();
    assert_eq!(of("red-room", "m.room.name", "name").await, "The Red Room");
    assert_eq!(of("red-room", "m.room.join_rules", "join_rule").await, "public");
    assert_eq!(of("red-room", "m.room.guest_access", "guest_access").await, "forbidden");
    assert_eq!(of("staff", "m.room.topic", "topic").await, "Staff only");
    assert_eq!(of("staff", "m.room.join_rules", "join_rule").await, "knock");
    assert_eq!(of("staff", "m.room.history_visibility", "history_visibility").await, "joined");
    let levels = state(&ids["staff"], "m.room.power_levels").await;
    let level = |pointer: &str| levels.pointer(pointer).and_then(Value::as_i64);
    assert_eq!(["/invite", "/kick", "/events/m.room.topic"].map(level), [Some(100), Some(60), Some(70)], "{levels}");
    let protected = ["/events/m.room.power_levels", "/events/m.room.server_acl", "/events/m.room.tombstone"].map(level);
    assert!(protected.into_iter().all(|level| level >= Some(100)), "what Synapse protects stays so: {levels}");
    let path = format!("/rooms/{}/state/m.room.power_levels", ids["staff"]);
    assert_eq!(stage.proxy.count(|request| request.is("PUT", &path)), 0, "made so, and not mended after");
    assert_eq!(of("analysts", "m.room.join_rules", "join_rule").await, "invite");
    assert_eq!(of("analysts", "m.room.name", "name").await, Value::Null);
}

async fn running_it_again_finds_the_rooms_and_makes_none(version: SynapseVersion) {
    let mut stage = empty(version).await;
    let first = create(&stage, "10").await;
    let ids = printed(&first);
    assert_eq!((ids.len(), creations(&stage)), (3, 3), "{first:?}");
    // The names of the rooms are nobody's business: it is the mark that counts.
    stage.bot.send_state(&ids["red-room"], "m.room.name", "", json!({ "name": "Renamed" })).await.unwrap();
    let again = create(&stage, "10").await;
    assert_eq!(again.status, Some(0), "{again:?}");
    assert_eq!((printed(&again), creations(&stage)), (ids.clone(), 3), "{again:?}");
    assert!(again.stdout.contains("was made before"), "{again:?}");

    // With one id in the file, the others only are printed; with all, nothing is.
    put_in(&mut stage, &[("staff".to_owned(), ids["staff"].clone())].into());
    let rest = create(&stage, "10").await;
    assert_eq!(printed(&rest).into_keys().collect::<Vec<_>>(), ["analysts", "red-room"], "{rest:?}");
    put_in(&mut stage, &ids);
    let none = create(&stage, "10").await;
    assert_eq!((none.status, printed(&none).len(), creations(&stage)), (Some(0), 0, 3), "{none:?}");

    // A room that was replaced is not handed out again.
    put_in(&mut stage, &BTreeMap::new());
    let tombstone = json!({ "body": "moved", "replacement_room": "!successor:elsewhere.test" });
    stage.bot.send_state(&ids["staff"], "m.room.tombstone", "", tombstone).await.unwrap();
    let replaced = create(&stage, "10").await;
    assert_eq!((replaced.status, printed(&replaced).len(), creations(&stage)), (Some(1), 2, 3), "{replaced:?}");
    assert!(replaced.stderr.contains("!successor:elsewhere.test"), "{replaced:?}");
}

async fn a_kill_in_the_middle_makes_no_room_twice(version: SynapseVersion) {
    let mut stage = empty(version).await;
    // Synapse makes the second room, and nobody hears of it.
    let held = stage.proxy.fault(Matching::any().method("POST").path("/createRoom").skip(1), Effect::HoldAnswer);
    let mut running = spawn(&stage, "10");
    wait_until("the second room is there", SOON, async || made_rooms(&stage).await.len() == 2).await.unwrap();
    running.kill().unwrap();
    running.wait().unwrap();
    held.lift();
    let after = create(&stage, "10").await;
    assert_eq!(after.status, Some(0), "{after:?}");
    let mut ids: Vec<String> = printed(&after).into_values().collect();
    ids.sort();
    assert_eq!((ids.len(), made_rooms(&stage).await), (3, ids), "{after:?}");
    assert_eq!(creations(&stage), 3, "{after:?}");

    // An answer that is lost, where nothing is killed, is told as what it is.
    stage.edit(|config| {
        let (before, _) = config.split_once("[[rooms]]").unwrap();
        format!("{before}{ROOMS}").replace("environment = \"test\"", "environment = \"another\"")
    });
    stage.proxy.clear();
    stage.proxy.fault(Matching::any().method("POST").path("/createRoom").skip(2).times(1), Effect::LoseAnswer);
    let lost = create(&stage, "10").await;
    assert_eq!((lost.status, printed(&lost).len()), (Some(1), 2), "{lost:?}");
    let told = lost.stderr.split_once("analysts: whether the room was made is not known: ");
    assert!(told.is_some_and(|(_, cause)| cause.contains("; run this again")), "{lost:?}");
    let after = create(&stage, "10").await;
    assert_eq!((after.status, printed(&after).len(), creations(&stage)), (Some(0), 3, 3), "{after:?}");
    assert_eq!(made_rooms(&stage).await.len(), 6);
}

/// The command, to be killed.
fn spawn(stage: &Stage, room_version: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_phenom-provisioner"))
        .args(arguments(room_version))
        .current_dir(stage.service.directory())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn a_room_version_that_synapse_does_not_know_is_refused_before_anything_is_made(version: SynapseVersion) {
    let stage = empty(version).await;
    let unknown = if version == SynapseVersion::V1_105 { "12" } else { "99" };
    let output = create(&stage, unknown).await;
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(output.stderr.contains(&format!("this Synapse makes no rooms of version {unknown}")), "{output:?}");
    let default = if version == SynapseVersion::V1_105 { "10" } else { "12" };
    assert!(output.stderr.contains(&format!("for its default, {default}")), "{output:?}");
    assert_eq!(creations(&stage), 0);
    // Left out, it is the default.
    let args = &arguments("")[..4];
    let output = stage.service.run_cli(args).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(output.stdout.contains(&format!("of room version {default}")), "{output:?}");
}

async fn a_room_that_is_refused_does_not_stop_the_others(version: SynapseVersion) {
    let stage = empty(version).await;
    let refusal = json!({ "errcode": "M_FORBIDDEN", "error": "You are not permitted to create rooms" });
    stage
        .proxy
        .fault(Matching::any().method("POST").path("/createRoom").skip(1).times(1), Effect::Answer(403, refusal));
    let output = create(&stage, "10").await;
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(output.stderr.contains("staff: make the room: ") && output.stderr.contains("not permitted"), "{output:?}");
    assert_eq!(printed(&output).into_keys().collect::<Vec<_>>(), ["analysts", "red-room"], "{output:?}");
    let again = create(&stage, "10").await;
    assert_eq!((again.status, printed(&again).len(), creations(&stage)), (Some(0), 3, 4), "{again:?}");
}
