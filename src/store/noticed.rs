//! What is noted in the database, in one look: a notification of it may be lost.

use super::Store;

/// How far this process has read what others note. Another value means that there is something to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noticed {
    /// Of cleared leaves, rooms that are followed, and the brake.
    commands: String,
    /// Of accounts, groups and listings.
    accounts: String,
}

/// What there is to read since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Somebody asked for a pass, a rejoin, a move to a successor, a pause or its end.
    pub requests: bool,
    pub accounts: bool,
}

impl Store {
    /// Looks what was noted since, and remembers it.
    pub async fn look(&self, seen: &mut Noticed) -> sqlx::Result<News> {
        let now = sqlx::query!(
            r#"SELECT
                 EXISTS (SELECT FROM provisioner.pass_requests WHERE finished_at IS NULL AND taken_at IS NULL) AS "asked!",
                 CONCAT_WS('/',
                   (SELECT max(pardoned_at) FROM provisioner.pardons),
                   (SELECT max(followed_at) FROM provisioner.follows),
                   (SELECT max(paused_at) FROM provisioner.pause)) AS "commands!",
                 CONCAT_WS('/',
                   (SELECT revision FROM provisioner.accounts_revision),
                   (SELECT CONCAT(id, ' ', completed_at, ' ', abandoned_at, ' ', trouble)
                    FROM provisioner.listings ORDER BY id DESC LIMIT 1),
                   (SELECT STRING_AGG(CONCAT(name, ' ', revision, ' ', listed_at, ' ', trouble), ',' ORDER BY name)
                    FROM provisioner.groups)) AS "accounts!""#,
        )
        .fetch_one(&self.pool)
        .await?;
        let news =
            News { requests: now.asked || now.commands != seen.commands, accounts: now.accounts != seen.accounts };
        *seen = Noticed { commands: now.commands, accounts: now.accounts };
        Ok(news)
    }
}
