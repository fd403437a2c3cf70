//! Every query of ours, as the committed `.sqlx` says it, on tables of a million rows.

use std::path::Path;

use serde::Deserialize;
use sqlx::{Connection, PgConnection};

use crate::exceptions::EXCEPTIONS;
use crate::fill::{BOUNDED, filled};
use crate::plan::{Choice, plan_of, whole_reads};

#[derive(Deserialize)]
pub(crate) struct Committed {
    pub(crate) query: String,
    describe: Described,
}

#[derive(Deserialize)]
struct Described {
    parameters: Parameters,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "Left")]
    types: Vec<String>,
}

pub(crate) fn committed() -> Vec<Committed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut queries: Vec<Committed> =
        files.map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()).collect();
    queries.sort_by(|a, b| a.query.cmp(&b.query));
    assert!(queries.len() > 50, "where are the queries?");
    queries
}

#[tokio::test]
async fn no_query_reads_all_of_a_table_that_grows() {
    let mut connection = PgConnection::connect(filled().await).await.unwrap();
    let (mut wrong, mut used) = (Vec::new(), vec![false; EXCEPTIONS.len()]);
    for Committed { query, describe } in committed() {
        for choice in [Choice::Custom, Choice::Generic] {
            let plan = plan_of(&mut connection, &query, &describe.parameters.types, choice).await;
            for read in whole_reads(&plan) {
                let exception = EXCEPTIONS.iter().position(|one| query.contains(one.query) && read == one.reads);
                match exception {
                    Some(at) => used[at] = true,
                    None => wrong.push(format!("{choice:?}: {read}:\n{query}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} queries read a whole table:\n\n{}", wrong.len(), wrong.join("\n\n"));
    let stale: Vec<_> = EXCEPTIONS.iter().zip(used).filter(|(_, used)| !used).map(|(one, _)| one.query).collect();
    assert!(stale.is_empty(), "no longer exceptions: {stale:#?}");
    assert!(EXCEPTIONS.iter().all(|one| !one.because.is_empty()));
}

#[tokio::test]
async fn every_table_that_grows_was_filled() {
    let mut connection = PgConnection::connect(filled().await).await.unwrap();
    let sizes: Vec<(String, f32)> = sqlx::query_as(
        "SELECT relname::text, reltuples FROM pg_class
         WHERE relnamespace = 'provisioner'::regnamespace AND relkind = 'r' ORDER BY relname",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let empty: Vec<_> = sizes
        .iter()
        .filter(|(table, rows)| *rows < 10_000.0 && !BOUNDED.iter().any(|(bounded, _)| bounded == table))
        .collect();
    assert!(empty.is_empty(), "fill these, or say why they do not grow: {empty:?}");
}
