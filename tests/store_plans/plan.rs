//! What Postgres says it will do for a query, and what of that reads a whole table.

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::fill::{BOUNDED, run};

/// Indices of what is open, or rare: each holds a handful of rows, whatever the size of its table.
const FEW: [&str; 6] = [
    "inbox_unhandled",
    "commands_open",
    "pass_requests_open",
    "held_plans_current",
    "held_posts_deciding",
    "accounts_folded",
];

/// Somebody who has an account, and lines in the ledger of every kind.
pub(crate) const FIRST: &str = "@c4ca4238-a0b9-2382-0dcc-509a6f75849b:example.org";

/// How Postgres chooses: for these values, or once for all values. sqlx prepares, and so both happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Custom,
    Generic,
}

impl Choice {
    fn setting(self) -> &'static str {
        match self {
            Self::Custom => "SET plan_cache_mode = force_custom_plan",
            Self::Generic => "SET plan_cache_mode = force_generic_plan",
        }
    }
}

/// The plan for `query`, whose parameters are of these types.
pub(crate) async fn plan_of(connection: &mut PgConnection, query: &str, types: &[String], choice: Choice) -> Value {
    let values: Vec<&str> = types.iter().map(|name| sample(name)).collect();
    explain(connection, query, "FORMAT JSON", &values, choice).await
}

/// What Postgres says of `query` with these values, which are SQL.
pub(crate) async fn explain(
    connection: &mut PgConnection,
    query: &str,
    options: &str,
    values: &[&str],
    choice: Choice,
) -> Value {
    run(connection, choice.setting()).await;
    run(connection, &format!("PREPARE asked AS {query}")).await;
    let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
    let explain = AssertSqlSafe(format!("EXPLAIN ({options}) EXECUTE asked{values}"));
    let said: Value = sqlx::query_scalar(explain).persistent(false).fetch_one(&mut *connection).await.unwrap();
    run(connection, "DEALLOCATE asked").await;
    said[0]["Plan"].clone()
}

/// A value of this type, as ordinary as any.
fn sample(name: &str) -> &'static str {
    match name {
        "Text" => "'@c4ca4238-a0b9-2382-0dcc-509a6f75849b:example.org'",
        "TextArray" => {
            "ARRAY['@c4ca4238-a0b9-2382-0dcc-509a6f75849b:example.org', '$c4ca4238a0b923820dcc509a6f75849b']"
        }
        "Int4" => "30",
        "Int8" => "1000",
        "Int4Array" | "Int8Array" => "'{1,2,3}'",
        "Float8" => "3600",
        "Bool" => "true",
        "Jsonb" => "'{}'",
        "BoolArray" => "'{true,false}'",
        "JsonbArray" => "'{}'",
        "Bytea" => "'\\xc4ca4238a0b923820dcc509a6f75849b'",
        "ByteaArray" => "'{}'",
        "Timestamptz" => "now()",
        other => panic!("give parameters of type {other} a sample value here"),
    }
}

/// Each node that reads all of a table that grows, or may have to.
pub(crate) fn whole_reads(plan: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(plan, &mut found);
    found
}

fn look(node: &Value, found: &mut Vec<String>) {
    let text = |key: &str| node[key].as_str().unwrap_or_default();
    let (kind, table, index) = (text("Node Type"), text("Relation Name"), text("Index Name"));
    let grows = !BOUNDED.iter().any(|(bounded, _)| *bounded == table);
    match kind {
        "Seq Scan" if grows => found.push(format!("Seq Scan on {table}")),
        "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => {
            // Without a condition an index is read from one end to the other, unless a LIMIT stops it at the first rows.
            // A filter keeps a LIMIT from stopping.
            let limited = node["Under Limit"] == true && node["Filter"].is_null();
            if node["Index Cond"].is_null() && grows && !limited && !FEW.contains(&index) {
                found.push(format!("{kind} of all of {index}"));
            }
        }
        _ => {}
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        let mut below = below.clone();
        let passes_on = ["Subquery Scan", "Nested Loop", "LockRows"].contains(&kind) && node["Under Limit"] == true;
        below["Under Limit"] = (kind == "Limit" || passes_on).into();
        look(&below, found);
    }
}

/// How many rows of tables were looked at, the wanted and the unwanted, after it was carried out.
pub(crate) fn rows_looked_at(node: &Value) -> f64 {
    let count = |key: &str| node[key].as_f64().unwrap_or_default();
    let own = if node["Relation Name"].is_null() || node["Node Type"] == "ModifyTable" {
        0.0
    } else {
        let unwanted = count("Rows Removed by Filter") + count("Rows Removed by Index Recheck");
        (count("Actual Rows") + unwanted) * count("Actual Loops")
    };
    own + node["Plans"].as_array().into_iter().flatten().map(rows_looked_at).sum::<f64>()
}
