//! Groups of the pool, each as last read whole.

use chrono::{DateTime, Utc};

use super::Store;
use super::accounts::wake;

/// What the store has of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    pub name: String,
    /// Whether it was read whole since the time that was asked about.
    pub listed: bool,
    pub trouble: Option<String>,
    pub user_ids: Vec<String>,
}

impl Store {
    /// Records a group that was read whole.
    pub async fn record_group(&self, name: &str, user_ids: &[String]) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query!(
            "INSERT INTO provisioner.groups (name, listed_at) VALUES ($1, now())
             ON CONFLICT (name) DO UPDATE SET listed_at = now(), trouble = NULL",
            name,
        )
        .execute(&mut *transaction)
        .await?;
        // Not `<> ALL($2)`, which compares every member with every other.
        sqlx::query!(
            "DELETE FROM provisioner.group_members WHERE name = $1
             AND NOT EXISTS (SELECT FROM UNNEST($2::text[]) AS kept (user_id) WHERE kept.user_id = group_members.user_id)",
            name,
            user_ids,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "INSERT INTO provisioner.group_members (name, user_id) SELECT $1, UNNEST($2::text[]) ON CONFLICT DO NOTHING",
            name,
            user_ids,
        )
        .execute(&mut *transaction)
        .await?;
        wake(&mut transaction).await?;
        transaction.commit().await
    }

    /// Forgets groups that nobody asks for any more.
    pub async fn keep_groups(&self, names: &[String]) -> sqlx::Result<()> {
        sqlx::query!("DELETE FROM provisioner.groups WHERE name <> ALL($1)", names).execute(&self.pool).await.map(drop)
    }

    /// Notes that a group could not be read.
    pub async fn trouble_group(&self, name: &str, trouble: &str) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query!(
            "INSERT INTO provisioner.groups (name, trouble) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET trouble = excluded.trouble",
            name,
            trouble,
        )
        .execute(&mut *transaction)
        .await?;
        wake(&mut transaction).await?;
        transaction.commit().await
    }

    /// Every group, with its members as last read whole, and whether that was after `since`.
    pub async fn groups(&self, since: DateTime<Utc>) -> sqlx::Result<Vec<GroupRow>> {
        sqlx::query_as!(
            GroupRow,
            r#"SELECT name, COALESCE(listed_at > $1, false) AS "listed!", trouble,
                      ARRAY(SELECT user_id FROM provisioner.group_members AS its WHERE its.name = groups.name) AS "user_ids!"
               FROM provisioner.groups"#,
            since,
        )
        .fetch_all(&self.pool)
        .await
    }
}
