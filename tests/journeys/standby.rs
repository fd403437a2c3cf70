//! A roster on a real standby: read with what it lags, without notifications, and cancelled when replay is in the way.

use std::time::Duration;

use sqlx::Executor;
use testbed::{Hasura, Postgres, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject};

crate::on_one_version!(
    a_roster_on_a_standby_is_read_and_its_notifications_are_told_of_once,
    a_reading_that_a_standby_cancels_costs_nobody_their_place,
);

/// A stage whose roster is read from a standby and written to at its primary.
async fn behind(version: SynapseVersion, settings: Settings) -> (Stage, Postgres, Postgres) {
    let mut stage = Stage::set(version, settings).await;
    let primary = Postgres::start().await.unwrap();
    stage.hasura = Hasura::create(&primary).await.unwrap();
    let standby = primary.standby().await.unwrap();
    stage.change(|_| ());
    let (direct, lagging) = (stage.hasura.url().to_owned(), stage.hasura.url_on(&standby));
    stage.edit(|config| config.replace(&direct, &lagging));
    (stage, primary, standby)
}

async fn a_roster_on_a_standby_is_read_and_its_notifications_are_told_of_once(version: SynapseVersion) {
    let settings = Settings { notify: true, poll_interval: "2s", ..Settings::default() };
    let (stage, _primary, _standby) = behind(version, settings).await;
    let people = stage.start_with_staff(2).await;
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    stage.until_logged("a standby cannot notify").await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(stage.service.log().matches("a standby cannot notify").count(), 1);
    let doctor = stage.service.run_cli(&["doctor"]).await.unwrap();
    assert!(doctor.stdout.contains("a standby cannot notify"), "{doctor:?}");
    stage.nothing_left().await;
}

async fn a_reading_that_a_standby_cancels_costs_nobody_their_place(version: SynapseVersion) {
    let slow = "SELECT tm.user_id::text AS subject, t.name AS team, tm.role AS role
                FROM team_members AS tm JOIN teams AS t ON t.id = tm.team_id, (SELECT pg_sleep(3)) AS slowly";
    let settings = Settings { query: Some(slow.to_owned()), poll_interval: "1s", ..Settings::default() };
    let (stage, primary, standby) = behind(version, settings).await;
    let people = stage.start_with_staff(2).await;
    let mut admin = standby.connect("postgres").await.unwrap();
    admin.execute("ALTER SYSTEM SET max_standby_streaming_delay = 0").await.unwrap();
    admin.execute("SELECT pg_reload_conf()").await.unwrap();
    let name = stage.hasura.url().rsplit('/').next().unwrap().to_owned();
    let mut hasura = primary.connect(&name).await.unwrap();
    // Rows that a reading still sees are gone on the primary: replay cancels it.
    let cancelled = async || {
        hasura.execute("CREATE TABLE IF NOT EXISTS dead AS SELECT 1 AS it").await.unwrap();
        hasura.execute("DROP TABLE dead").await.unwrap();
        hasura.execute("UPDATE team_members SET role = role").await.unwrap();
        hasura.execute("VACUUM (FREEZE) team_members").await.unwrap();
        stage.service.log().contains("cut short")
    };
    wait_until("a reading is cancelled", Duration::from_secs(60), cancelled).await.unwrap();
    let log = stage.service.log();
    assert!(!log.contains("is refused by Postgres"), "{log}");
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
    }
    admin.execute("ALTER SYSTEM RESET max_standby_streaming_delay").await.unwrap();
    admin.execute("SELECT pg_reload_conf()").await.unwrap();
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.nothing_left().await;
}
