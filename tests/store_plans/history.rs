//! `history` finds what concerns somebody, also where they are one of several.

use phenom_provisioner::store::{HistoryFilter, LedgerEntry, LedgerLine, LedgerOutcome, Store};
use serde_json::{Value, json};

use crate::fill::empty;

const ANNA: &str = "@anna:example.org";
const BORIS: &str = "@boris:example.org";
const CLARA: &str = "@clara:example.org";

fn entry(seq: i32, kind: &'static str, user_id: Option<&str>, room: &str, after: Value) -> LedgerEntry {
    LedgerEntry {
        seq,
        kind,
        user_id: user_id.map(str::to_owned),
        room_id: Some(format!("!{room}:example.org")),
        room_key: Some(room.to_owned()),
        before: Value::Null,
        after,
        cause: "a test".to_owned(),
        because: None,
        actor: None,
        mode: "enforce",
        taken: 0,
    }
}

async fn write(store: &Store, pass: i64, entry: &LedgerEntry, outcomes: &[LedgerOutcome]) {
    for outcome in outcomes {
        store.append_ledger(pass, &[LedgerLine { entry, outcome: *outcome, detail: None }]).await.unwrap();
    }
}

async fn history(store: &Store, user: Option<&str>, room: Option<&str>, limit: i64) -> Vec<String> {
    let filter =
        HistoryFilter { user_id: user.map(str::to_owned), room_key: room.map(str::to_owned), without: vec![], limit };
    let lines = store.history(&filter).await.unwrap();
    lines
        .into_iter()
        .map(|line| format!("{} {} {}", line.kind, line.room_key.unwrap_or_default(), line.outcome))
        .collect()
}

#[tokio::test]
async fn the_history_of_somebody_has_the_levels_they_were_given_with_others() {
    let (_, store) = empty("history").await;
    let pass = store.new_pass().await.unwrap();
    let pair = [LedgerOutcome::Started, LedgerOutcome::Done];
    let join = |seq, user, room| entry(seq, "join", Some(user), room, json!("join"));
    write(&store, pass, &join(0, ANNA, "red"), &pair).await;
    write(&store, pass, &join(1, BORIS, "red"), &pair).await;
    let levels = |seq, room, after| entry(seq, "set_power_levels", None, room, after);
    write(&store, pass, &levels(2, "red", json!({ANNA: 50, BORIS: 0})), &pair).await;
    // What is restored is named by its path.
    let restored = format!("users.{ANNA}");
    write(&store, pass, &levels(3, "blue", json!({restored: 90, "ban": 50})), &[LedgerOutcome::Observed]).await;
    write(&store, pass, &levels(4, "blue", json!({CLARA: 50})), &[LedgerOutcome::Started]).await;

    let all = ["set_power_levels blue observed", "set_power_levels red done", "join red done"];
    assert_eq!(history(&store, Some(ANNA), None, 50).await, all);
    assert_eq!(history(&store, Some(ANNA), None, 2).await, all[..2]);
    assert_eq!(history(&store, Some(ANNA), Some("red"), 50).await, all[1..]);
    assert_eq!(history(&store, Some(BORIS), None, 50).await, all[1..]);
    assert_eq!(history(&store, Some(BORIS), Some("blue"), 50).await, [""; 0]);
    assert_eq!(history(&store, Some(CLARA), None, 50).await, ["set_power_levels blue started"]);
    let blue = ["set_power_levels blue started", "set_power_levels blue observed"];
    assert_eq!(history(&store, None, Some("blue"), 50).await, blue);
    assert_eq!(history(&store, None, None, 50).await.len(), 5);

    let removed = |seq| entry(seq, "remove", Some(BORIS), "red", json!("leave"));
    write(&store, pass, &removed(5), &pair).await;
    let last = store.last_places(&[ANNA, BORIS, CLARA].map(str::to_owned)).await.unwrap();
    let last: Vec<_> = last.iter().map(|one| (&*one.user_id, &*one.room_id, one.was_joined)).collect();
    assert_eq!(last, [(ANNA, "!red:example.org", true), (BORIS, "!red:example.org", false)]);
}

#[tokio::test]
async fn commands_that_only_read_are_left_out_and_who_was_refused_is_not() {
    let (_, store) = empty("history_of_commands").await;
    let pass = store.new_pass().await.unwrap();
    let command = |seq, cause: &str| LedgerEntry {
        cause: cause.to_owned(),
        ..entry(seq, "command", Some(ANNA), "red", Value::Null)
    };
    let status = "status by @boris:example.org in the Staff room ($1)";
    write(&store, pass, &command(0, status), &[LedgerOutcome::Started, LedgerOutcome::Done]).await;
    write(&store, pass, &command(1, status), &[LedgerOutcome::Started, LedgerOutcome::Failed]).await;
    write(&store, pass, &command(2, "pause by @boris:example.org in the Staff room ($2)"), &[LedgerOutcome::Done])
        .await;
    let shown = async |user: Option<&str>, room: Option<&str>, without: &[&str]| {
        let without = without.iter().map(|name| (*name).to_owned()).collect();
        let filter =
            HistoryFilter { user_id: user.map(str::to_owned), room_key: room.map(str::to_owned), without, limit: 50 };
        store.history(&filter).await.unwrap().into_iter().map(|line| line.outcome).collect::<Vec<_>>()
    };
    for (user, room) in [(None, None), (Some(ANNA), None), (None, Some("red"))] {
        assert_eq!(shown(user, room, &["status", "plan"]).await, ["done", "failed"]);
        assert_eq!(shown(user, room, &[]).await, ["done", "failed", "done"]);
    }
}
