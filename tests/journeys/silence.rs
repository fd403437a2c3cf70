//! What falls silent or refuses a password, beyond the matrix of `faults`: a listener that hears nothing, passwords that change, and
//! a write that hangs while the service is stopped.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use testbed::{Effect, Hasura, Matching, Postgres, SynapseVersion, wait_until};

use crate::postgres_support::{freeze, set_password, stage_with_password, thaw};
use crate::support::{SOON, Settings, Stage, subject};

crate::on_one_version!(
    a_listener_that_is_deaf_delays_commands_by_seconds,
    a_password_that_is_changed_in_its_file_is_read_again,
    a_password_apart_from_the_url_is_read_again,
    a_password_that_cannot_be_read_again_ends_the_process,
    a_homeserver_that_hangs_keeps_nobody_from_stopping,
    a_password_of_the_roster_is_read_again_by_its_listener_too,
);

async fn stops_in_time(stage: &Stage) {
    let asked = Instant::now();
    let status = stage.service.sigterm().await.unwrap();
    assert!(status.code() == Some(0) && asked.elapsed() < Duration::from_secs(27), "{status:?} {:?}", asked.elapsed());
}

async fn a_listener_that_is_deaf_delays_commands_by_seconds(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings { notify: false, ..Settings::default() }).await;
    let _postgres = stage.own_postgres().await;
    let people = stage.start_with_staff(1).await;
    stage.quiet().await;
    let deaf = stage.backends("query LIKE 'LISTEN%'").await;
    assert_eq!(deaf.len(), 1);
    freeze(&deaf);
    let asked = Instant::now();
    assert_eq!(stage.apply().await.0, 0);
    assert!(asked.elapsed() < Duration::from_secs(10), "it took {:?}", asked.elapsed());
    // A leave that is cleared: noted in the database, and looked for there.
    let person = testbed::Person::login(&stage.bed.synapse, &people[0]).await.unwrap();
    person.leave(&stage.staff).await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    stage.quiet().await;
    assert_eq!(stage.service.run_cli(&["rejoin", &people[0], "staff"]).await.unwrap().status, Some(0));
    stage.until(&stage.staff, &people[0], "join", Duration::from_secs(10)).await;
    // And the connection is made anew, though nothing ever ended it.
    stage.until_logged("no longer hears its own heartbeat").await;
    thaw(&deaf);
    stage.nothing_left().await;
}

/// Ends every session of the service, as a failover or the end of their lives does.
async fn end_sessions(stage: &Stage) {
    let ended = sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    ended.execute(&mut stage.connect().await).await.unwrap();
}

async fn a_password_that_is_changed_in_its_file_is_read_again(version: SynapseVersion) {
    let with_file = |_: &str, file: &Path| format!("url_file = {file:?}");
    reads_again(version, with_file, |place, password| format!("postgres://provisioner:{password}@{place}")).await;
}

async fn a_password_apart_from_the_url_is_read_again(version: SynapseVersion) {
    let with_file =
        |place: &str, file: &Path| format!("url = \"postgres://provisioner@{place}\"\npassword_file = {file:?}");
    reads_again(version, with_file, |_, password| format!("{password}\n")).await;
}

/// Changes the password of a running service, whose `[database]` has these keys, in the file that has this content.
async fn reads_again(
    version: SynapseVersion,
    keys: impl Fn(&str, &Path) -> String,
    content: impl Fn(&str, &str) -> String,
) {
    let (mut stage, postgres, place) = stage_with_password(version, "first").await;
    let file = stage.service.directory().join("secret");
    std::fs::write(&file, content(&place, "first")).unwrap();
    let (plain, from_file) =
        (format!("url = \"{}\"\n[roster]", stage.database), format!("{}\n[roster]", keys(&place, &file)));
    stage.change(|_| ());
    stage.edit(|config| config.replace(&plain, &from_file));
    let people = stage.start_with_staff(1).await;
    set_password(&postgres, "second").await;
    std::fs::write(&file, content(&place, "second")).unwrap();
    end_sessions(&stage).await;
    stage.admin.kick(&stage.staff, &stage.mxid(&people[0])).await.unwrap();
    stage.until(&stage.staff, &people[0], "join", Duration::from_secs(30)).await;
    stage.service.wait_ready().await.unwrap();
    stage.nothing_left().await;
}

async fn a_password_that_cannot_be_read_again_ends_the_process(version: SynapseVersion) {
    let (mut stage, postgres, place) = stage_with_password(version, "first").await;
    let direct = stage.database.clone();
    stage.change(|_| ());
    stage.edit(|config| config.replace(&direct, &format!("postgres://provisioner:first@{place}")));
    stage.start_with_staff(1).await;
    set_password(&postgres, "second").await;
    end_sessions(&stage).await;
    stage.until_not_ready(&["database", "password"]).await;
    let mut status = None;
    wait_until("it ends", Duration::from_secs(90), async || !stage.service.running()).await.unwrap();
    status.replace(stage.service.ended().await.unwrap());
    assert_eq!(status.and_then(|status| status.code()), Some(1));
    assert!(stage.service.log().contains("a new process"), "{}", stage.service.log());
}

async fn a_password_of_the_roster_is_read_again_by_its_listener_too(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let postgres = Postgres::start().await.unwrap();
    postgres.ask_for_passwords_of("provisioner").await.unwrap();
    set_password(&postgres, "first").await;
    stage.hasura = Hasura::create(&postgres).await.unwrap();
    stage.hasura.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO provisioner").await.unwrap();
    let file = stage.service.directory().join("secret");
    std::fs::write(&file, "first").unwrap();
    let trusted = stage.hasura.url().to_owned();
    let asked = trusted.replace("postgres@", "provisioner@");
    stage.edit(|config| config.replace(&format!("{trusted}\""), &format!("{asked}\"\npassword_file = {file:?}")));
    let people = stage.start_with_staff(1).await;
    set_password(&postgres, "second").await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'provisioner'";
    stage.hasura.execute(end).await.unwrap();
    stage.until_logged("password authentication failed").await;
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    std::fs::write(&file, "second").unwrap();
    stage.until(&stage.staff, &sub, "join", Duration::from_secs(30)).await;
    // And the next notification is heard.
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", Duration::from_secs(30)).await;
    stage.service.wait_ready().await.unwrap();
    stage.nothing_left().await;
}

async fn a_homeserver_that_hangs_keeps_nobody_from_stopping(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { resync_interval: "2s", ..Settings::default() }).await;
    stage.start_with_staff(1).await;
    let held = stage.proxy.fault(Matching::any().method("GET").path("/members"), Effect::Hold);
    wait_until("a reading hangs", SOON, async || held.hits() > 0).await.unwrap();
    stops_in_time(&stage).await;
    held.lift();
    // And in the middle of a write.
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    let held = stage.proxy.fault(Matching::any().method("POST").path("/_synapse/admin/v1/join/"), Effect::Hold);
    stage.service.start_again().unwrap();
    wait_until("a join hangs", SOON, async || held.hits() > 0).await.unwrap();
    stops_in_time(&stage).await;
    held.lift();
    stage.start().await;
    stage.until(&stage.staff, &sub, "join", SOON).await;
    let history = stage.service.run_cli(&["history", "--json"]).await.unwrap().json().unwrap();
    let outcomes: Vec<_> = history.as_array().unwrap().iter().map(|line| line["outcome"].clone()).collect();
    assert!(outcomes.contains(&json!("interrupted")), "{history:#}");
    stage.nothing_left().await;
}
