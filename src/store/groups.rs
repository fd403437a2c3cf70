//! Groups of the pool, each as last read whole.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use super::Store;
use super::accounts::wake;
use crate::postgres::BoundedConnection;

/// What the store has of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    pub name: String,
    /// Whether it was read whole since the time that was asked about.
    pub listed: bool,
    pub trouble: Option<String>,
    /// Changes each time that members come or go, and is never the same again for a group that was made again.
    pub revision: i64,
    /// Its members; `None` where the caller knows this revision already.
    pub user_ids: Option<Vec<String>>,
}

/// Which members go from a group that is recorded, of those that the reading lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leavers<'a> {
    /// All but these.
    AllBut(&'a [String]),
    /// These users alone.
    Only(&'a [String]),
}

impl Store {
    /// Whether somebody is known to be in the group who is not one of these.
    pub async fn has_others_in_group(&self, name: &str, user_ids: &[String]) -> sqlx::Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (
                   SELECT FROM provisioner.group_members WHERE name = $1
                   AND NOT EXISTS (SELECT FROM UNNEST($2::text[]) AS kept (user_id) WHERE kept.user_id = group_members.user_id)
               ) AS "exists!""#,
            name,
            user_ids,
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Records a group that was read whole, from `asked` by the database's clock on. Two may read it at once: of their readings
    /// the one that was begun last counts, and one that was begun before it changes nothing. What was asked in the future was so by
    /// another server's clock. One that keeps a member that it lacks ends no trouble. Returns whether it counts.
    pub async fn record_group(
        &self,
        name: &str,
        user_ids: &[String],
        leavers: Leavers<'_>,
        asked: DateTime<Utc>,
    ) -> sqlx::Result<bool> {
        let its: HashSet<&String> = user_ids.iter().collect();
        let keeps_nobody = match leavers {
            Leavers::AllBut(kept) => kept.iter().all(|user| its.contains(user)),
            Leavers::Only(_) => true,
        };
        let mut transaction = self.pool.begin().await?;
        // The row lock makes another recording of this group wait, so the newest revision belongs to the newest members.
        let is_newest = sqlx::query!(
            "INSERT INTO provisioner.groups (name, listed_at, asked_at) VALUES ($1, now(), $2)
             ON CONFLICT (name) DO UPDATE
             SET listed_at = now(), asked_at = $2, trouble = CASE WHEN $3 THEN NULL ELSE groups.trouble END
             WHERE groups.asked_at IS NULL OR groups.asked_at <= $2 OR groups.asked_at > clock_timestamp()",
            name,
            asked,
            keeps_nobody,
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if is_newest == 0 {
            return Ok(false);
        }
        let gone = match leavers {
            Leavers::AllBut(kept) => remove_all_but(&mut transaction, name, &[user_ids, kept].concat()).await?,
            Leavers::Only(these) => {
                let missing: Vec<String> = these.iter().filter(|user| !its.contains(user)).cloned().collect();
                remove(&mut transaction, name, &missing).await?
            }
        };
        let come = sqlx::query!(
            "INSERT INTO provisioner.group_members (name, user_id) SELECT $1, UNNEST($2::text[]) ON CONFLICT DO NOTHING",
            name,
            user_ids,
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if gone + come > 0 {
            sqlx::query!(
                "UPDATE provisioner.groups SET revision = nextval('provisioner.group_revision') WHERE name = $1",
                name,
            )
            .execute(&mut *transaction)
            .await?;
        }
        // Even where nobody came or went: it may be the first reading since the service started, or since trouble.
        wake(&mut transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Forgets groups that nobody asks for any more.
    pub async fn keep_groups(&self, names: &[String]) -> sqlx::Result<()> {
        self.run(sqlx::query!("DELETE FROM provisioner.groups WHERE name <> ALL($1)", names)).await
    }

    /// Notes that a group could not be read. No reading counts any more that was begun before.
    pub async fn trouble_group(&self, name: &str, trouble: &str) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query!(
            "INSERT INTO provisioner.groups (name, trouble, asked_at) VALUES ($1, $2, now())
             ON CONFLICT (name) DO UPDATE SET trouble = excluded.trouble, asked_at = excluded.asked_at",
            name,
            trouble,
        )
        .execute(&mut *transaction)
        .await?;
        wake(&mut transaction).await?;
        transaction.commit().await
    }

    /// Every group, and whether it was read whole after `since`; with its members as last read whole, unless they are those
    /// of the revision that is `known` of it. One statement: what is said of a group is of one moment.
    pub async fn groups(&self, since: DateTime<Utc>, known: &BTreeMap<String, i64>) -> sqlx::Result<Vec<GroupRow>> {
        let (names, revisions): (Vec<String>, Vec<i64>) = known.iter().map(|(name, its)| (name.clone(), *its)).unzip();
        sqlx::query_as!(
            GroupRow,
            r#"SELECT name, COALESCE(listed_at > $1, false) AS "listed!", trouble, groups.revision,
                      CASE WHEN known.revision IS DISTINCT FROM groups.revision THEN
                          ARRAY(SELECT user_id FROM provisioner.group_members AS its WHERE its.name = groups.name)
                      END AS user_ids
               FROM provisioner.groups
               LEFT JOIN UNNEST($2::text[], $3::bigint[]) AS known (name, revision) USING (name)"#,
            since,
            &names,
            &revisions,
        )
        .fetch_all(&self.pool)
        .await
    }
}

/// Returns how many were removed.
async fn remove_all_but(connection: &mut BoundedConnection, name: &str, kept: &[String]) -> sqlx::Result<u64> {
    // Not `<> ALL($2)`, which compares every member with every other.
    let removed = sqlx::query!(
        "DELETE FROM provisioner.group_members WHERE name = $1
             AND NOT EXISTS (SELECT FROM UNNEST($2::text[]) AS kept (user_id) WHERE kept.user_id = group_members.user_id)",
        name,
        kept,
    );
    Ok(removed.execute(connection).await?.rows_affected())
}

/// The same for these alone.
async fn remove(connection: &mut BoundedConnection, name: &str, user_ids: &[String]) -> sqlx::Result<u64> {
    if user_ids.is_empty() {
        return Ok(0);
    }
    let removed =
        sqlx::query!("DELETE FROM provisioner.group_members WHERE name = $1 AND user_id = ANY($2)", name, user_ids);
    Ok(removed.execute(connection).await?.rows_affected())
}
