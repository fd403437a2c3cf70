//! NUL in what strangers write: Postgres refuses it in `text` and in `jsonb`, and no statement fails for it.

use chrono::DateTime;
use phenom_provisioner::store::{
    ClearedLeaveRow, CommandEntry, HeldPostContent, HistoryFilter, LedgerEntry, LedgerLine, LedgerOutcome, NewFollow,
    OwnLeave, RefusedCommand, Store, StrangerRow,
};
use serde_json::json;

use crate::fill::empty;
use crate::statements::join;

const NUL: &str = "@a\0b:example.org";
const KEPT: &str = "@a\u{fffd}b:example.org";
const ROOM: &str = "!red:example.org";

fn owned(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

/// Every line of the ledger, the newest first: kind, user, cause and detail.
async fn lines(store: &Store) -> Vec<(String, Option<String>, String, Option<String>)> {
    let lines = store.history(&HistoryFilter { limit: 10, ..HistoryFilter::default() }).await.unwrap();
    lines.into_iter().map(|line| (line.kind, line.user_id, line.cause, line.detail)).collect()
}

/// What the inbox has becomes handled, this leave among it.
async fn push(store: &Store, event_type: &str, event_id: &str, left: &[OwnLeave]) {
    store.append_inbox(&owned(event_id), &owned(ROOM), &owned(event_type), &owned(r#"{"a":"\u0000"}"#)).await.unwrap();
    let ids: Vec<i64> = store.unhandled_inbox(10).await.unwrap().iter().map(|row| row.id).collect();
    store.mark_inbox_handled(&ids, &owned(r#"{"sender":"\u0000"}"#), left).await.unwrap();
}

#[tokio::test]
async fn a_line_of_the_ledger_is_written_and_read_again() {
    let (_, store) = empty("nul_ledger").await;
    let levels = LedgerEntry {
        kind: "set_power_levels",
        user_id: None,
        before: json!({NUL: 50, "events.x": ["a\0", {"\0": "\0"}]}),
        after: json!({NUL: null, "events.x": "b"}),
        cause: format!("{NUL} from 50 to the default"),
        ..join(0)
    };
    let joined = LedgerEntry { seq: 1, kind: "join", user_id: Some(NUL.to_owned()), ..levels.clone() };
    let line = |entry, outcome| LedgerLine { entry, outcome, detail: Some("event $\0".to_owned()) };
    let pair = [line(&levels, LedgerOutcome::Started), line(&levels, LedgerOutcome::Done)];
    store.append_ledger(1, &pair).await.unwrap();
    store.append_ledger(1, &[line(&joined, LedgerOutcome::Done)]).await.unwrap();
    store.append_withheld(2, &[line(&levels, LedgerOutcome::Held)], &[[7; 16]]).await.unwrap();
    assert_eq!(store.withheld().await.unwrap(), [[7; 16]]);

    let read = store.history(&HistoryFilter { limit: 10, ..HistoryFilter::default() }).await.unwrap();
    assert_eq!(read.iter().map(|line| line.outcome.as_str()).collect::<Vec<_>>(), ["held", "done", "done"]);
    assert_eq!(read[1].user_id.as_deref(), Some(KEPT));
    for line in &read {
        let before = json!({KEPT: 50, "events.x": ["a\u{fffd}", {"\u{fffd}": "\u{fffd}"}]});
        assert_eq!((&line.before, &line.after), (&Some(before), &Some(json!({KEPT: null, "events.x": "b"}))));
        assert_eq!(line.cause, format!("{KEPT} from 50 to the default"));
        assert_eq!(line.detail.as_deref(), Some("event $\u{fffd}"));
    }
    let named = HistoryFilter { user_id: Some(KEPT.to_owned()), limit: 10, ..HistoryFilter::default() };
    assert_eq!(store.history(&named).await.unwrap().len(), 3, "whoever asks for the name finds it");
}

#[tokio::test]
async fn who_is_asked_for_by_the_same_name_is_found() {
    let (_, store) = empty("nul_asked").await;
    let entry = LedgerEntry { user_id: Some(NUL.to_owned()), ..join(0) };
    let line = LedgerLine { entry: &entry, outcome: LedgerOutcome::Done, detail: None };
    store.append_ledger(1, &[line]).await.unwrap();
    assert!(store.was_rightful(NUL, "red", DateTime::UNIX_EPOCH).await.unwrap());
    assert_eq!(store.last_places(&owned(NUL)).await.unwrap()[0].user_id, KEPT);
    assert!(store.losses(&owned(NUL)).await.unwrap().is_empty());
    assert!(store.accounts_since_when(&owned(NUL)).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_told_and_posted_is_kept() {
    let (_, store) = empty("nul_told").await;
    let (told, kept) = (json!({"text": "a\0b"}), json!({"text": "a\u{fffd}b"}));
    let alert = store.set_alert("tombstone red", "it names a\0b", ROOM).await.unwrap();
    assert!(alert.text == "it names a\u{fffd}b" && alert.says("it names a\0b") && !alert.says("it names a"));

    let id = store.request_pass(None, "somebody", None).await.unwrap();
    store.finish_pass_requests(&[id], &told).await.unwrap();
    assert_eq!(store.pass_request(id).await.unwrap().unwrap().report, Some(kept.clone()));

    store.open_held_plan("00ff", &[], &json!([]), &owned("a\0b")).await.unwrap();
    assert_eq!(store.held_plan().await.unwrap().unwrap().reasons, ["a\u{fffd}b"]);
    let content = HeldPostContent { held_id: "00ff", shown: &told, pages: &told, offers_approval: true };
    let post = store.add_held_post(ROOM, content.clone()).await.unwrap();
    assert_eq!((&post.shown, &post.pages), (&kept, &kept));
    let edited = store.change_held_post_content(post.id, content).await.unwrap().unwrap();
    assert_eq!((&edited.shown, &edited.pages), (&kept, &kept));
    assert!(store.held_post("$\0").await.unwrap().is_none());

    let (cause, departures) = (format!("{NUL} replaced the room"), json!([[NUL, "$left"]]));
    let new = NewFollow {
        room_key: "red",
        configured_id: ROOM,
        from: ROOM,
        followed_id: "!new:example.org",
        by: "@admin:example.org",
        cause: &cause,
        departures: &departures,
    };
    store.follow(&new).await.unwrap();
    assert_eq!(store.follows().await.unwrap()[0].departures, json!([[KEPT, "$left"]]));
    assert_eq!(lines(&store).await[0].2, format!("{KEPT} replaced the room"));
}

#[tokio::test]
async fn what_was_pushed_is_handled() {
    let (_, store) = empty("nul_pushed").await;
    let left = OwnLeave {
        event_id: "$left".to_owned(),
        user_id: NUL.to_owned(),
        room_id: ROOM.to_owned(),
        room_key: "red".to_owned(),
        was_joined: true,
    };
    push(&store, "m.room.member", "$left", &[left]).await;
    let cleared = |user: &str| ClearedLeaveRow {
        room_id: ROOM.to_owned(),
        user_id: user.to_owned(),
        event_id: "$left".to_owned(),
    };
    store.clear_leave(&cleared(NUL)).await.unwrap();
    assert_eq!(store.cleared_leaves().await.unwrap(), [cleared(KEPT)]);

    let answer = json!({"m.relates_to": {"event_id": "$\0"}});
    for event_id in ["$said", "$refused"] {
        push(&store, "m.room.message", event_id, &[]).await;
    }
    let entry = CommandEntry {
        event_id: "$said".to_owned(),
        sender: NUL.to_owned(),
        command: "status",
        cause: format!("status by {NUL}"),
        user_id: None,
        room_key: None,
    };
    assert!(store.claim_command(&entry).await.unwrap());
    store.end_command("$said", "failed", Some("a\0b"), Some(&answer)).await.unwrap();
    let (cause, answer) = (format!("commands by {NUL}"), Some(&answer));
    let refused = RefusedCommand {
        event_id: "$refused",
        sender: NUL,
        command: "plan",
        cause: &cause,
        detail: "refused: a\0b",
        answer,
    };
    assert!(store.refuse_command(&refused).await.unwrap());
    let command = |cause: String, detail: &str| ("command".to_owned(), None, cause, Some(detail.to_owned()));
    let by_choice = "left by their own choice: event $left".to_owned();
    assert_eq!(
        lines(&store).await,
        [
            command(format!("commands by {KEPT}"), "refused: a\u{fffd}b"),
            command(format!("status by {KEPT}"), "a\u{fffd}b"),
            ("leave".to_owned(), Some(KEPT.to_owned()), by_choice, None),
        ]
    );
}

#[tokio::test]
async fn a_place_of_a_name_that_nobody_can_have_is_left_out() {
    let (_, store) = empty("nul_strangers").await;
    let row = |user_id: &str| StrangerRow {
        class: "power_levels".to_owned(),
        room_id: ROOM.to_owned(),
        user_id: user_id.to_owned(),
    };
    // No two signs are alike, so that Postgres cannot compress it to what an index takes.
    let long: String = (0x4e00..0x5600).filter_map(char::from_u32).collect();
    let rows = [row("@ada:example.org"), row(NUL), row(&format!("@{long}:example.org"))];
    store.note_strangers(&rows).await.unwrap();
    assert_eq!(store.strangers().await.unwrap(), rows[..1]);
    store.forget_strangers(&rows).await.unwrap();
    assert_eq!(store.strangers().await.unwrap(), []);
}
