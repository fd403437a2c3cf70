//! What the journeys share that make trouble in Postgres: a Postgres of one's own, and its backends.

use nix::sys::signal::kill;
use nix::unistd::Pid;
use sqlx::AssertSqlSafe;
use testbed::{Postgres, Signal};

use crate::support::Stage;

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

/// Freezes backends: their connections stay open and say nothing.
pub(crate) fn freeze(backends: &[Pid]) {
    backends.iter().for_each(|pid| kill(*pid, Signal::SIGSTOP).unwrap());
}

/// Lets them go on. They may be gone by now.
pub(crate) fn thaw(backends: &[Pid]) {
    backends.iter().for_each(|pid| kill(*pid, Signal::SIGCONT).unwrap_or_default());
}
