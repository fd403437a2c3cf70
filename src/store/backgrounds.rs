//! What is known of somebody's past: what the sources said of them, who joined them, and since when the pool says what it says.

use chrono::{DateTime, Utc};

use super::Store;
use super::nul::WithoutNul;

/// What a source said of somebody and says no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossRow {
    /// Empty for those that were too many to be noted.
    pub user_id: String,
    /// `team` or `group`.
    pub source: String,
    pub name: String,
    /// Empty where there was none.
    pub role: String,
}

/// The same with its time.
#[derive(Clone, Debug)]
pub struct KnownLoss {
    pub user_id: String,
    pub source: String,
    pub name: String,
    pub role: String,
    pub until: DateTime<Utc>,
}

/// The last that we did to somebody's place in a room: joined them, or removed them.
#[derive(Clone, Debug)]
pub struct LastPlace {
    pub user_id: String,
    pub room_id: String,
    pub at: DateTime<Utc>,
    pub was_joined: bool,
    pub cause: String,
}

/// Since when an account is what the pool says.
#[derive(Clone, Debug)]
pub struct AccountSince {
    pub user_id: String,
    pub since: DateTime<Utc>,
}

impl Store {
    /// Notes what was lost just now.
    pub async fn note_losses(&self, rows: &[LossRow]) -> sqlx::Result<()> {
        let column = |of: fn(&LossRow) -> &String| rows.iter().map(|row| of(row).clone()).collect::<Vec<_>>();
        self.run(sqlx::query!(
            "INSERT INTO provisioner.losses (user_id, source, name, role)
             SELECT DISTINCT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[])
             ON CONFLICT (user_id, source, name, role) DO UPDATE SET until = now()",
            &column(|row| &row.user_id),
            &column(|row| &row.source),
            &column(|row| &row.name),
            &column(|row| &row.role),
        ))
        .await
    }

    /// What these users lost, the newest first. That some were too many to be noted is a row of the empty user.
    pub async fn losses(&self, user_ids: &[String]) -> sqlx::Result<Vec<KnownLoss>> {
        sqlx::query_as!(
            KnownLoss,
            "SELECT user_id, source, name, role, until FROM provisioner.losses
             WHERE user_id = ANY($1) ORDER BY until DESC, source, name, role",
            &*user_ids.without_nul(),
        )
        .fetch_all(&self.pool)
        .await
    }

    /// What we did last to the places of these users, room by room.
    pub async fn last_places(&self, user_ids: &[String]) -> sqlx::Result<Vec<LastPlace>> {
        sqlx::query_as!(
            LastPlace,
            r#"SELECT DISTINCT ON (user_id, room_id) user_id AS "user_id!", room_id AS "room_id!", at,
                      kind = 'join' AS "was_joined!", cause
               FROM provisioner.ledger
               WHERE user_id = ANY($1) AND kind IN ('join', 'remove') AND outcome = 'done' AND room_id IS NOT NULL
               ORDER BY user_id, room_id, id DESC"#,
            &*user_ids.without_nul(),
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Since when the accounts of these users are what the pool says, for those that changed since they were seen first.
    pub async fn accounts_since_when(&self, user_ids: &[String]) -> sqlx::Result<Vec<AccountSince>> {
        sqlx::query_as!(
            AccountSince,
            r#"SELECT user_id, state_since AS "since!" FROM provisioner.accounts
               WHERE user_id = ANY($1) AND state_since IS NOT NULL"#,
            &*user_ids.without_nul(),
        )
        .fetch_all(&self.pool)
        .await
    }
}
