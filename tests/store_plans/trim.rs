//! What is done goes after a while, in bounded batches; what is open stays however old it is, and the ledger stays.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::fill::{empty, run};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Old ones that are done, old ones that are open, and young ones.
const ROWS: [&str; 9] = [
    "INSERT INTO provisioner.inbox (event_id, room_id, type, event, received_at, handled_at)
     SELECT '$' || n, '!room', 'm.room.member', '{}', now() - CASE WHEN n <= 12010 THEN interval '8 days' ELSE '6 days' END,
            CASE WHEN n % 1201 <> 0 THEN now() END
     FROM generate_series(1, 12020) AS n",
    "INSERT INTO provisioner.commands (event_id, room_id, received_at, state)
     SELECT '$' || n, '!staff', now() - CASE WHEN n <= 30 THEN interval '8 days' ELSE '6 days' END,
            (ARRAY['heard', 'ignored', 'taken', 'ended', 'answered'])[n % 5 + 1]
     FROM generate_series(1, 40) AS n",
    "INSERT INTO provisioner.pass_requests (requested_at, finished_at)
     SELECT now() - interval '9 days', CASE n WHEN 1 THEN now() - interval '8 days' WHEN 2 THEN now() END
     FROM generate_series(1, 3) AS n",
    "INSERT INTO provisioner.refused_messages (message_id, reason, refused_at)
     VALUES ('old', 'no subject', now() - interval '91 days'), ('young', 'no subject', now() - interval '89 days')",
    "INSERT INTO provisioner.accounts (subject, user_id, state, source, first_seen, revision)
     SELECT state || days, '@' || state || days, state, 'roster', now() - days * interval '1 day', 1
     FROM UNNEST(ARRAY['active', 'disabled', 'deleted', 'refused']) AS state, UNNEST(ARRAY[89, 91]) AS days",
    "INSERT INTO provisioner.held_plans (id, counts, reasons, state, decided_at)
     SELECT state, '[]', '{}', state, now() - interval '91 days'
     FROM UNNEST(ARRAY['dismissed', 'approved', 'superseded', 'expired']) AS state",
    "INSERT INTO provisioner.held_posts (held_id, shown, state, changed_at)
     SELECT state, '{}', state, now() - interval '91 days'
     FROM UNNEST(ARRAY['open', 'dismissed', 'deciding', 'decided', 'superseded', 'gone']) AS state",
    "INSERT INTO provisioner.shown_names (user_id, name, until, shown_at)
     VALUES ('same', 'Ada', NULL, now() - interval '364 days'), ('unseen', 'Ada', NULL, now() - interval '366 days'),
            ('changed', 'Ada', now() - interval '364 days', now()), ('known', 'Ada', now() - interval '366 days', now())",
    "INSERT INTO provisioner.ledger (at, pass, seq, kind, cause, mode, outcome)
     VALUES (now() - interval '10 years', 1, 0, 'join', 'long ago', 'enforce', 'done')",
];

async fn column(connection: &mut PgConnection, query: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn what_is_done_and_old_goes_in_batches_and_nothing_else_does() {
    let (url, store) = empty("trimmed").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for rows in ROWS {
        run(&mut connection, rows).await;
    }
    // Of 12,010 old events ten are not handled.
    for (more, left) in [(true, 7020), (true, 2020), (false, 20), (false, 20)] {
        assert_eq!(store.trim(WEEK).await.unwrap(), more);
        assert_eq!(column(&mut connection, "SELECT event_id FROM provisioner.inbox").await.len(), left);
    }
    let open = column(&mut connection, "SELECT event_id FROM provisioner.inbox WHERE handled_at IS NULL ORDER BY id");
    assert_eq!(open.await.len(), 10);
    let states = "SELECT state || ' ' || count(*) FROM provisioner.commands GROUP BY state ORDER BY state";
    assert_eq!(column(&mut connection, states).await, ["answered 2", "ended 8", "heard 8", "ignored 2", "taken 8"]);
    assert_eq!(column(&mut connection, "SELECT id::text FROM provisioner.pass_requests ORDER BY id").await, ["2", "3"]);
    assert_eq!(column(&mut connection, "SELECT message_id FROM provisioner.refused_messages").await, ["young"]);
    let accounts = column(&mut connection, "SELECT subject FROM provisioner.accounts ORDER BY subject").await;
    assert_eq!(accounts.join(" "), "active89 active91 deleted89 deleted91 disabled89 disabled91 refused89");
    assert_eq!(column(&mut connection, "SELECT state FROM provisioner.held_plans").await, ["dismissed"]);
    let posts = column(&mut connection, "SELECT state FROM provisioner.held_posts ORDER BY id").await;
    assert_eq!(posts, ["open", "dismissed", "deciding", "gone"], "the newest says what was shown last");
    let names = column(&mut connection, "SELECT user_id FROM provisioner.shown_names ORDER BY user_id").await;
    assert_eq!(names, ["changed", "same"], "who was not shown for a year, and what changed a year ago");
    assert_eq!(column(&mut connection, "SELECT cause FROM provisioner.ledger").await, ["long ago"]);
}

#[tokio::test]
async fn of_listings_the_newest_hundred_stay_and_the_newest_whole_one() {
    let (url, store) = empty("listed").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let count = "SELECT count(*)::text FROM provisioner.listings";
    let whole = "SELECT id::text FROM provisioner.listings WHERE completed_at IS NOT NULL ORDER BY id";
    for _ in 0..3 {
        let listing = store.begin_listing().await.unwrap();
        store.complete_listing(listing.id).await.unwrap();
    }
    for _ in 0..120 {
        store.begin_listing().await.unwrap();
    }
    assert_eq!(column(&mut connection, whole).await, ["3"]);
    assert_eq!(store.last_whole_listing().await.unwrap().unwrap().id, 3);
    assert_eq!(column(&mut connection, count).await, ["101"]);
    assert_eq!(store.last_listing().await.unwrap().unwrap().id, 123);
}
