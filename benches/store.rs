//! The frequent statements on large tables, in a real Postgres on this machine, and what a row takes on disk.
//!
//!     STORE_ROWS=10000000 cargo bench --bench store
//!
//! A million accounts and a million lines of the ledger where nothing else is said. Ten million take 7 GB for the time of
//! the run. Postgres is the tests' own: 64 MB of shared buffers and no fsync, so a commit waits for no disk here.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/store_plans/rows.rs"]
mod rows;

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use phenom_provisioner::store::{
    AccountSource, AccountsRead, HistoryFilter, LedgerEntry, LedgerLine, LedgerOutcome, SeenAccount, SeenIn, Store,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testbed::Postgres;
use tokio::runtime::Runtime;

/// Actions whose lines the executor writes together.
const CHUNK: i32 = 8;

/// A filled database, and a thousand of its people.
struct Filled {
    name: &'static str,
    store: Store,
    people: Vec<String>,
}

async fn run(connection: &mut PgConnection, sql: &str) {
    connection.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{error}:\n{sql}"));
}

async fn fill(postgres: &Postgres, name: &'static str, fill: String) -> Filled {
    let began = Instant::now();
    let url = postgres.create_database(name).await.unwrap();
    let store = Store::open(&url).await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let indices: Vec<(String, String)> = sqlx::query_as(rows::INDICES).fetch_all(&mut connection).await.unwrap();
    run(&mut connection, "SET maintenance_work_mem = '256MB'; SET work_mem = '256MB'").await;
    for (drop, _) in &indices {
        run(&mut connection, drop).await;
    }
    run(&mut connection, &fill).await;
    for (_, make) in &indices {
        run(&mut connection, make).await;
    }
    run(&mut connection, "SELECT setval('provisioner.pass', 100000000)").await;
    run(&mut connection, "VACUUM ANALYZE").await;
    run(&mut connection, "CHECKPOINT").await;
    let size = format!(
        "SELECT count(*), pg_table_size('provisioner.{name}'), pg_indexes_size('provisioner.{name}')
         FROM provisioner.{name}"
    );
    let (count, table, indices): (i64, i64, i64) =
        sqlx::query_as(AssertSqlSafe(size)).fetch_one(&mut connection).await.unwrap();
    println!(
        "{name}: {count} rows, {} bytes a row and {} of indices; filled in {} s",
        table / count,
        indices / count,
        began.elapsed().as_secs()
    );
    let some = format!(
        "SELECT user_id FROM provisioner.{name} TABLESAMPLE SYSTEM (1) WHERE user_id IS NOT NULL
         ORDER BY random() LIMIT 1000"
    );
    let people = sqlx::query_scalar(AssertSqlSafe(some)).fetch_all(&mut connection).await.unwrap();
    Filled { name, store, people }
}

async fn forget(postgres: &Postgres, filled: Filled) {
    filled.store.pool().unbounded().close().await;
    let mut connection = postgres.connect("postgres").await.unwrap();
    run(&mut connection, &format!("DROP DATABASE {}", filled.name)).await;
}

/// Measures one statement, or a few that belong together, with another person each time.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    of: &Filled,
    name: &str,
    ask: impl AsyncFn(&str),
) {
    let mut people = of.people.iter().cycle();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let person = people.next().unwrap();
            runtime.block_on(ask(person));
        });
    });
}

fn accounts(group: &mut BenchmarkGroup<'_, WallTime>, runtime: &Runtime, of: &Filled) {
    let store = &of.store;
    let seen = |user_id: &str, disabled| {
        let subject = user_id[1..].split(':').next().unwrap().to_owned();
        vec![SeenAccount { subject, user_id: user_id.to_owned(), disabled, display_name: None }]
    };
    let asked = runtime.block_on(store.now()).unwrap();
    let record = async |person: &str, disabled| {
        store.record_accounts(&seen(person, disabled), AccountSource::Queue, SeenIn::default(), asked).await.unwrap()
    };
    measure(group, runtime, of, "look up one", async |person| drop(store.origins(&[person.to_owned()]).await.unwrap()));
    measure(group, runtime, of, "change one, twice", async |person| {
        record(person, true).await;
        record(person, false).await;
    });
    measure(group, runtime, of, "note what was closed", async |person| store.set_closed(person, None).await.unwrap());
    let mut read = AccountsRead::default();
    runtime.block_on(async {
        loop {
            let rows = store.accounts_since(&read, 10_000, false).await.unwrap();
            let Some(last) = rows.last() else { break };
            read = AccountsRead { revision: last.revision, subject: last.subject.clone() };
        }
    });
    measure(group, runtime, of, "look for changes", async |_| {
        drop(store.accounts_since(&read, 10_000, false).await.unwrap())
    });
}

fn entry(seq: i32, person: &str) -> LedgerEntry {
    LedgerEntry {
        seq,
        kind: "join",
        user_id: Some(person.to_owned()),
        room_id: Some("!red:example.org".to_owned()),
        room_key: Some("red".to_owned()),
        before: json!("leave"),
        after: json!("join"),
        cause: "everyone has an account: joined".to_owned(),
        because: None,
        actor: None,
        mode: "enforce",
        taken: 0,
    }
}

fn ledger(group: &mut BenchmarkGroup<'_, WallTime>, runtime: &Runtime, of: &Filled) {
    let store = &of.store;
    let history = async |user_id: Option<&str>, room_key: Option<&str>| {
        let filter = HistoryFilter {
            user_id: user_id.map(str::to_owned),
            room_key: room_key.map(str::to_owned),
            without: vec![],
            limit: 50,
        };
        drop(store.history(&filter).await.unwrap());
    };
    let attempt = async |person: &str, actions| {
        let pass = store.new_pass().await.unwrap();
        let entries: Vec<LedgerEntry> = (0..actions).map(|seq| entry(seq, person)).collect();
        for outcome in [LedgerOutcome::Started, LedgerOutcome::Done] {
            let lines: Vec<LedgerLine<'_>> =
                entries.iter().map(|entry| LedgerLine { entry, outcome, detail: None }).collect();
            store.append_ledger(pass, &lines).await.unwrap();
        }
    };
    measure(group, runtime, of, "count what was taken", async |_| drop(store.recently_taken(3600.0).await.unwrap()));
    measure(group, runtime, of, "what was done lately", async |_| drop(store.done_lately(600.0).await.unwrap()));
    measure(group, runtime, of, "who was joined within three days", async |_| {
        store.joined_lately(3, |mxid, line| drop(std::hint::black_box((mxid, line)))).await.unwrap();
    });
    measure(group, runtime, of, "who was joined by the last 100 lines", async |_| {
        let newest = store.newest_line().await.unwrap();
        drop(store.joined_since(newest - 100, newest).await.unwrap());
    });
    measure(group, runtime, of, "history of somebody", async |person| history(Some(person), None).await);
    measure(group, runtime, of, "history of a room", async |_| history(None, Some("room-1")).await);
    measure(group, runtime, of, "history", async |_| history(None, None).await);
    measure(group, runtime, of, "close what was interrupted", async |_| {
        store.close_interrupted().await.unwrap();
    });
    measure(group, runtime, of, "one attempt and its end", async |person| attempt(person, 1).await);
    measure(group, runtime, of, "eight attempts and their ends", async |person| attempt(person, CHUNK).await);
}

fn store(criterion: &mut Criterion) {
    let rows = std::env::var("STORE_ROWS").map_or(1_000_000, |rows| rows.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let postgres = runtime.block_on(Postgres::start()).unwrap();
    for (name, sql, bench) in [
        ("accounts", rows::accounts(rows), accounts as fn(&mut BenchmarkGroup<'_, WallTime>, &Runtime, &Filled)),
        ("ledger", rows::ledger(rows), ledger),
    ] {
        let filled = runtime.block_on(fill(&postgres, name, sql));
        let mut group = criterion.benchmark_group(format!("{name} of {rows}"));
        group.sample_size(50).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
        bench(&mut group, &runtime, &filled);
        group.finish();
        runtime.block_on(forget(&postgres, filled));
    }
}

criterion_group!(benches, store);
criterion_main!(benches);
