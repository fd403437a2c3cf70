//! A real streaming standby of a Postgres, by a base backup of the low-level kind: not every installation has `pg_basebackup`.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use sqlx::Connection;

use super::{Postgres, run_as};
use crate::process::{Part, ports};

impl Postgres {
    /// A standby that follows this one: what it answers lags by as little as it can, and nobody can write to it.
    ///
    /// # Errors
    /// When the backup fails or the standby does not come up.
    pub async fn standby(&self) -> Result<Postgres> {
        let part = Part::new("postgres", Signal::SIGQUIT)?;
        let standby =
            Postgres { part, port: ports::free_port()?, binaries: self.binaries.clone(), run_as: self.run_as };
        if let Some(user) = &standby.run_as {
            user.open_directory(standby.part.directory())?;
        }
        let data = standby.data();
        let mut backup = self.connect("postgres").await?;
        sqlx::query("SELECT pg_backup_start('standby', true)").execute(&mut backup).await.context("begin a backup")?;
        run_as::copy_tree(&self.data(), &data)?;
        let label: String = sqlx::query_scalar("SELECT labelfile FROM pg_backup_stop(false)")
            .fetch_one(&mut backup)
            .await
            .context("end the backup")?;
        backup.close().await.context("close connection")?;
        std::fs::remove_file(data.join("postmaster.pid")).context("forget the process that the files are of")?;
        let settings = format!("primary_conninfo = 'host=127.0.0.1 port={} user=postgres'\n", self.port);
        for (file, text) in
            [("backup_label", label.as_str()), ("standby.signal", ""), ("postgresql.auto.conf", &settings)]
        {
            let file = data.join(file);
            std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
            if let Some(user) = &standby.run_as {
                user.own(&file)?;
            }
        }
        standby.launch().await?;
        Ok(standby)
    }
}
