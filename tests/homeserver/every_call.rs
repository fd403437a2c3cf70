//! Every call of the bot, whatever Synapse answers: none goes unheard, and none tells the token.

use std::collections::{BTreeMap, BTreeSet};

use phenom_provisioner::homeserver::{NewRoom, Profile};
use regex::Regex;
use serde_json::value::{RawValue, to_raw_value};
use wiremock::matchers::any;

use super::*;

/// Makes the calls out of one table, and keeps their names.
macro_rules! calls {
    ($bot:ident, $($call:ident($($argument:expr),*),)+) => {
        const CALLS: [&str; [$(stringify!($call)),+].len()] = [$(stringify!($call)),+];

        /// Why each failed, where it did.
        async fn failures($bot: &Homeserver) -> Vec<(&'static str, Option<String>)> {
            vec![$((stringify!($call), $bot.$call($($argument),*).await.err().map(|error| error.to_string()))),+]
        }
    };
}

calls! {
    bot,
    a_guest(),
    ban(ROOM, USER, "no more"),
    create_account(USER, &Profile::default()),
    create_room(NewRoom::default()),
    deactivate(USER),
    display_name(USER),
    enter(ROOM),
    sent_event(ROOM, "$event"),
    join(ROOM, USER),
    join_as_bot(ROOM),
    joined_members(ROOM),
    joined_rooms(),
    kick(ROOM, USER, None),
    list_users(0, 10),
    lock(USER, true),
    log_out(USER),
    made_rooms("production"),
    make_room("production", "staff", NewRoom::default()),
    make_room_admin(ROOM, USER),
    membership(ROOM, USER),
    membership_event(ROOM, "$event"),
    newest_event(ROOM, "m.room.name"),
    note_rooms_being_made(&BTreeMap::new()),
    origin(ROOM),
    other_members(ROOM),
    own_devices(),
    own_event(ROOM, "m.room.message", |_| true),
    own_profile(),
    ping_appservice("provisioner", "1"),
    previews_own_machine(),
    promote_with_admin_token("another token"),
    promote_with_shared_secret("a secret"),
    reactivate(USER),
    register_sender("bot"),
    room_by_alias("#room:hs.test"),
    room_summary(ROOM),
    room_versions(),
    rooms_being_made(),
    seen_event(ROOM, "$event"),
    send_message_event(ROOM, "m.room.message", "1", content()),
    server_admins(),
    server_version_and_clock(),
    set_admin(USER, true),
    set_own_avatar(b"png"),
    set_own_display_name("Provisioner"),
    set_profile(USER, &Profile::default()),
    set_state(ROOM, "m.room.name", content()),
    state_content(ROOM, "m.room.name", ""),
    state_event(ROOM, "m.room.name"),
    state_of_any_room(ROOM, "m.room.name"),
    unban(ROOM, USER),
    upload(b"png".to_vec(), "image/png", "picture.png"),
    user(USER),
    whoami(),
}

fn content() -> Box<RawValue> {
    to_raw_value(&json!({})).unwrap()
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn a_synapse_that_fails_is_told_by_every_call_and_the_token_by_none() {
    let server = answering(refused(500, "M_UNKNOWN", "Internal server error")).await;
    for (call, failure) in failures(&bot_at(&server).await).await {
        let failure = failure.unwrap_or_else(|| panic!("{call} does not say that it failed"));
        assert!(!failure.contains(TOKEN), "{call}: {failure}");
    }
}

/// A process may be frozen between a question and the write that its answer leads to, so each write asks for itself.
#[tokio::test]
async fn who_does_not_lead_asks_and_writes_nothing() {
    let account = json!({"name": USER, "admin": false, "deactivated": false, "locked": false, "user_type": null});
    for body in [json!({}), account, json!({"membership": "ban", "rooms": {}})] {
        let server = answering(ok(body)).await;
        let failures = failures(&bot_at(&server).await.writing_while(|| false)).await;
        let sent = server.received_requests().await.unwrap();
        let (questions, writes): (Vec<_>, Vec<_>) = sent.iter().partition(|request| request.method.as_str() == "GET");
        let writes: Vec<_> = writes.iter().map(|request| request.url.path()).collect();
        assert_eq!(writes, Vec::<&str>::new());
        assert!(questions.len() > 20, "{}", questions.len());
        let refused = |call| {
            failures
                .iter()
                .any(|(its, why)| *its == call && why.as_ref().is_some_and(|why| why.contains("still leads")))
        };
        assert!(
            ["join", "kick", "ban", "set_admin", "set_profile", "set_state", "upload"].into_iter().all(refused),
            "{failures:?}"
        );
    }
}

#[tokio::test]
async fn no_call_panics_at_an_answer_of_another_shape() {
    for body in [json!([]), json!({}), json!(7), json!({"users": {}, "devices": 1, "total": "x", "chunk": [1]})] {
        let server = answering(ok(body)).await;
        failures(&bot_at(&server).await).await;
    }
}

#[test]
fn every_call_is_in_the_table() {
    let named = Regex::new(r"pub async fn (\w+)\(\s*&self").unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/homeserver");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // Those without a token have a client and cases of their own.
    let files = files.filter(|path| path.is_file() && !path.ends_with("anonymous.rs"));
    let texts = files.map(|path| std::fs::read_to_string(path).unwrap());
    let all: BTreeSet<String> = texts
        .flat_map(|text| named.captures_iter(&text).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(all, CALLS.map(str::to_owned).into(), "src/homeserver (left) and the calls here (right)");
}
