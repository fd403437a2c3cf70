//! A real pooler between the service and its databases: in session mode it is not noticed, in transaction mode our own database is
//! refused at once, and the roster is read without leaving anything on a backend that is somebody else's next.

use sqlx::Executor;
use testbed::{PoolMode, Pooler, SynapseVersion};

use crate::support::{SOON, Settings, Stage, subject};

crate::on_one_version!(
    a_pooler_in_session_mode_is_not_noticed,
    a_pooler_in_transaction_mode_is_refused_before_our_own_database,
    a_roster_behind_a_pooler_in_transaction_mode_is_read_and_nothing_is_left_there,
);

async fn a_pooler_in_session_mode_is_not_noticed(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings { notify: true, ..Settings::default() }).await;
    let pooler = Pooler::before(&stage.bed.postgres, PoolMode::Session, 40).await.unwrap();
    let (database, roster) = (stage.database.clone(), stage.hasura.url().to_owned());
    stage.edit(|config| {
        config.replace(&database, &pooler.through(&database)).replace(&roster, &pooler.through(&roster))
    });
    let people = stage.start_with_staff(2).await;
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    assert_eq!(stage.apply().await.0, 0);
    let doctor = stage.service.run_cli(&["doctor"]).await.unwrap();
    assert!(!doctor.stdout.contains("FAIL  database") && !doctor.stdout.contains("FAIL  roster"), "{doctor:?}");
    stage.nothing_left().await;
}

async fn a_pooler_in_transaction_mode_is_refused_before_our_own_database(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings::default()).await;
    let direct = stage.database.clone();
    // Whichever backend is handed out: of one and of many.
    for backends in [1, 10] {
        let pooler = Pooler::before(&stage.bed.postgres, PoolMode::Transaction, backends).await.unwrap();
        stage.edit(|config| config.replace(&direct, &pooler.through(&direct)));
        for command in [&["plan"][..], &["apply"], &["pause"]] {
            let refused = stage.service.run_cli(command).await.unwrap();
            assert!(
                refused.status == Some(1) && refused.stderr.contains("pool_mode = session"),
                "{command:?} {refused:?}"
            );
        }
        stage.service.start_again().unwrap();
        assert_eq!(stage.service.ended().await.unwrap().code(), Some(1));
        assert!(stage.service.log().contains("pool_mode = session"), "{}", stage.service.log());
        let doctor = stage.service.run_cli(&["doctor"]).await.unwrap();
        assert!(doctor.stdout.contains("pool_mode = session"), "{doctor:?}");
    }
}

async fn a_roster_behind_a_pooler_in_transaction_mode_is_read_and_nothing_is_left_there(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings { poll_interval: "1s", ..Settings::default() }).await;
    // One backend: what a reading left there, the next client would have.
    let pooler = Pooler::before(&stage.bed.postgres, PoolMode::Transaction, 1).await.unwrap();
    let roster = stage.hasura.url().to_owned();
    stage.edit(|config| config.replace(&roster, &pooler.through(&roster)));
    let people = stage.start_with_staff(2).await;
    let mut another = pooler.connect(&roster).await.unwrap();
    for setting in ["default_transaction_read_only", "statement_timeout", "idle_in_transaction_session_timeout"] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT setting || source FROM pg_settings WHERE name = '{setting}'"));
        let found = sqlx::raw_sql(sql).fetch_one(&mut another).await.unwrap();
        let found: String = sqlx::Row::get(&found, 0);
        assert!(found.ends_with("default"), "{setting}: {found}");
    }
    let prepared = sqlx::raw_sql("SELECT count(*)::text FROM pg_prepared_statements").fetch_one(&mut another).await;
    assert_eq!(sqlx::Row::get::<String, _>(&prepared.unwrap(), 0), "0");
    // And it can be written to by that client.
    another.execute("CREATE TABLE of_another (it int)").await.unwrap();
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    let doctor = stage.service.run_cli(&["doctor"]).await.unwrap();
    assert!(!doctor.stdout.contains("FAIL  roster"), "{doctor:?}");
    stage.nothing_left().await;
}
