//! Rooms that the bot made: found by their mark and by nothing else.

use phenom_provisioner::homeserver::{CallError, NewRoom, RoomVersions};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer,
    matchers::{method, path},
};

use super::*;

/// A room that the bot is in: its create event's sender and content, and whether it has power levels.
async fn room(server: &MockServer, id: &str, at: u64, sender: &str, content: Value, whole: bool) {
    let state = |kind: &str| format!("/_matrix/client/v3/rooms/{id}/state/{kind}/");
    let event = |content: Value| ok(json!({ "content": content, "sender": sender, "origin_server_ts": at }));
    let absent = || refused(404, "M_NOT_FOUND", "Event not found.");
    let power = if whole { ok(json!({})) } else { absent() };
    for (kind, answer) in
        [("m.room.create", event(content)), ("m.room.power_levels", power), ("m.room.tombstone", absent())]
    {
        Mock::given(method("GET")).and(path(state(kind))).respond_with(answer).mount(server).await;
    }
}

fn mark(environment: &str, key: &str) -> Value {
    json!({ "room_version": "10", "io.phenom.provisioner": { "environment": environment, "key": key } })
}

async fn joined(server: &MockServer, rooms: &[&str]) {
    expect_once(server, "GET", "/_matrix/client/v3/joined_rooms", ok(json!({ "joined_rooms": rooms }))).await;
}

#[tokio::test]
async fn only_the_bots_own_rooms_with_the_mark_of_this_environment_are_found_the_oldest_first() {
    let server = MockServer::start().await;
    let ids =
        ["!young:hs.test", "!old:hs.test", "!other:hs.test", "!foreign:hs.test", "!plain:hs.test", "!shell:hs.test"];
    joined(&server, &ids).await;
    room(&server, "!young:hs.test", 9, BOT, mark("test", "staff"), true).await;
    room(&server, "!old:hs.test", 5, BOT, mark("test", "staff"), true).await;
    room(&server, "!other:hs.test", 1, BOT, mark("production", "staff"), true).await;
    room(&server, "!foreign:hs.test", 2, USER, mark("test", "staff"), true).await;
    room(&server, "!plain:hs.test", 3, BOT, json!({ "room_version": "10" }), true).await;
    room(&server, "!shell:hs.test", 7, BOT, mark("test", "red-room"), false).await;
    let made = bot_at(&server).await.made_rooms("test").await.unwrap();
    let seen: Vec<_> = made.iter().map(|room| (room.room_id.as_str(), room.key.as_str(), room.whole)).collect();
    assert_eq!(
        seen,
        [("!old:hs.test", "staff", true), ("!shell:hs.test", "red-room", false), ("!young:hs.test", "staff", true)]
    );
    assert_eq!((made[0].version.as_str(), made[0].made_at, &made[0].replaced_by), ("10", 5, &None));
}

#[tokio::test]
async fn a_room_that_cannot_be_read_might_be_the_one_and_is_an_error() {
    let server = MockServer::start().await;
    joined(&server, &["!gone:hs.test"]).await;
    let answer = refused(403, "M_FORBIDDEN", "User @bot:hs.test not in room");
    expect_once(&server, "GET", "/_matrix/client/v3/rooms/!gone:hs.test/state/m.room.create/", answer).await;
    assert!(matches!(bot_at(&server).await.made_rooms("test").await, Err(CallError::BotNotInRoom)));
}

#[tokio::test]
async fn the_mark_goes_into_the_create_event_beside_what_stands_there() {
    let server = MockServer::start().await;
    expect_once(&server, "POST", "/_matrix/client/v3/createRoom", ok(json!({ "room_id": "!new" }))).await;
    let creation_content = [("m.federate".to_owned(), json!(false))].into_iter().collect();
    let room = NewRoom { creation_content, ..NewRoom::default() };
    assert_eq!(bot_at(&server).await.make_room("test", "staff", room).await.unwrap(), "!new");
    let marked = json!({ "m.federate": false, "io.phenom.provisioner": { "environment": "test", "key": "staff" } });
    assert_eq!(only_body(&server).await["creation_content"], marked);
}

#[tokio::test]
async fn what_is_being_made_is_noted_on_the_bots_own_account() {
    let target = "/_matrix/client/v3/user/@bot:hs.test/account_data/io.phenom.provisioner.creating";
    let notes = [("staff".to_owned(), 5)].into();
    let server = MockServer::start().await;
    expect_once(&server, "PUT", target, ok(json!({}))).await;
    bot_at(&server).await.note_rooms_being_made(&notes).await.unwrap();
    assert_eq!(only_body(&server).await, json!({ "rooms": { "staff": 5 } }));
    for (answer, expected) in [
        (ok(json!({ "rooms": { "staff": 5 } })), notes),
        (refused(404, "M_NOT_FOUND", "Account data not found"), [].into()),
        (ok(json!({ "rooms": "nonsense" })), [].into()),
    ] {
        let server = MockServer::start().await;
        expect_once(&server, "GET", target, answer).await;
        assert_eq!(bot_at(&server).await.rooms_being_made().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn room_versions_are_the_stable_ones_in_order() {
    let server = MockServer::start().await;
    let available = json!({ "10": "stable", "9": "stable", "org.matrix.hydra.11": "unstable", "12": "stable" });
    let body = json!({ "capabilities": {
        "m.change_password": 7, "m.room_versions": { "default": "10", "available": available },
    }});
    expect_once(&server, "GET", "/_matrix/client/v3/capabilities", ok(body)).await;
    let expected = RoomVersions { default: "10".to_owned(), stable: ["9", "10", "12"].map(str::to_owned).to_vec() };
    assert_eq!(bot_at(&server).await.room_versions().await.unwrap(), expected);
}
