//! A database with our migrations and as many rows as a large server has after half a year.

use phenom_provisioner::store::Store;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testbed::shared_postgres;
use tokio::sync::OnceCell;

use crate::rows::{INDICES, accounts, ledger};

static FILLED: OnceCell<String> = OnceCell::const_new();

/// Tables that do not grow, and why. Any other must be filled here.
pub(crate) const BOUNDED: [(&str, &str); 11] = [
    ("stamp", "one row"),
    ("pause", "one row"),
    ("accounts_revision", "one row"),
    ("listings", "the newest hundred, and the newest whole one"),
    ("groups", "one row for each group that the configuration names"),
    ("peopled_teams", "one row for each team that the configuration names"),
    ("follows", "one row for each room of the configuration"),
    ("refused_commands", "one row for each sender who was refused within two hours"),
    ("event_topics", "one row for each topic that the configuration ever named"),
    ("alerts", "one row for each kind of trouble that lasts"),
    ("_sqlx_migrations", "one row for each migration"),
];

/// The address of a database filled once for all tests of this process, which change nothing in it.
pub(crate) async fn filled() -> &'static str {
    FILLED.get_or_init(fill).await
}

/// A fresh database with our tables, and nothing in them.
pub(crate) async fn empty(name: &str) -> (String, Store) {
    let url = shared_postgres().await.create_database(name).await.unwrap();
    let store = Store::open(&url).await.unwrap();
    (url, store)
}

async fn fill() -> String {
    let (url, _) = empty("filled").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let indices: Vec<(String, String)> = sqlx::query_as(INDICES).fetch_all(&mut connection).await.unwrap();
    for (drop, _) in &indices {
        run(&mut connection, drop).await;
    }
    let made_again = |table: &str| {
        let on_it = format!(" ON provisioner.{table} ");
        indices.iter().map(|(_, make)| make.clone()).filter(move |make| make.contains(&on_it))
    };
    // Side by side, where there are cores for it.
    tokio::join!(
        each(&url, std::iter::once(accounts(1_000_000)).chain(made_again("accounts"))),
        each(&url, std::iter::once(ledger(1_000_000)).chain(made_again("ledger"))),
        each(&url, OTHERS.map(str::to_owned)),
    );
    // What autovacuum does in time: statistics, and the map that lets an index answer alone.
    run(&mut connection, "VACUUM ANALYZE").await;
    url
}

/// Carries these out on a connection of their own.
async fn each(url: &str, statements: impl IntoIterator<Item = String>) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    run(&mut connection, "SET maintenance_work_mem = '256MB'; SET work_mem = '256MB'").await;
    for statement in statements {
        run(&mut connection, &statement).await;
    }
}

pub(crate) async fn run(connection: &mut PgConnection, sql: &str) {
    connection.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{error}:\n{sql}"));
}

const OTHERS: [&str; 18] = [
    "SELECT setval('provisioner.pass', 20000)",
    "INSERT INTO provisioner.inbox (event_id, room_id, type, event, received_at, handled_at)
     SELECT '$' || lpad(n::text, 43, '0'), '!room-' || n % 4, CASE WHEN n % 20 = 0 THEN 'm.room.power_levels' ELSE 'm.room.member' END,
            repeat('x', 200), now() - (1000000 - n) * interval '1 second', CASE WHEN n <= 999900 THEN now() END
     FROM generate_series(1, 1000000) AS n",
    "INSERT INTO provisioner.commands (event_id, room_id, received_at, state, sender, command, pass, answered_at)
     SELECT '$' || lpad(n::text, 43, '0'), '!staff:example.org', now() - (100000 - n) * interval '10 seconds',
            CASE WHEN n > 99990 THEN 'heard' WHEN n % 3 = 0 THEN 'answered' ELSE 'ignored' END,
            '@admin:example.org', 'status', n, now()
     FROM generate_series(1, 100000) AS n",
    "INSERT INTO provisioner.pardons (room_id, user_id, event_id)
     SELECT '!room-' || n % 4, '@' || md5(n::text)::uuid || ':example.org', '$' || n FROM generate_series(1, 50000) AS n",
    "INSERT INTO provisioner.withheld (digest) SELECT decode(md5(n::text), 'hex') FROM generate_series(1, 100000) AS n",
    "INSERT INTO provisioner.strangers (class, room_id, user_id)
     SELECT 'removals', '!room-' || n % 4, '@' || md5(n::text)::uuid || ':example.org' FROM generate_series(1, 50000) AS n",
    "INSERT INTO provisioner.losses (user_id, source, name, role)
     SELECT '@' || md5(n::text)::uuid || ':example.org', 'team', 'team-' || n % 20, 'member' FROM generate_series(1, 100000) AS n",
    "INSERT INTO provisioner.pass_requests (requested_at, taken_at, report, finished_at)
     SELECT at, at, '{\"done\": 1}', CASE WHEN n <= 49998 THEN at END
     FROM generate_series(1, 50000) AS n, LATERAL (SELECT now() - (50000 - n) * interval '1 minute' AS at) AS time",
    "INSERT INTO provisioner.listings (started_at, updated_at, pages, users, completed_at)
     SELECT at, at, 16667, 1000000, CASE WHEN n < 100 THEN at END
     FROM generate_series(1, 100) AS n, LATERAL (SELECT now() - (100 - n) * interval '6 hours' AS at) AS time",
    "INSERT INTO provisioner.held_plans (id, created_at, counts, reasons, state, decided_at, decided_by)
     SELECT left(md5((n / 2)::text), 8), at, '[]', '{}', CASE WHEN n = 20000 THEN 'open' ELSE 'expired' END, at, 'somebody'
     FROM generate_series(1, 20000) AS n, LATERAL (SELECT now() - (20000 - n) * interval '10 minutes' AS at) AS time",
    "INSERT INTO provisioner.held_posts (held_id, event_id, shown, state, changed_at)
     SELECT left(md5(n::text), 8), '$' || n, '{}', 'gone', now() - (20000 - n) * interval '10 minutes'
     FROM generate_series(1, 20000) AS n",
    "INSERT INTO provisioner.refused_messages (message_id, reason, refused_at)
     SELECT md5(n::text)::uuid, 'no subject', now() - (20000 - n) * interval '10 minutes' FROM generate_series(1, 20000) AS n",
    "INSERT INTO provisioner.groups (name, listed_at, revision)
     SELECT 'group-' || n, now(), n FROM generate_series(1, 20) AS n",
    "INSERT INTO provisioner.group_members (name, user_id)
     SELECT 'group-' || n % 20 + 1, '@' || md5(n::text)::uuid || ':example.org' FROM generate_series(1, 200000) AS n ORDER BY 1, 2",
    "INSERT INTO provisioner.given_profiles (user_id, field, value, source, sha256)
     SELECT '@' || md5((n / 2)::text)::uuid || ':example.org', CASE n % 2 WHEN 0 THEN 'display_name' ELSE 'avatar' END,
            'mxc://example.org/' || n, CASE n % 2 WHEN 1 THEN 'https://media.example.org/' || n END, decode(md5(n::text), 'hex')
     FROM generate_series(1, 400000) AS n",
    "INSERT INTO provisioner.uploads (sha256, mxc)
     SELECT decode(md5(n::text), 'hex'), 'mxc://example.org/' || n FROM generate_series(1, 200000) AS n",
    "INSERT INTO provisioner.shown_names (user_id, name, until, shown_at)
     SELECT '@' || md5(n::text)::uuid || ':example.org', 'Person ' || n, CASE WHEN n % 50 = 0 THEN now() END,
            now() - n * interval '1 minute'
     FROM generate_series(1, 100000) AS n",
    "INSERT INTO provisioner.alerts (key, text) VALUES ('queue', 'the queue does not answer')",
];
