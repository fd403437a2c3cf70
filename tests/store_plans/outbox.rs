//! The outbox: lines of the ledger in their order, none left out, with several writers at the same time.

use std::time::Duration;

use phenom_provisioner::store::{LedgerEntry, LedgerLine, LedgerOutcome, Store};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testbed::wait_until;

use crate::fill::empty;

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:chat-events";

fn join(seq: i32) -> LedgerEntry {
    LedgerEntry {
        seq,
        kind: "join",
        user_id: Some(format!("@{seq}:example.org")),
        room_id: None,
        room_key: None,
        before: json!("leave"),
        after: json!("join"),
        cause: "everyone".to_owned(),
        because: Some("selector".to_owned()),
        actor: None,
        mode: "enforce",
        taken: 0,
    }
}

async fn write(store: &Store, pass: i64, outcome: LedgerOutcome) {
    let entry = join(1);
    store.append_ledger(pass, &[LedgerLine { entry: &entry, outcome, detail: None }]).await.unwrap();
}

#[tokio::test]
async fn a_topic_begins_with_the_present_and_goes_on_where_it_was() {
    let (_, store) = empty("outbox_begins").await;
    write(&store, 1, LedgerOutcome::Done).await;
    assert_eq!(store.told(TOPIC).await.unwrap(), 1, "nothing of what was before");
    let outcomes = [LedgerOutcome::Started, LedgerOutcome::Done, LedgerOutcome::Observed, LedgerOutcome::Unknown];
    for (pass, outcome) in (2..).zip(outcomes) {
        write(&store, pass, outcome).await;
    }
    let ids = async |told, settled, most| -> Vec<i64> {
        store.outbox(told, settled, most).await.unwrap().iter().map(|line| line.id).collect()
    };
    assert_eq!(ids(1, 5, 10).await, [3, 5], "what was done, or may have been");
    assert_eq!((ids(1, 4, 10).await, ids(1, 5, 1).await), (vec![3], vec![3]));
    store.note_told(TOPIC, 3).await.unwrap();
    // Who no longer leads says so late.
    store.note_told(TOPIC, 2).await.unwrap();
    assert_eq!(store.told(TOPIC).await.unwrap(), 3);
    assert_eq!(store.told("arn:aws:sns:us-east-1:123456789012:another").await.unwrap(), 5);
    let line = &store.outbox(1, 3, 1).await.unwrap()[0];
    assert_eq!((line.because.as_deref(), line.actor.as_deref(), &*line.outcome), (Some("selector"), None, "done"));
}

/// A number that is taken and not committed is waited for, and no other transaction.
#[tokio::test]
async fn whoever_may_still_commit_an_older_line_is_seen() {
    let (url, store) = empty("outbox_writers").await;
    assert_eq!(store.ledger_writers().await.unwrap(), [""; 0]);
    let mut slow = PgConnection::connect(&url).await.unwrap();
    let mut slow = slow.begin().await.unwrap();
    let insert = "INSERT INTO provisioner.ledger (pass, seq, kind, cause, mode, outcome) VALUES (1, 0, 'pause', 'x', 'enforce', 'done')";
    sqlx::query(insert).execute(&mut *slow).await.unwrap();
    write(&store, 2, LedgerOutcome::Done).await;
    assert_eq!(store.outbox(0, 2, 10).await.unwrap().len(), 1, "the first line is not there yet");
    let writers = store.ledger_writers().await.unwrap();
    assert_eq!(writers.len(), 1, "{writers:?}");
    // What else goes on in this database, or in this cluster, is nobody's business.
    let mut other = PgConnection::connect(&url).await.unwrap();
    let mut other = other.begin().await.unwrap();
    sqlx::query("INSERT INTO provisioner.pause (paused_by) VALUES ('x')").execute(&mut *other).await.unwrap();
    sqlx::query("SELECT count(*) FROM provisioner.ledger").execute(&mut *other).await.unwrap();
    assert_eq!(store.ledger_writers().await.unwrap(), writers);
    slow.commit().await.unwrap();
    wait_until("the writer has ended", Duration::from_secs(10), async || {
        store.ledger_writers().await.unwrap().is_empty()
    })
    .await
    .unwrap();
    let ids: Vec<i64> = store.outbox(0, 2, 10).await.unwrap().iter().map(|line| line.id).collect();
    assert_eq!(ids, [1, 2]);
}
