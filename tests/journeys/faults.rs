//! The fault matrix: whatever fails, the same is promised. Nobody is removed by mistake, nothing is lost, it is told within a
//! minute, what does not need it goes on, all is well again within a minute of its end, and SIGTERM ends the process in the middle
//! of it. `docs/faults.md` has the rows; what needs a script of its own (passwords, standbys, leaders) has a journey of its own.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, PgConnection};
use testbed::{Effect, Matching, Relay, SynapseVersion};

use crate::support::{Settings, Stage, subject};

crate::on_one_version!(
    our_database_refuses,
    our_database_is_silent,
    our_database_is_read_only,
    our_database_has_no_space,
    our_database_is_slow,
    the_roster_refuses,
    the_roster_is_silent_in_the_middle_of_an_answer,
    the_roster_is_slow,
    synapse_refuses,
    synapse_is_silent,
    synapse_limits,
    synapse_hides_behind_a_page,
    synapse_is_slow,
    synapse_falls_silent_while_nothing_happens,
);

/// What is told, and how long it takes until all is well, at most.
const MINUTE: Duration = Duration::from_secs(60);
const ENDS: Duration = Duration::from_secs(27);

/// Every write into our tables fails as it does where Postgres has no space left, and reading goes on.
const NO_SPACE: &str = "
    CREATE FUNCTION provisioner.no_space() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'provisioner' LOOP
            EXECUTE format('CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON provisioner.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION provisioner.no_space()', name);
        END LOOP;
    END $$";
const SPACE: &str = "DROP FUNCTION provisioner.no_space CASCADE";

/// A stage with a relay before each database.
struct Ground {
    stage: Stage,
    database: Relay,
    roster: Relay,
}

/// What a fault leaves standing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// It is told under this name on `/readyz`, and nothing that needs a pass goes on.
    Told(&'static str),
    /// The same, and what does not need the roster goes on.
    OthersGoOn(&'static str),
    /// The log says so, with the mend. Nothing is wrong that a restart or another replica would help.
    Logged(&'static str),
    /// It delays what is done, and is nothing to be told of.
    Works,
}

async fn ground(version: SynapseVersion) -> Ground {
    let mut stage = Stage::set(version, Settings { notify: true, poll_interval: "2s", ..Settings::default() }).await;
    let port = stage.bed.postgres.port();
    let (database, roster) = (Relay::to(port).await.unwrap(), Relay::to(port).await.unwrap());
    let (ours, theirs) = (stage.database.clone(), stage.hasura.url().to_owned());
    stage.edit(|config| {
        config.replace(&ours, &database.through(&ours, port)).replace(&theirs, &roster.through(&theirs, port))
    });
    Ground { stage, database, roster }
}

/// The script of every row. `fault` begins (true) and ends (false) it.
async fn promised(ground: &Ground, meanwhile: Meanwhile, fault: impl AsyncFn(bool)) {
    let stage = &ground.stage;
    let people = stage.start_with_staff(3).await;
    stage.quiet().await;
    let [goes, kicked, stays] = [&people[0], &people[1], &people[2]];
    let comes = subject();
    fault(true).await;
    stage.hasura.add(&comes, "staff", "member").await.unwrap();
    stage.hasura.remove(goes, "staff").await.unwrap();
    stage.admin.kick(&stage.staff, &stage.mxid(kicked)).await.unwrap();
    match meanwhile {
        Meanwhile::Works => {}
        Meanwhile::Logged(text) => stage.until_logged(text).await,
        Meanwhile::Told(name) | Meanwhile::OthersGoOn(name) => {
            stage.until_not_ready_within(MINUTE, &[&format!("{name}: ")]).await;
        }
    }
    if let Meanwhile::OthersGoOn(_) = meanwhile {
        stage.until(&stage.staff, kicked, "join", MINUTE).await;
    }
    if meanwhile != Meanwhile::Works {
        assert_eq!(stage.membership(&stage.staff, goes).await, "join", "what is not certain takes nothing");
        fault(false).await;
    }
    for (sub, membership) in [(&comes, "join"), (goes, "leave"), (kicked, "join")] {
        stage.until(&stage.staff, sub, membership, MINUTE).await;
    }
    stage.service.wait_ready().await.unwrap();
    // And a stop in the middle of it.
    fault(true).await;
    let late = subject();
    stage.hasura.add(&late, "staff", "member").await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let asked = Instant::now();
    let status = stage.service.sigterm().await.unwrap();
    assert!(status.code() == Some(0) && asked.elapsed() < ENDS, "{status:?} after {:?}", asked.elapsed());
    fault(false).await;
    stage.start().await;
    stage.until(&stage.staff, &late, "join", MINUTE).await;
    assert_eq!(stage.memberships(&stage.staff, stays).await.iter().filter(|now| *now != "invite").count(), 1);
    stage.nothing_left().await;
}

async fn of_relay(
    version: SynapseVersion,
    meanwhile: Meanwhile,
    of: impl Fn(&Ground) -> &Relay,
    begin: impl Fn(&Relay),
) {
    let ground = ground(version).await;
    let fault = async |begins| if begins { begin(of(&ground)) } else { of(&ground).speak() };
    promised(&ground, meanwhile, fault).await;
}

async fn our_database_refuses(version: SynapseVersion) {
    of_relay(version, Meanwhile::Told("database"), |ground| &ground.database, Relay::refuse).await;
}

async fn our_database_is_silent(version: SynapseVersion) {
    of_relay(version, Meanwhile::Told("database"), |ground| &ground.database, Relay::fall_silent).await;
}

async fn our_database_is_slow(version: SynapseVersion) {
    of_relay(version, Meanwhile::Works, |ground| &ground.database, Relay::slow_down).await;
}

async fn the_roster_refuses(version: SynapseVersion) {
    of_relay(version, Meanwhile::OthersGoOn("roster"), |ground| &ground.roster, Relay::refuse).await;
}

async fn the_roster_is_silent_in_the_middle_of_an_answer(version: SynapseVersion) {
    of_relay(version, Meanwhile::OthersGoOn("roster"), |ground| &ground.roster, Relay::swallow_answers).await;
}

async fn the_roster_is_slow(version: SynapseVersion) {
    of_relay(version, Meanwhile::Works, |ground| &ground.roster, Relay::slow_down).await;
}

async fn of_database(version: SynapseVersion, begin: impl AsyncFn(&Stage, bool)) {
    let ground = ground(version).await;
    promised(&ground, Meanwhile::Told("database"), async |begins| begin(&ground.stage, begins).await).await;
}

async fn our_database_has_no_space(version: SynapseVersion) {
    of_database(version, async |stage, begins| {
        sqlx::raw_sql(if begins { NO_SPACE } else { SPACE }).execute(&mut stage.connect().await).await.unwrap();
    })
    .await;
}

/// As after a failover that left the address with a reader: sessions are ended, and new ones read.
async fn our_database_is_read_only(version: SynapseVersion) {
    of_database(version, async |stage, begins| {
        let name = stage.database.rsplit('/').next().unwrap();
        let what =
            if begins { "SET default_transaction_read_only = on" } else { "RESET default_transaction_read_only" };
        let alter = AssertSqlSafe(format!("ALTER DATABASE \"{name}\" {what}"));
        let mut admin: PgConnection = stage.bed.postgres.connect("postgres").await.unwrap();
        sqlx::query(alter).execute(&mut admin).await.unwrap();
        if begins {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
            sqlx::query(end).bind(name).execute(&mut admin).await.unwrap();
        }
    })
    .await;
}

async fn of_synapse(version: SynapseVersion, meanwhile: Meanwhile, effect: Effect) {
    let ground = ground(version).await;
    let proxy = &ground.stage.proxy;
    let running = std::sync::Mutex::new(None);
    let fault = async |begins| {
        if begins {
            *running.lock().unwrap() = Some(proxy.fault(Matching::any(), effect.clone()));
        } else if let Some(fault) = running.lock().unwrap().take() {
            fault.lift();
        }
    };
    promised(&ground, meanwhile, fault).await;
}

async fn synapse_refuses(version: SynapseVersion) {
    of_synapse(version, Meanwhile::Told("homeserver"), Effect::Drop).await;
}

async fn synapse_is_silent(version: SynapseVersion) {
    of_synapse(version, Meanwhile::Told("homeserver"), Effect::Hold).await;
}

async fn synapse_limits(version: SynapseVersion) {
    of_synapse(version, Meanwhile::Logged("Synapse limits our requests"), Effect::Page(429)).await;
}

async fn synapse_hides_behind_a_page(version: SynapseVersion) {
    of_synapse(version, Meanwhile::Told("homeserver"), Effect::Page(502)).await;
}

async fn synapse_is_slow(version: SynapseVersion) {
    of_synapse(version, Meanwhile::Works, Effect::Delay(Duration::from_secs(1))).await;
}

/// No row and no push: the resync is the first to ask.
async fn synapse_falls_silent_while_nothing_happens(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { resync_interval: "3s", ..Settings::default() }).await;
    let people = stage.start_with_staff(2).await;
    stage.service.wait_ready().await.unwrap();
    let fault = stage.proxy.fault(Matching::any(), Effect::Hold);
    stage.until_not_ready_within(MINUTE, &["homeserver: ", "did not answer"]).await;
    fault.lift();
    stage.service.wait_ready().await.unwrap();
    stage.admin.kick(&stage.staff, &stage.mxid(&people[0])).await.unwrap();
    stage.until(&stage.staff, &people[0], "join", MINUTE).await;
    stage.nothing_left().await;
}
