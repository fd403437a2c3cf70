//! Attempts without an end are closed at the start, however long the ledger is.

use std::time::Duration;

use phenom_provisioner::store::{LedgerEntry, LedgerLine, LedgerOutcome};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use crate::fill::{empty, run};
use crate::rows::ledger;

fn attempt(seq: i32, kind: &'static str) -> LedgerEntry {
    LedgerEntry {
        seq,
        kind,
        user_id: None,
        room_id: None,
        room_key: None,
        before: Value::Null,
        after: Value::Null,
        cause: "a test".to_owned(),
        because: None,
        actor: None,
        mode: "enforce",
        taken: 0,
    }
}

#[tokio::test]
async fn attempts_are_closed_once_whatever_came_after_them() {
    let (url, store) = empty("interrupted").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    run(&mut connection, &ledger(30_000)).await;
    run(&mut connection, "SELECT setval('provisioner.pass', 100000)").await;
    let pass = store.new_pass().await.unwrap();
    let attempts: Vec<LedgerEntry> =
        (0..4).map(|seq| attempt(seq, if seq == 3 { "command" } else { "join" })).collect();
    let lines: Vec<LedgerLine<'_>> =
        attempts.iter().map(|entry| LedgerLine { entry, outcome: LedgerOutcome::Started, detail: None }).collect();
    store.append_ledger(pass, &lines).await.unwrap();
    store
        .append_ledger(pass, &[LedgerLine { entry: &attempts[1], outcome: LedgerOutcome::Failed, detail: None }])
        .await
        .unwrap();
    // While nothing leads, people pause and resume, each a pass of its own.
    for _ in 0..100 {
        assert!(store.pause("somebody").await.unwrap());
        assert!(!store.pause("somebody").await.unwrap());
        assert!(store.resume("somebody").await.unwrap());
        assert!(!store.resume("somebody").await.unwrap());
    }
    assert_eq!(store.close_interrupted().await.unwrap(), 2, "a command is closed from its own table");
    assert_eq!(store.close_interrupted().await.unwrap(), 0);
    let closed: Vec<(i64, i32)> =
        sqlx::query_as("SELECT pass, seq FROM provisioner.ledger WHERE outcome = 'interrupted' ORDER BY id")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert_eq!(closed, [(pass, 0), (pass, 2)]);
    // The leader before was only frozen, and says how they ended and what it began next.
    let (late, next) = (&attempts[0], attempt(4, "join"));
    let lines = [(late, LedgerOutcome::Done), (&next, LedgerOutcome::Started)];
    let lines = lines.map(|(entry, outcome)| LedgerLine { entry, outcome, detail: None });
    store.append_ledger(pass, &lines).await.unwrap();
    let said: Vec<(i32, String)> =
        sqlx::query_as("SELECT seq, outcome FROM provisioner.ledger WHERE pass = $1 AND seq IN (0, 4) ORDER BY id")
            .bind(pass)
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let said: Vec<(i32, &str)> = said.iter().map(|(seq, outcome)| (*seq, outcome.as_str())).collect();
    assert_eq!(said, [(0, "started"), (0, "interrupted"), (4, "started")], "an attempt ends once");
    assert_eq!(store.close_interrupted().await.unwrap(), 1);
    let brakes: i64 = sqlx::query_scalar("SELECT count(*) FROM provisioner.ledger WHERE kind IN ('pause', 'resume')")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(brakes, 200, "a line for each change, none for what was so");
    assert!(!store.trim(Duration::ZERO).await.unwrap());
}
