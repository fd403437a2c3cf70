//! How much of a million rows the frequent statements look at, carried out.

use sqlx::{Connection, PgConnection};

use crate::fill::filled;
use crate::plan::{Choice, FIRST, explain, rows_looked_at};
use crate::plans::committed;

/// A statement by what it contains, its values, and the most rows it may look at.
struct Look {
    statement: &'static str,
    values: &'static [&'static str],
    at_most: u32,
}

const LOOKS: [Look; 16] = [
    // As many as go, once to find them and once to remove them.
    Look { statement: "DELETE FROM provisioner.inbox", values: &["604800", "5000"], at_most: 10_000 },
    // The end of the ledger.
    Look { statement: "WITH latest AS MATERIALIZED", values: &[], at_most: 20_000 },
    Look { statement: "sum(taken)", values: &["3600"], at_most: 100 },
    // The summary of the time is by groups of 128 pages.
    Look { statement: "withheld!", values: &["600"], at_most: 10_000 },
    Look { statement: "FROM provisioner.ledger AS removed", values: &["3600"], at_most: 10_000 },
    Look {
        statement: "WITH levels AS MATERIALIZED",
        values: &["50", "ARRAY['status']", "USER", "ARRAY[USER]", "NULL"],
        at_most: 100,
    },
    Look { statement: "SELECT DISTINCT ON (user_id, room_id)", values: &["ARRAY[USER]"], at_most: 20 },
    // Three of 180 days.
    Look { statement: "AS \"line!\"", values: &["3"], at_most: 40_000 },
    Look { statement: "WHERE id > $1 AND id <= $2", values: &["999900", "1000000"], at_most: 100 },
    // What others are told of, a page at a time.
    Look { statement: "WHERE id <= $2 AND id > $1", values: &["999000", "1000000", "200"], at_most: 500 },
    // What others note, every five seconds.
    Look { statement: "max(pardoned_at)", values: &[], at_most: 30 },
    Look { statement: "COALESCE(max(id), 0)", values: &[], at_most: 1 },
    Look { statement: "WHERE (revision, subject) > ($1, $2)", values: &["16667", "''", "10000", "true"], at_most: 100 },
    Look { statement: "WHERE handled_at IS NULL ORDER BY id", values: &["1000"], at_most: 100 },
    Look {
        statement: "room_id = $1 AND type = ANY($2)",
        values: &["'!room-1'", "ARRAY['m.room.power_levels']", "600"],
        at_most: 700,
    },
    Look { statement: "strpos(event, $2)", values: &["'!room-1'", "'$slip'", "'@somebody:a'", "660"], at_most: 700 },
];

#[tokio::test]
async fn a_frequent_statement_looks_at_no_more_rows_than_it_needs() {
    let mut connection = PgConnection::connect(filled().await).await.unwrap();
    let queries = committed();
    for Look { statement, values, at_most } in LOOKS {
        let found: Vec<&str> =
            queries.iter().map(|one| one.query.as_str()).filter(|query| query.contains(statement)).collect();
        let [query] = found[..] else { panic!("{} queries contain {statement:?}", found.len()) };
        let values: Vec<String> = values.iter().map(|value| value.replace("USER", &format!("'{FIRST}'"))).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        for choice in [Choice::Custom, Choice::Generic] {
            let mut undone = connection.begin().await.unwrap();
            let plan = explain(&mut undone, query, "ANALYZE, FORMAT JSON", &values, choice).await;
            undone.rollback().await.unwrap();
            let looked = rows_looked_at(&plan);
            assert!(looked <= f64::from(at_most), "{choice:?}: {looked} rows, not {at_most}:\n{query}\n{plan:#}");
        }
    }
}
