//! Teams that a selector names and that had somebody in them.

use super::Store;

impl Store {
    /// All of them.
    pub async fn peopled_teams(&self) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar!("SELECT team FROM provisioner.peopled_teams").fetch_all(&self.pool).await
    }

    /// Somebody is in these teams.
    pub async fn add_peopled_teams(&self, teams: &[String]) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "INSERT INTO provisioner.peopled_teams (team) SELECT * FROM UNNEST($1::text[]) ON CONFLICT DO NOTHING",
            teams,
        ))
        .await
    }

    /// These teams may have nobody.
    pub async fn forget_peopled_teams(&self, teams: &[String]) -> sqlx::Result<()> {
        self.run(sqlx::query!("DELETE FROM provisioner.peopled_teams WHERE team = ANY($1)", teams)).await
    }
}
