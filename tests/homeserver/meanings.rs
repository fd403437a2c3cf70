//! What each refusal means, by the texts that Synapse writes.

use phenom_provisioner::homeserver::CallError;
use serde_json::value::to_raw_value;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::*;

/// The error of a call that is always answered like this.
async fn error_of(answer: ResponseTemplate) -> CallError {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).expect(1).mount(&server).await;
    bot_at(&server).await.join(ROOM, USER).await.unwrap_err()
}

/// The variant's name.
fn variant(error: &CallError) -> String {
    format!("{error:?}").split([' ', '(', '{']).next().unwrap().to_owned()
}

#[tokio::test]
async fn refusals_have_the_meaning_that_their_text_says() {
    let in_room = "@bot:hs.test not in room !room:hs.test.";
    let state = "User @bot:hs.test not in room !room:hs.test";
    let previews = "User @bot:hs.test not in room !room:hs.test, and room previews are disabled";
    let remote = "Can't join remote room because no servers that are in the room have been provided.";
    let level = "You don't have permission to post that to the room. user_level (0) < send_level (50)";
    for (status, errcode, message, expected) in [
        (401, "M_UNKNOWN_TOKEN", "Invalid access token passed.", "TokenRejected"),
        (401, "M_USER_LOCKED", "User account has been locked", "BotDisabled"),
        (403, "M_USER_DEACTIVATED", "This account has been deactivated", "BotDisabled"),
        (403, "M_FORBIDDEN", "You are not a server admin", "NotServerAdmin"),
        (403, "M_BAD_STATE", "Cannot invite user who was banned", "Banned"),
        (403, "M_BAD_STATE", "Cannot join user who was banned", "Banned"),
        (403, "M_FORBIDDEN", "@a:hs.test is banned from the room", "Banned"),
        (403, "M_FORBIDDEN", "You are banned from this room", "Banned"),
        (403, "M_FORBIDDEN", in_room, "BotNotInRoom"),
        (403, "M_FORBIDDEN", state, "BotNotInRoom"),
        (403, "M_FORBIDDEN", previews, "BotNotInRoom"),
        (403, "M_FORBIDDEN", "User not in room", "BotNotInRoom"),
        (403, "M_FORBIDDEN", "You don't have permission to invite users", "NotPermitted"),
        (403, "M_FORBIDDEN", "You cannot kick user @dora:hs.test.", "NotPermitted"),
        (403, "M_FORBIDDEN", "You are not allowed to join this room", "NotPermitted"),
        (403, "M_FORBIDDEN", "You don't have permission to remove ops level equal to your own", "NotPermitted"),
        (403, "M_FORBIDDEN", level, "NotPermitted"),
        (404, "M_NOT_FOUND", "User not found", "UserUnknown"),
        (404, "M_NOT_FOUND", "Unknown user", "UserUnknown"),
        (404, "M_UNKNOWN", "No row found (users)", "UserUnknown"),
        (404, "M_NOT_FOUND", "Room not found", "RoomUnknown"),
        (404, "M_UNKNOWN", "Not a known room", "RoomUnknown"),
        (404, "M_UNKNOWN", remote, "RoomUnknown"),
        (400, "M_UNKNOWN", "Server not in room", "RoomUnknown"),
        (404, "M_UNRECOGNIZED", "Unrecognized request", "NotServedHere"),
        (400, "M_UNKNOWN", "!abcdef was not legal room ID or room alias", "BadRoomId"),
        (400, "M_UNKNOWN", "No local admin user in room", "NoLocalAdmin"),
        (400, "M_INVALID_USERNAME", "User ID can only contain characters a-z, 0-9, or '=_-./+'", "BadUserId"),
        (400, "M_UNKNOWN", "This endpoint can only be used with local users", "BadUserId"),
        (400, "M_INVALID_PARAM", "Expected UserID string to start with '@'", "BadUserId"),
        (400, "M_BAD_JSON", "\"@a:hs.test\": '50' is not of type 'integer'", "Unexpected"),
        (400, "M_UNKNOWN", "You may not demote yourself.", "Unexpected"),
        (500, "M_UNKNOWN", "Internal server error", "ServerError"),
    ] {
        let error = error_of(refused(status, errcode, message)).await;
        assert_eq!(variant(&error), expected, "{status} {errcode} {message}");
    }
}

#[tokio::test]
async fn what_contradicts_the_mirror_says_so() {
    for (status, errcode, message, stale) in [
        (403, "M_BAD_STATE", "Cannot invite user who was banned", true),
        (404, "M_NOT_FOUND", "User not found", true),
        (403, "M_FORBIDDEN", "@bot:hs.test not in room !room:hs.test.", true),
        (403, "M_FORBIDDEN", "You cannot kick user @dora:hs.test.", true),
        (429, "M_LIMIT_EXCEEDED", "Too Many Requests", false),
        (401, "M_UNKNOWN_TOKEN", "Invalid access token passed.", false),
    ] {
        assert_eq!(error_of(refused(status, errcode, message)).await.means_mirror_is_stale(), stale, "{message}");
    }
}

#[tokio::test]
async fn a_limit_says_how_long_to_wait_and_is_not_waited_for() {
    let body = json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": 41_500 });
    let error = error_of(ResponseTemplate::new(429).set_body_json(body)).await;
    assert_eq!(error.retry_after(), Some(Duration::from_millis(41_500)));
    assert!(error.to_string().contains("rate_limited: false"), "{error}");
}

#[tokio::test]
async fn a_proxy_without_synapse_behind_it_counts_as_unreachable() {
    for (status, transport) in [(502, true), (503, true), (504, true), (500, false)] {
        let error = error_of(ResponseTemplate::new(status).set_body_string("<html>Bad Gateway</html>")).await;
        assert_eq!((variant(&error).as_str(), error.is_transport()), ("ServerError", transport), "{status}");
        assert_eq!(error.may_have_been_done(), transport, "{status}");
    }
    let error = error_of(ResponseTemplate::new(404).set_body_string("<html>nginx</html>")).await;
    assert_eq!(variant(&error), "NotServedHere");
    let error = error_of(ResponseTemplate::new(200).set_body_string("<html>Log in</html>")).await;
    assert_eq!((variant(&error).as_str(), error.may_have_been_done()), ("Unreadable", true));
}

#[tokio::test]
async fn bad_room_id_is_named() {
    let error = error_of(refused(400, "M_UNKNOWN", "!abcdef was not legal room ID or room alias")).await;
    assert!(error.to_string().starts_with("\"!abcdef\" is not a full room ID"), "{error}");
}

#[tokio::test]
async fn an_unknown_token_is_sent_again_next_time() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(refused(401, "M_UNKNOWN_TOKEN", "no")).up_to_n_times(1).mount(&server).await;
    let target = format!("/_matrix/client/v3/rooms/{ROOM_PATH}/state/m.room.name/");
    expect_once(&server, "PUT", &target, ok(json!({ "event_id": "$e" }))).await;
    let bot = bot_at(&server).await;
    let set = || bot.set_state(ROOM, "m.room.name", to_raw_value(&json!({ "name": "n" })).unwrap());
    assert!(matches!(set().await, Err(CallError::TokenRejected)));
    assert_eq!(set().await.unwrap(), "$e");
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}
