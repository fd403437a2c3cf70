//! The name that was first shown of each user, so that another one can be marked.

use chrono::{DateTime, Utc};

use super::Store;

/// What a user was called when they were first shown, where they are called otherwise now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerNameRow {
    pub user_id: String,
    pub name: String,
    pub until: DateTime<Utc>,
}

impl Store {
    /// Notes what these users are called now, each by the name at the same place, and returns those who were called otherwise
    /// when they were first shown. Each user stands there once. Writes nothing where nothing is new.
    pub async fn note_shown_names(&self, user_ids: &[String], names: &[String]) -> sqlx::Result<Vec<FormerNameRow>> {
        sqlx::query_as!(
            FormerNameRow,
            r#"WITH known AS (
                   SELECT user_id, called, first.name, until, shown_at
                   FROM UNNEST($1::text[], $2::text[]) AS now (user_id, called)
                   LEFT JOIN provisioner.shown_names AS first USING (user_id)
               ), noted AS (
                   INSERT INTO provisioner.shown_names AS first (user_id, name)
                   SELECT user_id, called FROM known
                   WHERE name IS NULL OR (name = called) <> (until IS NULL) OR shown_at < now() - interval '30 days'
                   ORDER BY user_id
                   ON CONFLICT (user_id) DO UPDATE SET
                       until = CASE WHEN first.name <> excluded.name THEN COALESCE(first.until, now()) END,
                       shown_at = now()
               )
               SELECT user_id AS "user_id!", name AS "name!", COALESCE(until, now()) AS "until!"
               FROM known WHERE name <> called"#,
            user_ids,
            names,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// The same without noting anything.
    pub async fn former_names(&self, user_ids: &[String], names: &[String]) -> sqlx::Result<Vec<FormerNameRow>> {
        sqlx::query_as!(
            FormerNameRow,
            r#"SELECT user_id AS "user_id!", name AS "name!", COALESCE(until, now()) AS "until!"
               FROM UNNEST($1::text[], $2::text[]) AS now (user_id, called)
               JOIN provisioner.shown_names AS first USING (user_id)
               WHERE name <> called"#,
            user_ids,
            names,
        )
        .fetch_all(&self.pool)
        .await
    }
}
