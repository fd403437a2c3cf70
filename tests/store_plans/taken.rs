//! What the guard counts: what was done within the window, and what nobody knows the end of.

use sqlx::{Connection, PgConnection};

use crate::fill::{empty, run};

/// Attempts to remove: when each began, its user, and how it ended, if it did.
const ATTEMPTS: [(&str, &str, Option<&str>); 9] = [
    ("10 minutes", "@done:a", Some("done")),
    ("10 minutes", "@failed:a", Some("failed")),
    ("10 minutes", "@left:a", Some("left")),
    ("10 minutes", "@so:a", Some("already_so")),
    // Tried three times: nobody knows when it was done, and it was done once.
    ("10 minutes", "@unheard:a", Some("unknown")),
    ("9 minutes", "@unheard:a", Some("unknown")),
    ("8 minutes", "@unheard:a", None),
    ("10 minutes", "@killed:a", Some("interrupted")),
    // It began before the window and ended within it.
    ("61 minutes", "@failed:a", Some("failed")),
];

#[tokio::test]
async fn what_was_done_and_what_nobody_knows_the_end_of_counts_and_only_pairs_are_subtracted() {
    let (url, store) = empty("taken").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for (seq, (ago, user, ended)) in ATTEMPTS.into_iter().enumerate() {
        let line = |at: &str, outcome: &str| {
            format!(
                "INSERT INTO provisioner.ledger (at, pass, seq, kind, user_id, room_id, cause, mode, outcome, taken)
                 VALUES ({at}, 1, {seq}, 'remove', '{user}', '!r:a', 'a test', 'enforce', '{outcome}', 1)"
            )
        };
        run(&mut connection, &line(&format!("now() - interval '{ago}'"), "started")).await;
        if let Some(outcome) = ended {
            run(&mut connection, &line("now() - interval '5 minutes'", outcome)).await;
        }
    }
    // Two people in one event of levels.
    run(
        &mut connection,
        "INSERT INTO provisioner.ledger (pass, seq, kind, room_id, cause, mode, outcome, taken)
         SELECT 2, 0, 'set_power_levels', '!r:a', 'a test', 'enforce', outcome, 2 FROM unnest('{started, unknown}'::text[]) AS outcome",
    )
    .await;
    let mut taken: Vec<(String, i64)> =
        store.recently_taken(3600.0).await.unwrap().into_iter().map(|one| (one.kind, one.taken)).collect();
    taken.sort();
    assert_eq!(taken, [("remove".to_owned(), 3), ("set_power_levels".to_owned(), 2)]);
}
