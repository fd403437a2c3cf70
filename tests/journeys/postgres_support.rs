//! What the journeys share that have a Postgres of their own: its backends, and a role that needs a password.

use nix::sys::signal::kill;
use nix::unistd::Pid;
use sqlx::AssertSqlSafe;
use testbed::{Postgres, Signal, SynapseVersion};

use crate::support::{Settings, Stage};

impl Stage {
    /// Puts the service's own database on a Postgres that nobody shares. The roster stays where it is.
    pub(crate) async fn own_postgres(&mut self) -> Postgres {
        let postgres = Postgres::start().await.unwrap();
        self.database = postgres.create_database("provisioner").await.unwrap();
        self.change(|_| ());
        postgres
    }

    /// The service's backends of its own database of whose last statement this condition is true.
    pub(crate) async fn backends(&self, condition: &str) -> Vec<Pid> {
        let sql = format!(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'phenom-provisioner' AND {condition}"
        );
        let pids = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut self.connect().await).await.unwrap();
        pids.into_iter().map(Pid::from_raw).collect()
    }
}

/// A stage whose own database belongs to a role that logs in with this password, and where that database is: what stands after
/// the @ of its URL.
pub(crate) async fn stage_with_password(version: SynapseVersion, password: &str) -> (Stage, Postgres, String) {
    let mut stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let postgres = Postgres::start().await.unwrap();
    postgres.ask_for_passwords_of("provisioner").await.unwrap();
    stage.database = postgres.create_database("ours").await.unwrap();
    let owner = "ALTER DATABASE ours OWNER TO provisioner";
    sqlx::query(owner).execute(&mut postgres.connect("postgres").await.unwrap()).await.unwrap();
    set_password(&postgres, password).await;
    let (_, place) = stage.database.split_once("://").unwrap();
    let place = place.split_once('@').map_or(place, |(_, place)| place).to_owned();
    (stage, postgres, place)
}

/// Gives that role another password.
pub(crate) async fn set_password(postgres: &Postgres, password: &str) {
    let set = AssertSqlSafe(format!("ALTER ROLE provisioner PASSWORD '{password}'"));
    sqlx::query(set).execute(&mut postgres.connect("postgres").await.unwrap()).await.unwrap();
}

/// Freezes backends: their connections stay open and say nothing.
pub(crate) fn freeze(backends: &[Pid]) {
    backends.iter().for_each(|pid| kill(*pid, Signal::SIGSTOP).unwrap());
}

/// Lets them go on. They may be gone by now.
pub(crate) fn thaw(backends: &[Pid]) {
    backends.iter().for_each(|pid| kill(*pid, Signal::SIGCONT).unwrap_or_default());
}
