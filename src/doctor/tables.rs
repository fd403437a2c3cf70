//! Which of our tables a database has, whichever version set it up.

use sqlx::PgConnection;

/// Whether our schema has this table: an older version's may not.
pub(super) async fn has(connection: &mut PgConnection, table: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT to_regclass('provisioner.' || $1) IS NOT NULL").bind(table).fetch_one(connection).await
}
