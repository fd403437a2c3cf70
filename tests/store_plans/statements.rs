//! How many statements the frequent ways take.

use chrono::Utc;
use phenom_provisioner::store::{AccountSource, LedgerEntry, LedgerLine, LedgerOutcome, SeenAccount, SeenIn, Store};
use serde_json::json;

use crate::wire::counted;

pub(crate) fn join(seq: i32) -> LedgerEntry {
    LedgerEntry {
        seq,
        kind: "join",
        user_id: Some(format!("@{seq}:example.org")),
        room_id: Some("!red:example.org".to_owned()),
        room_key: Some("red".to_owned()),
        before: json!("leave"),
        after: json!("join"),
        cause: "everyone".to_owned(),
        because: None,
        actor: None,
        mode: "enforce",
        taken: 0,
    }
}

fn confirmed(n: usize) -> Vec<SeenAccount> {
    let user_id = format!("@{n}:example.org");
    vec![SeenAccount { subject: n.to_string(), user_id, disabled: false, display_name: None }]
}

async fn record(store: &Store, n: usize) {
    let place = SeenIn { listing: None, message_id: Some("message") };
    store.record_accounts(&confirmed(n), AccountSource::Queue, place, Utc::now()).await.unwrap();
}

async fn push(store: &Store, n: usize) {
    let column = |text: &str| vec![format!("{text}{n}"), format!("{text}{n}b")];
    store.append_inbox(&column("$"), &column("!"), &column("m.room.member"), &column("{}")).await.unwrap();
    let ids: Vec<i64> = store.unhandled_inbox(100).await.unwrap().iter().map(|row| row.id).collect();
    store.mark_inbox_handled(&ids, &vec![String::new(); ids.len()], &[]).await.unwrap();
}

async fn attempt(store: &Store, pass: i64, entries: &[LedgerEntry]) {
    for outcome in [LedgerOutcome::Started, LedgerOutcome::Done] {
        let lines: Vec<LedgerLine<'_>> =
            entries.iter().map(|entry| LedgerLine { entry, outcome, detail: None }).collect();
        store.append_ledger(pass, &lines).await.unwrap();
    }
}

#[tokio::test]
async fn a_batch_is_one_statement() {
    let (wire, _, store) = counted("trips").await;
    let entries: Vec<LedgerEntry> = (0..8).map(join).collect();

    attempt(&store, 2, &entries).await;
    assert_eq!(wire.statements(), 2, "eight attempts and their ends");
    record(&store, 1).await;
    assert_eq!(wire.statements(), 5, "an account that is new: begin, record, look for twins, notify, commit");
    record(&store, 1).await;
    assert_eq!(wire.statements(), 3, "one that is known: begin, record, commit");
    push(&store, 1).await;
    assert_eq!(wire.statements(), 3, "a transaction of two events: append, read, mark");
}
