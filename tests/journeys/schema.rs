//! The database and the version of this program: rolling back, deploying while the one before runs, and the wrong database.

use sqlx::PgConnection;
use testbed::SynapseVersion;

use crate::bad_input::last_words;
use crate::support::{SOON, Settings, Stage, subject};

crate::on_one_version!(
    a_version_starts_beside_a_schema_that_a_later_one_has_migrated,
    a_command_that_only_reads_does_not_migrate,
    the_database_of_another_deployment_stays_as_it_is,
    a_migration_that_the_database_refuses_ends_the_start,
);

async fn execute(database: &mut PgConnection, sql: &'static str) {
    sqlx::query(sql).execute(database).await.unwrap();
}

const LATER: &str = "INSERT INTO provisioner._sqlx_migrations (version, description, success, checksum, execution_time)
    VALUES (29990101000000, 'later', true, '\\x00', 0)";

async fn a_version_starts_beside_a_schema_that_a_later_one_has_migrated(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    stage.start_with_staff(1).await;
    let mut database = stage.connect().await;
    execute(&mut database, LATER).await;
    stage.service.sigterm().await.unwrap();
    stage.start().await;
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.nothing_left().await;
    // A migration that takes something away from older versions says so.
    stage.service.sigterm().await.unwrap();
    execute(&mut database, "UPDATE provisioner.stamp SET oldest_version = 29990101000000").await;
    stage.service.start_again().unwrap();
    let status = stage.service.ended().await.unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(stage.service.log().contains("or a later one"), "{}", stage.service.log());
    for command in ["plan", "apply", "pause"] {
        let refused = stage.refused(&[command]).await;
        assert!(refused.stderr.contains("29990101000000"), "{command}: {refused:?}");
    }
}

/// What a wrong start could change.
async fn contents(database: &mut PgConnection) -> String {
    sqlx::query_scalar(
        "SELECT concat((SELECT json_agg(m ORDER BY version) FROM provisioner._sqlx_migrations AS m),
                       (SELECT json_agg(s) FROM provisioner.stamp AS s),
                       (SELECT json_agg(concat(table_name, column_name) ORDER BY table_name, column_name)
                        FROM information_schema.columns WHERE table_schema = 'provisioner'))",
    )
    .fetch_one(database)
    .await
    .unwrap()
}

/// As the version before the newest migration left it.
async fn go_back(database: &mut PgConnection) {
    execute(database, "DROP INDEX provisioner.pardons_pardoned_at").await;
    execute(database, "DELETE FROM provisioner._sqlx_migrations WHERE description = 'index pardons by time'").await;
}

async fn a_command_that_only_reads_does_not_migrate(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    assert_eq!(stage.apply().await.0, 0);
    let mut database = stage.connect().await;
    go_back(&mut database).await;
    let before = contents(&mut database).await;
    for command in [&["plan"][..], &["history"], &["explain", "@somebody:phenom.test"]] {
        let refused = stage.service.run_cli(command).await.unwrap();
        assert!(
            refused.status == Some(1) && refused.stderr.contains("start the service of this version"),
            "{refused:?}"
        );
    }
    assert_eq!(contents(&mut database).await, before);
    assert_eq!(stage.apply().await.0, 0, "what acts brings the schema up to date");
    stage.nothing_left().await;
}

async fn the_database_of_another_deployment_stays_as_it_is(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings::default()).await;
    // Stamped without a pool, and a version behind.
    assert_eq!(stage.apply().await.0, 0);
    let mut database = stage.connect().await;
    go_back(&mut database).await;
    let before = contents(&mut database).await;
    let pool = "[cognito]\nregion = \"us-east-1\"\nuser_pool_id = \"us-east-1_another01\"\n[guard]";
    stage.edit(|config| config.replace("environment = \"test\"", "environment = \"staging\"").replace("[guard]", pool));
    for command in ["plan", "apply", "pause"] {
        let refused = stage.refused(&[command]).await;
        assert!(refused.stderr.contains("belongs to environment"), "{command}: {refused:?}");
    }
    stage.service.start_again().unwrap();
    assert_eq!(stage.service.ended().await.unwrap().code(), Some(1));
    assert!(stage.service.log().contains("belongs to environment"), "{}", stage.service.log());
    assert_eq!(contents(&mut database).await, before);
}

async fn a_migration_that_the_database_refuses_ends_the_start(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    assert_eq!(stage.apply().await.0, 0);
    let mut database = stage.connect().await;
    // What it makes is there already.
    let forgotten = "DELETE FROM provisioner._sqlx_migrations WHERE description = 'index pardons by time'";
    execute(&mut database, forgotten).await;
    stage.service.start_again().unwrap();
    assert_eq!(stage.service.ended().await.unwrap().code(), Some(1));
    let last = last_words(&stage.service);
    let said = ["this version cannot start", "\"pardons_pardoned_at\" already exists", "the version that ran last"];
    assert!(said.iter().all(|text| last.contains(text)), "{said:?} in {last}");
}
