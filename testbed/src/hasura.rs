//! The tables where teams live, as Hasura's database has them, and the hands that edit them.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::postgres::Postgres;
use crate::process::random;

const TABLES: &str = "
CREATE TABLE users (id uuid PRIMARY KEY);
CREATE TABLE teams (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL UNIQUE);
CREATE TABLE team_members (
    team_id uuid NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    role text NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'lead')),
    PRIMARY KEY (team_id, user_id)
);
CREATE FUNCTION notify_team_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY team_members_changed;
    RETURN NULL;
END $$;
CREATE TRIGGER team_members_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON team_members
    FOR EACH STATEMENT EXECUTE FUNCTION notify_team_members();
INSERT INTO teams (name) VALUES ('staff'), ('analysts'), ('experiencers');
";

/// One database with `users`, `teams` and `team_members`; the three teams of the domain are there.
#[derive(Debug, Clone)]
pub struct Hasura {
    url: String,
}

impl Hasura {
    /// Makes a fresh database on `postgres`.
    ///
    /// # Errors
    /// When Postgres is down.
    pub async fn create(postgres: &Postgres) -> Result<Hasura> {
        let url = postgres.create_database(&format!("hasura_{}", random::word())).await?;
        let hasura = Hasura { url };
        hasura.execute(TABLES).await?;
        Ok(hasura)
    }

    /// The same tables on a standby of the Postgres that they are on, as an address.
    pub fn url_on(&self, standby: &Postgres) -> String {
        standby.url(self.url.rsplit('/').next().unwrap_or_default())
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Puts a person into a team (both are made if they are new), or changes the role there.
    ///
    /// # Errors
    /// When `sub` is no UUID or `role` neither `member` nor `lead`.
    pub async fn add(&self, sub: &str, team: &str, role: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        let mut change = connection.begin().await.context("begin")?;
        sqlx::query("INSERT INTO users VALUES ($1::text::uuid) ON CONFLICT DO NOTHING")
            .bind(sub)
            .execute(&mut *change)
            .await
            .context("add user")?;
        sqlx::query("INSERT INTO teams (name) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(team)
            .execute(&mut *change)
            .await
            .context("add team")?;
        sqlx::query(
            "INSERT INTO team_members (team_id, user_id, role)
             SELECT id, $1::text::uuid, $3 FROM teams WHERE name = $2
             ON CONFLICT (team_id, user_id) DO UPDATE SET role = EXCLUDED.role",
        )
        .bind(sub)
        .bind(team)
        .bind(role)
        .execute(&mut *change)
        .await
        .context("add team member")?;
        change.commit().await.context("commit")
    }

    /// Puts many people into a team who are in none yet, all at once.
    ///
    /// # Errors
    /// When somebody is no UUID, or is there already.
    pub async fn add_many(&self, subs: &[String], team: &str) -> Result<()> {
        let sql = "WITH made AS (INSERT INTO teams (name) VALUES ($2) ON CONFLICT (name) DO UPDATE SET name = $2 RETURNING id),
                        people AS (INSERT INTO users SELECT sub::uuid FROM unnest($1) AS sub RETURNING id)
                   INSERT INTO team_members (team_id, user_id) SELECT made.id, people.id FROM made, people";
        let mut connection = self.connect().await?;
        sqlx::query(sql).bind(subs).bind(team).execute(&mut connection).await.context("add team members")?;
        Ok(())
    }

    /// Takes a person out of a team; the user stays.
    ///
    /// # Errors
    /// When the database is down.
    pub async fn remove(&self, sub: &str, team: &str) -> Result<()> {
        let sql = "DELETE FROM team_members tm USING teams t
                   WHERE t.id = tm.team_id AND tm.user_id::text = $1 AND t.name = $2";
        let mut connection = self.connect().await?;
        sqlx::query(sql).bind(sub).bind(team).execute(&mut connection).await.context("remove team member")?;
        Ok(())
    }

    /// Changes the role of somebody who is in the team.
    ///
    /// # Errors
    /// When they are not, or the role is unknown.
    pub async fn set_role(&self, sub: &str, team: &str, role: &str) -> Result<()> {
        let sql = "UPDATE team_members tm SET role = $3 FROM teams t
                   WHERE t.id = tm.team_id AND tm.user_id::text = $1 AND t.name = $2";
        let mut connection = self.connect().await?;
        let done =
            sqlx::query(sql).bind(sub).bind(team).bind(role).execute(&mut connection).await.context("set role")?;
        anyhow::ensure!(done.rows_affected() == 1, "{sub} is not in team {team}");
        Ok(())
    }

    /// Moves a person's row from one team to another, as one `UPDATE`.
    ///
    /// # Errors
    /// When they are not in the first team, or the second is unknown.
    pub async fn move_to(&self, sub: &str, from: &str, to: &str) -> Result<()> {
        let sql = "UPDATE team_members tm SET team_id = (SELECT id FROM teams WHERE name = $3) FROM teams t
                   WHERE t.id = tm.team_id AND tm.user_id::text = $1 AND t.name = $2";
        let mut connection = self.connect().await?;
        let done =
            sqlx::query(sql).bind(sub).bind(from).bind(to).execute(&mut connection).await.context("move to a team")?;
        anyhow::ensure!(done.rows_affected() == 1, "{sub} is not in team {from}");
        Ok(())
    }

    /// All rows of `team_members`: subject, team, role.
    ///
    /// # Errors
    /// When the database is down.
    pub async fn rows(&self) -> Result<Vec<(String, String, String)>> {
        let sql = "SELECT tm.user_id::text, t.name, tm.role FROM team_members tm JOIN teams t ON t.id = tm.team_id
                   ORDER BY 1, 2";
        let mut connection = self.connect().await?;
        sqlx::query_as(sql).fetch_all(&mut connection).await.context("read team members")
    }

    /// Adds a team without members.
    ///
    /// # Errors
    /// When it exists.
    pub async fn add_team(&self, name: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        sqlx::query("INSERT INTO teams (name) VALUES ($1)")
            .bind(name)
            .execute(&mut connection)
            .await
            .context("add team")?;
        Ok(())
    }

    /// Empties `team_members`: the accident the guard is for.
    ///
    /// # Errors
    /// When the database is down.
    pub async fn empty(&self) -> Result<()> {
        self.execute("DELETE FROM team_members").await
    }

    /// Any statements, for what has no helper.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        connection.execute(AssertSqlSafe(sql.to_owned())).await.context("run statements")?;
        Ok(())
    }

    async fn connect(&self) -> Result<PgConnection> {
        PgConnection::connect(&self.url).await.context("connect to the Hasura database")
    }
}
