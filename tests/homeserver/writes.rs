//! The shape of each write, and what counts as done.

use phenom_provisioner::homeserver::{AccountCreation, CallError, NewRoom, Profile, WriteOutcome};
use serde_json::{Value, json, value::to_raw_value};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, method, path},
};

use super::*;

fn entry(fields: Value) -> Value {
    let mut entry = json!({ "name": USER, "displayname": null, "admin": false, "deactivated": false, "locked": false });
    entry.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    entry
}

#[tokio::test]
async fn join_is_one_request_with_encoded_ids() {
    let server = MockServer::start().await;
    expect_once(&server, "POST", &format!("/_synapse/admin/v1/join/{ROOM_PATH}"), ok(json!({ "room_id": ROOM }))).await;
    assert_eq!(bot_at(&server).await.join(ROOM, USER).await.unwrap(), WriteOutcome::Done);
    assert_eq!(only_body(&server).await, json!({ "user_id": USER }));
}

#[tokio::test]
async fn room_version_12_id_without_server_part_is_sent() {
    let server = MockServer::start().await;
    let room = "!7o0rutpRfNSaaN4B1ACUJsDz4AU-unDVwDIZEHHpfKM";
    expect_once(&server, "POST", &format!("/_synapse/admin/v1/join/{room}"), ok(json!({}))).await;
    assert_eq!(bot_at(&server).await.join(room, USER).await.unwrap(), WriteOutcome::Done);
}

#[tokio::test]
async fn an_alias_or_a_bare_name_is_refused_before_anything_is_sent() {
    let server = MockServer::start().await;
    let bot = bot_at(&server).await;
    for not_a_room in ["#the-red-room:hs.test", "red-room", ""] {
        assert!(matches!(bot.join(not_a_room, USER).await, Err(CallError::BadRoomId { room }) if room == not_a_room));
    }
    for not_a_user in ["alice", "@alice", "alice:hs.test", ""] {
        assert!(matches!(bot.kick(ROOM, not_a_user, None).await, Err(CallError::BadUserId { .. })));
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn already_in_the_room_is_already_so() {
    let server = MockServer::start().await;
    let answer = refused(403, "M_FORBIDDEN", &format!("{USER} is already in the room."));
    expect_once(&server, "POST", &format!("/_synapse/admin/v1/join/{ROOM_PATH}"), answer).await;
    assert_eq!(bot_at(&server).await.join(ROOM, USER).await.unwrap(), WriteOutcome::AlreadySo);
}

#[tokio::test]
async fn kick_sends_the_reason() {
    let server = MockServer::start().await;
    expect_once(&server, "POST", &format!("/_matrix/client/v3/rooms/{ROOM_PATH}/kick"), ok(json!({}))).await;
    assert_eq!(bot_at(&server).await.kick(ROOM, USER, Some("left the team")).await.unwrap(), WriteOutcome::Done);
    assert_eq!(only_body(&server).await, json!({ "user_id": USER, "reason": "left the team" }));
}

#[tokio::test]
async fn kick_of_someone_who_is_out_is_already_so() {
    for (errcode, message) in
        [("M_FORBIDDEN", "The target user is not in the room"), ("M_BAD_STATE", "Cannot kick user who was banned")]
    {
        let server = MockServer::start().await;
        let answer = refused(403, errcode, message);
        expect_once(&server, "POST", &format!("/_matrix/client/v3/rooms/{ROOM_PATH}/kick"), answer).await;
        assert_eq!(bot_at(&server).await.kick(ROOM, USER, None).await.unwrap(), WriteOutcome::AlreadySo, "{message}");
        assert_eq!(only_body(&server).await, json!({ "user_id": USER }));
    }
}

#[tokio::test]
async fn state_goes_out_as_it_was_given() {
    let server = MockServer::start().await;
    let target = format!("/_matrix/client/v3/rooms/{ROOM_PATH}/state/m.room.power_levels/");
    expect_once(&server, "PUT", &target, ok(json!({ "event_id": "$e" }))).await;
    let content = json!({ "users": { "@x:hs.test": 50 }, "org.example.unknown": [1, null] });
    let bot = bot_at(&server).await;
    let event_id = bot.set_state(ROOM, "m.room.power_levels", to_raw_value(&content).unwrap()).await.unwrap();
    assert_eq!(event_id, "$e");
    assert_eq!(only_body(&server).await, content);
}

#[tokio::test]
async fn message_carries_its_transaction_id() {
    let server = MockServer::start().await;
    let target = format!("/_matrix/client/v3/rooms/{ROOM_PATH}/send/m.room.message/reply-$ev%2F1");
    expect_once(&server, "PUT", &target, ok(json!({ "event_id": "$e" }))).await;
    let content = to_raw_value(&json!({ "msgtype": "m.notice", "body": "done" })).unwrap();
    let bot = bot_at(&server).await;
    assert_eq!(bot.send_message_event(ROOM, "m.room.message", "reply-$ev/1", content).await.unwrap(), "$e");
}

#[tokio::test]
async fn new_room_says_only_what_is_given() {
    let server = MockServer::start().await;
    expect_once(&server, "POST", "/_matrix/client/v3/createRoom", ok(json!({ "room_id": "!new" }))).await;
    let room = NewRoom {
        version: Some("12".to_owned()),
        initial_state: vec![
            ("m.room.name".to_owned(), json!({ "name": "Staff" })),
            ("m.room.guest_access".to_owned(), json!({ "guest_access": "forbidden" })),
        ],
        ..NewRoom::default()
    };
    assert_eq!(bot_at(&server).await.create_room(room).await.unwrap(), "!new");
    assert_eq!(
        only_body(&server).await,
        json!({
            "preset": "private_chat",
            "visibility": "private",
            "room_version": "12",
            "initial_state": [
                { "type": "m.room.name", "content": { "name": "Staff" } },
                { "type": "m.room.guest_access", "content": { "guest_access": "forbidden" } },
            ],
        })
    );
}

fn ann() -> Profile {
    Profile { display_name: Some("Ann".to_owned()), avatar_url: Some("mxc://hs.test/ann".to_owned()) }
}

/// `PUT` of this body makes the account, or changes it, with this status.
async fn expect_put(server: &MockServer, body: Value, status: u16, answer: Value) {
    Mock::given(method("PUT"))
        .and(path(format!("/_synapse/admin/v2/users/{USER_PATH}")))
        .and(body_json(body))
        .respond_with(ResponseTemplate::new(status).set_body_json(answer))
        .expect(1)
        .mount(server)
        .await;
}

#[tokio::test]
async fn new_account_is_made_with_name_and_picture_in_one_request_and_an_existing_one_keeps_its_own() {
    let target = format!("/_synapse/admin/v2/users/{USER_PATH}");
    let no_such = || refused(404, "M_NOT_FOUND", "User not found");
    let with_profile = json!({ "displayname": "Ann", "avatar_url": "mxc://hs.test/ann" });

    let server = MockServer::start().await;
    expect_once(&server, "GET", &target, no_such()).await;
    expect_put(&server, with_profile.clone(), 201, entry(with_profile.clone())).await;
    let made = bot_at(&server).await.create_account(USER, &ann()).await.unwrap();
    assert_eq!(made, AccountCreation::Created);

    let server = MockServer::start().await;
    expect_once(&server, "GET", &target, ok(entry(json!({ "displayname": "Her own", "deactivated": true })))).await;
    match bot_at(&server).await.create_account(USER, &ann()).await.unwrap() {
        AccountCreation::Existed(entry) => {
            assert!(entry.deactivated && entry.displayname.as_deref() == Some("Her own"))
        }
        AccountCreation::Created => panic!("it was there"),
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "nothing is written");

    // Its owner logs in between the look and the request.
    let server = MockServer::start().await;
    expect_once(&server, "GET", &target, no_such()).await;
    expect_put(&server, with_profile.clone(), 200, entry(with_profile)).await;
    let made = bot_at(&server).await.create_account(USER, &ann()).await.unwrap();
    assert!(matches!(made, AccountCreation::Existed(_)));
}

#[tokio::test]
async fn new_account_without_a_profile_is_one_request_that_changes_no_existing_one() {
    for (status, displayname) in [(201, USER), (200, "Her own")] {
        let server = MockServer::start().await;
        expect_put(&server, json!({}), status, entry(json!({ "displayname": displayname }))).await;
        let made = bot_at(&server).await.create_account(USER, &Profile::default()).await.unwrap();
        assert_eq!(made == AccountCreation::Created, status == 201);
        assert_eq!(only_body(&server).await, json!({}));
    }
}

#[tokio::test]
async fn an_account_made_at_the_same_moment_existed() {
    let server = MockServer::start().await;
    let target = format!("/_synapse/admin/v2/users/{USER_PATH}");
    expect_once(&server, "PUT", &target, refused(400, "M_USER_IN_USE", "User ID already taken.")).await;
    expect_once(&server, "GET", &target, ok(entry(json!({})))).await;
    let made = bot_at(&server).await.create_account(USER, &Profile::default()).await.unwrap();
    assert!(matches!(made, AccountCreation::Existed(_)));
}

#[tokio::test]
async fn lock_deactivate_and_reactivate_never_make_an_account() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(refused(404, "M_NOT_FOUND", "User not found"))
        .expect(3)
        .mount(&server)
        .await;
    let bot = bot_at(&server).await;
    assert!(matches!(bot.lock(USER, true).await, Err(CallError::UserUnknown)));
    assert!(matches!(bot.deactivate(USER).await, Err(CallError::UserUnknown)));
    assert!(matches!(bot.reactivate(USER).await, Err(CallError::UserUnknown)));
}

#[tokio::test]
async fn reactivation_takes_the_admin_flag_away_in_the_same_request() {
    let server = MockServer::start().await;
    let target = format!("/_synapse/admin/v2/users/{USER_PATH}");
    expect_once(&server, "GET", &target, ok(entry(json!({ "deactivated": true, "admin": true })))).await;
    Mock::given(method("PUT"))
        .and(path(target.as_str()))
        .and(body_json(json!({ "deactivated": false, "admin": false })))
        .respond_with(ok(entry(json!({}))))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(bot_at(&server).await.reactivate(USER).await.unwrap(), WriteOutcome::Done);
}

#[tokio::test]
async fn locking_the_locked_writes_nothing() {
    let server = MockServer::start().await;
    expect_once(&server, "GET", &format!("/_synapse/admin/v2/users/{USER_PATH}"), ok(entry(json!({ "locked": 1 }))))
        .await;
    assert_eq!(bot_at(&server).await.lock(USER, true).await.unwrap(), WriteOutcome::AlreadySo);
}

#[tokio::test]
async fn logging_out_deletes_every_device() {
    let server = MockServer::start().await;
    let target = format!("/_synapse/admin/v2/users/{USER_PATH}");
    let devices = json!({ "devices": [{ "device_id": "A" }, { "device_id": "B", "display_name": 7 }], "total": 2 });
    expect_once(&server, "GET", &format!("{target}/devices"), ok(devices)).await;
    Mock::given(method("POST"))
        .and(path(format!("{target}/delete_devices")))
        .and(body_json(json!({ "devices": ["A", "B"] })))
        .respond_with(ok(json!({})))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(bot_at(&server).await.log_out(USER).await.unwrap(), 2);
}
