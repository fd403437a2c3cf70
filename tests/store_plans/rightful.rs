//! Whose hand somebody's place is: the ledger's word on who joined them.

use chrono::{TimeDelta, Utc};
use sqlx::{Connection, PgConnection};

use crate::fill::{empty, run};

/// Synapse could not reach the listener for an hour, and brings then what it holds.
#[tokio::test]
async fn a_join_of_ours_is_ours_however_late_its_push_comes() {
    let (url, store) = empty("rightful").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let lines = [
        ("@joined:a", "join", "done", 60),
        // Its answer was lost.
        ("@unheard:a", "join", "started", 60),
        ("@refused:a", "join", "failed", 60),
        ("@removed:a", "join", "done", 60),
        ("@removed:a", "remove", "done", 58),
        ("@held:a", "remove", "held", 60),
        ("@followed:a", "remove", "held", 60),
    ];
    for (seq, (user, kind, outcome, minutes)) in lines.into_iter().enumerate() {
        let room = if user == "@followed:a" { "!replaced:a" } else { "!r:a" };
        let line = format!(
            "INSERT INTO provisioner.ledger (at, pass, seq, kind, user_id, room_id, room_key, cause, mode, outcome)
             VALUES (now() - interval '{minutes} minutes', 1, {seq}, '{kind}', '{user}', '{room}', 'red', 'a test', 'enforce',
                     '{outcome}')"
        );
        run(&mut connection, &line).await;
    }
    let rightful = async |minutes: i64| {
        let mut rightful = Vec::new();
        for user in ["@joined:a", "@unheard:a", "@refused:a", "@removed:a", "@held:a", "@followed:a", "@nobody:a"] {
            let since = Utc::now() - TimeDelta::minutes(minutes);
            if store.was_rightful(user, "red", since).await.unwrap() {
                rightful.push(user);
            }
        }
        rightful
    };
    assert_eq!(rightful(70).await, ["@joined:a", "@unheard:a", "@held:a", "@followed:a"], "they came an hour ago");
    assert_eq!(rightful(10).await, ["@held:a", "@followed:a"], "they came just now, by another hand");
}
