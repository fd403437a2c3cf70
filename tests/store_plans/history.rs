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
    let filter = HistoryFilter { user_id: user.map(str::to_owned), room_key: room.map(str::to_owned), limit };
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

    let joined = async |user, room| store.last_joined(user, room).await.unwrap().map(|joined| joined.pass);
    assert_eq!(joined(ANNA, "red").await, Some(pass));
    assert_eq!(joined(ANNA, "blue").await, None);
    assert_eq!(joined(CLARA, "red").await, None);
}
