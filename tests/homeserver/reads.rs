//! What each read asks, and that one odd entry never hides the others.

use phenom_provisioner::homeserver::CallError;
use serde_json::json;
use wiremock::{
    Mock, MockServer,
    matchers::{method, path, query_param},
};

use super::*;

#[tokio::test]
async fn joined_members_are_listed() {
    let server = MockServer::start().await;
    let target = format!("/_synapse/admin/v1/rooms/{ROOM_PATH}/members");
    expect_once(&server, "GET", &target, ok(json!({ "members": [BOT, USER, "@Öd d:elsewhere"], "total": 3 }))).await;
    let members = bot_at(&server).await.joined_members(ROOM).await.unwrap();
    assert_eq!(members.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), [BOT, USER, "@Öd d:elsewhere"]);
}

#[tokio::test]
async fn a_member_list_shorter_than_its_count_is_not_believed() {
    let server = MockServer::start().await;
    let target = format!("/_synapse/admin/v1/rooms/{ROOM_PATH}/members");
    expect_once(&server, "GET", &target, ok(json!({ "members": [], "total": 3 }))).await;
    assert!(matches!(bot_at(&server).await.joined_members(ROOM).await, Err(CallError::Unexpected { status: 200, .. })));
}

fn member(user: &str, content: serde_json::Value) -> serde_json::Value {
    json!({
        "type": "m.room.member", "room_id": ROOM, "state_key": user, "sender": BOT, "event_id": "$e",
        "origin_server_ts": 1_795_225_237_996_u64, "content": content, "unsigned": { "age": 725 },
    })
}

/// Nested past what serde_json holds. Synapse takes it, from anybody who may send an event.
fn deep() -> serde_json::Value {
    (0..200).fold(json!("x"), |inner, _| json!([inner]))
}

#[tokio::test]
async fn other_members_survive_odd_display_names_and_unreadable_entries() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(format!("/_matrix/client/v3/rooms/{ROOM_PATH}/members")))
        .and(query_param("not_membership", "join"))
        .respond_with(ok(json!({ "chunk": [
            member("@odd:hs.test", json!({ "membership": "leave", "displayname": 7, "avatar_url": {} })),
            member("@nothing:hs.test", json!({})),
            "not even an event",
            member("@banned:hs.test", json!({ "membership": "ban", "reason": null })),
            member("@deep:hs.test", json!({ "membership": "leave", "reason": deep() })),
        ]})))
        .expect(1)
        .mount(&server)
        .await;
    let others = bot_at(&server).await.other_members(ROOM).await.unwrap();
    let seen: Vec<_> = others.iter().map(|member| (member.user_id.as_str(), member.membership.as_str())).collect();
    assert_eq!(seen, [("@odd:hs.test", "leave"), ("@banned:hs.test", "ban"), ("@deep:hs.test", "leave")]);
    assert_eq!((others[0].sender.as_str(), others[0].event_id.as_str()), (BOT, "$e"));
}

#[tokio::test]
async fn a_membership_is_read_whatever_its_owner_put_beside_it() {
    let server = MockServer::start().await;
    let event = json!({
        "type": "m.room.member", "room_id": ROOM, "state_key": "@deep:hs.test", "sender": "@deep:hs.test", "event_id": "$e",
        "content": { "membership": "join", "displayname": deep() },
        "unsigned": { "prev_content": deep(), "replaces_state": "$before" },
    });
    expect_once(&server, "GET", &format!("/_matrix/client/v3/rooms/{ROOM_PATH}/event/$e"), ok(event)).await;
    let read = bot_at(&server).await.membership_event(ROOM, "$e").await.unwrap().unwrap();
    assert_eq!((read.membership.as_str(), read.sender.as_str()), ("join", "@deep:hs.test"));
    assert_eq!(read.replaces.as_deref(), Some("$before"));
}

#[tokio::test]
async fn the_past_that_a_removed_bot_is_shown_is_not_taken_for_the_present() {
    let server = MockServer::start().await;
    let target = format!("/_matrix/client/v3/rooms/{ROOM_PATH}/members");
    expect_once(&server, "GET", &target, ok(json!({ "chunk": [member(BOT, json!({ "membership": "leave" }))] }))).await;
    assert!(matches!(bot_at(&server).await.other_members(ROOM).await, Err(CallError::BotNotInRoom)));
}

#[tokio::test]
async fn state_event_keeps_its_content_byte_for_byte() {
    let server = MockServer::start().await;
    let body = r#"{"type":"m.room.power_levels","sender":"@x:hs.test","state_key":"","origin_server_ts":5,
        "content":{"users":{"@x:hs.test":100},  "org.example":1.50},"unsigned":{"age_ts":5}}"#;
    Mock::given(method("GET"))
        .and(path(format!("/_matrix/client/v3/rooms/{ROOM_PATH}/state/m.room.power_levels/")))
        .and(query_param("format", "event"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/json"))
        .expect(1)
        .mount(&server)
        .await;
    let event = bot_at(&server).await.state_event(ROOM, "m.room.power_levels").await.unwrap().unwrap();
    assert_eq!(event.content.get(), r#"{"users":{"@x:hs.test":100},  "org.example":1.50}"#);
    assert_eq!((event.sender.as_str(), event.event_id, event.origin_server_ts), ("@x:hs.test", None, 5));
}

#[tokio::test]
async fn state_that_is_not_there_is_none() {
    let server = MockServer::start().await;
    let target = format!("/_matrix/client/v3/rooms/{ROOM_PATH}/state/m.room.topic/");
    expect_once(&server, "GET", &target, refused(404, "M_NOT_FOUND", "Event not found.")).await;
    assert!(bot_at(&server).await.state_event(ROOM, "m.room.topic").await.unwrap().is_none());
}

#[tokio::test]
async fn room_summary_reads_what_each_version_tells() {
    let server = MockServer::start().await;
    let body = json!({
        "room_id": ROOM, "name": null, "joined_members": 2, "joined_local_members": null, "state_events": 11,
        "version": "10", "creator": BOT, "join_rules": "invite", "public": 0, "forgotten": false,
    });
    expect_once(&server, "GET", &format!("/_synapse/admin/v1/rooms/{ROOM_PATH}"), ok(body)).await;
    let summary = bot_at(&server).await.room_summary(ROOM).await.unwrap();
    assert_eq!(
        (summary.joined_members, summary.join_rules.as_deref(), summary.public),
        (Some(2), Some("invite"), false)
    );
    assert_eq!(summary.history_visibility, None);
}

#[tokio::test]
async fn users_are_listed_by_page_with_the_locked_and_the_deactivated() {
    let server = MockServer::start().await;
    let mut page = Mock::given(method("GET")).and(path("/_synapse/admin/v2/users"));
    for (key, value) in [
        ("from", "100"),
        ("limit", "4"),
        ("guests", "false"),
        ("deactivated", "true"),
        ("locked", "true"),
        ("order_by", "creation_ts"),
    ] {
        page = page.and(query_param(key, value));
    }
    page.respond_with(ok(json!({ "next_token": "104", "total": 200, "users": [
        { "name": "@a:hs.test", "displayname": null, "admin": 1, "deactivated": 0, "locked": false, "shadow_banned": null },
        { "name": "@b:hs.test", "displayname": 7, "admin": false, "deactivated": true, "locked": true },
        { "name": null },
    ]})))
    .expect(1)
    .mount(&server)
    .await;
    let page = bot_at(&server).await.list_users(100, 4).await.unwrap();
    assert_eq!((page.next, page.total, page.unreadable, page.users.len()), (Some(104), Some(200), 1, 2));
    assert!(page.users[0].admin && !page.users[0].deactivated && page.users[0].displayname.is_none());
    assert!(page.users[1].deactivated && page.users[1].locked && page.users[1].displayname.is_none());
}

#[tokio::test]
async fn server_admins_are_read_to_the_last_page_and_only_admins_count() {
    let server = MockServer::start().await;
    for (from, body) in [
        ("0", json!({ "users": [{ "name": "@a:hs.test", "admin": true }], "total": 2, "next_token": "1000" })),
        (
            "1000",
            json!({ "users": [{ "name": "@b:hs.test", "admin": false }, { "name": "@c:hs.test", "admin": 1 }], "total": 2 }),
        ),
    ] {
        Mock::given(method("GET"))
            .and(path("/_synapse/admin/v2/users"))
            .and(query_param("admins", "true"))
            .and(query_param("from", from))
            .respond_with(ok(body))
            .expect(1)
            .mount(&server)
            .await;
    }
    let admins = bot_at(&server).await.server_admins().await.unwrap();
    assert_eq!(admins.users.into_iter().map(|admin| admin.name).collect::<Vec<_>>(), ["@a:hs.test", "@c:hs.test"]);
    assert!(!admins.complete, "the bot asks, and is not in it");
}

#[tokio::test]
async fn a_list_of_server_admins_is_whole_only_with_the_bot_and_as_many_as_are_counted() {
    let bot = json!({ "name": "@bot:hs.test", "admin": true });
    for (body, complete) in [
        (json!({ "users": [bot], "total": 1 }), true),
        (json!({ "users": [bot] }), true),
        (json!({ "users": [], "total": 0 }), false),
        (json!({ "users": [bot], "total": 2 }), false),
        (json!({ "users": [bot, { "name": null }], "total": 2 }), false),
    ] {
        let server = MockServer::start().await;
        expect_once(&server, "GET", "/_synapse/admin/v2/users", ok(body.clone())).await;
        assert_eq!(bot_at(&server).await.server_admins().await.unwrap().complete, complete, "{body}");
    }
}

#[tokio::test]
async fn an_unknown_user_is_none() {
    let server = MockServer::start().await;
    let target = format!("/_synapse/admin/v2/users/{USER_PATH}");
    expect_once(&server, "GET", &target, refused(404, "M_NOT_FOUND", "User not found")).await;
    assert_eq!(bot_at(&server).await.user(USER).await.unwrap(), None);
}

#[tokio::test]
async fn only_synapses_own_word_says_that_there_is_none() {
    let page = ResponseTemplate::new(404).set_body_string("<html>404 Not Found</html>");
    for answer in
        [refused(500, "M_NOT_FOUND", "x"), refused(403, "M_NOT_FOUND", "x"), refused(404, "M_UNKNOWN", "x"), page]
    {
        let server = MockServer::start().await;
        Mock::given(method("GET")).respond_with(answer).mount(&server).await;
        let bot = bot_at(&server).await;
        bot.membership(ROOM, USER).await.unwrap_err();
        bot.state_content(ROOM, "m.room.power_levels", "").await.unwrap_err();
        bot.user(USER).await.unwrap_err();
    }
}

#[tokio::test]
async fn an_answer_of_nothing_is_no_state() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let bot = bot_at(&server).await;
    assert!(matches!(bot.state_content(ROOM, "m.room.power_levels", "").await, Err(CallError::Unreadable(_))));
    assert!(matches!(bot.membership(ROOM, USER).await, Err(CallError::Unreadable(_))));
}

#[tokio::test]
async fn a_damaged_account_is_none_that_is_open() {
    for damage in [
        json!({ "name": "@another:hs.test" }),
        json!({ "name": USER, "locked": "true" }),
        json!({ "name": USER, "deactivated": {} }),
        json!({ "name": USER, "admin": 2 }),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("GET")).respond_with(ok(damage.clone())).mount(&server).await;
        assert!(bot_at(&server).await.user(USER).await.is_err(), "{damage}");
    }
}

#[tokio::test]
async fn state_of_which_a_part_cannot_be_read_is_not_taken_for_none() {
    for (state, is_none) in [(json!([]), true), (json!([{ "type": "m.room.create", "state_key": "" }]), false)] {
        let server = MockServer::start().await;
        Mock::given(method("GET")).respond_with(ok(json!({ "state": state }))).mount(&server).await;
        let found = bot_at(&server).await.state_of_any_room(ROOM, "m.room.create").await;
        assert_eq!(matches!(found, Ok(None)), is_none, "{found:?}");
    }
}

#[tokio::test]
async fn the_clock_of_synapse_is_read_where_it_is_told() {
    for (date, expected) in [("Sat, 21 Nov 2026 04:26:00 GMT", Some(1_795_235_160)), ("yesterday", None)] {
        let server = MockServer::start().await;
        let answer = ok(json!({ "server_version": "1.105.1" })).insert_header("date", date);
        expect_once(&server, "GET", "/_synapse/admin/v1/server_version", answer).await;
        let (version, clock) = bot_at(&server).await.server_version_and_clock().await.unwrap();
        assert_eq!((version.as_str(), clock.map(|clock| clock.timestamp())), ("1.105.1", expected));
    }
}

#[tokio::test]
async fn ping_tells_how_long_it_took_or_that_synapse_does_not_reach_us() {
    let server = MockServer::start().await;
    let target = "/_matrix/client/v1/appservice/phenom/ping";
    expect_once(&server, "POST", target, ok(json!({ "duration_ms": 12.5 }))).await;
    let took = bot_at(&server).await.ping_appservice("phenom", "txn").await.unwrap();
    assert_eq!(took.as_micros(), 12_500);
    assert_eq!(only_body(&server).await, json!({ "transaction_id": "txn" }));

    let server = MockServer::start().await;
    expect_once(&server, "POST", target, refused(502, "M_CONNECTION_FAILED", "ConnectionRefusedError: refused")).await;
    let error = bot_at(&server).await.ping_appservice("phenom", "txn").await.unwrap_err();
    assert!(matches!(error, CallError::ListenerUnreachable { .. }) && !error.is_transport(), "{error}");
}

#[tokio::test]
async fn ping_that_finds_synapse_delivering_already_has_reached_us() {
    let target = "/_matrix/client/v1/appservice/phenom/ping";
    for message in [
        "AlreadyCalled: Tried to cancel an already-called event.",
        "AlreadyCancelled: Tried to cancel an already-cancelled event.",
    ] {
        let server = MockServer::start().await;
        expect_once(&server, "POST", target, refused(502, "M_CONNECTION_FAILED", message)).await;
        bot_at(&server).await.ping_appservice("phenom", "txn").await.unwrap();
    }
}

#[tokio::test]
async fn a_display_name_is_what_its_owner_wrote_and_nothing_where_there_is_none() {
    let target = format!("/_matrix/client/v3/profile/{USER_PATH}/displayname");
    for (answer, name) in [
        (ok(json!({ "displayname": "<b>Ann</b>\u{202e}" })), Some("<b>Ann</b>\u{202e}")),
        (ok(json!({ "displayname": 7 })), None),
        (ok(json!({})), None),
        (refused(404, "M_NOT_FOUND", "Profile was not found"), None),
        (refused(403, "M_FORBIDDEN", "Profile isn't available."), None),
    ] {
        let server = MockServer::start().await;
        expect_once(&server, "GET", &target, answer).await;
        assert_eq!(bot_at(&server).await.display_name(USER).await.unwrap().as_deref(), name);
    }
}

#[tokio::test]
async fn a_display_name_is_not_read_when_it_is_no_name_by_its_size() {
    let server = MockServer::start().await;
    let target = format!("/_matrix/client/v3/profile/{USER_PATH}/displayname");
    expect_once(&server, "GET", &target, ok(json!({ "displayname": "x".repeat(2 << 20) }))).await;
    assert!(matches!(bot_at(&server).await.display_name(USER).await, Err(CallError::TooLarge { .. })));
}
