//! What the journeys with a pool share: the pool, its section of the configuration, and people who are in it.

use sqlx::Connection;
use testbed::{NewUser, Pool, SynapseVersion, shared_moto, wait_until};

use crate::support::{SOON, Settings, Stage, subjects};

/// `[cognito]` for this pool.
pub(crate) fn cognito(pool: &Pool, listing_interval: &str, offboarding: &str) -> String {
    let Pool { id, endpoint, region, .. } = pool;
    format!(
        "[cognito]\nregion = \"{region}\"\nuser_pool_id = \"{id}\"\nendpoint_url = \"{endpoint}\"\n\
         listing_interval = \"{listing_interval}\"\noffboarding = \"{offboarding}\"\n"
    )
}

pub(crate) async fn pool() -> Pool {
    let moto = shared_moto().await;
    Pool::create(&moto).await.unwrap()
}

/// People who are in the pool and in team staff.
pub(crate) async fn staff(stage: &Stage, pool: &Pool, count: usize) -> Vec<String> {
    let people = subjects(count);
    let users: Vec<NewUser> = people.iter().map(|sub| NewUser::with_sub(sub)).collect();
    pool.import(&users).await.unwrap();
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    people
}

/// A service that has listed its pool, and lists it again hours later; two of staff are in their rooms.
pub(crate) async fn listed_hours_ago(version: SynapseVersion) -> (Stage, Pool, Vec<String>) {
    let pool = pool().await;
    let sections = cognito(&pool, "6h", "remove");
    let stage = Stage::set(version, Settings { sections, ..Settings::default() }).await;
    let people = staff(&stage, &pool, 2).await;
    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    wait_until("the pool is listed", SOON, async || whole_listings(&stage).await == 1).await.unwrap();
    (stage, pool, people)
}

pub(crate) fn settings(pool: &Pool, offboarding: &str) -> Settings {
    Settings { sections: cognito(pool, "1s", offboarding), ..Settings::default() }
}

/// Lets the misses of listings so far be as old as if ten minutes had passed: the next one counts.
pub(crate) async fn a_while_passes(stage: &Stage) {
    let older = "UPDATE provisioner.accounts SET missed_at = missed_at - interval '10 minutes'";
    sqlx::query(older).execute(&mut stage.connect().await).await.unwrap();
}

/// How many listings were ended whole so far.
pub(crate) async fn whole_listings(stage: &Stage) -> i64 {
    let mut connection = sqlx::PgConnection::connect(&stage.database).await.unwrap();
    let count = "SELECT count(*) FROM provisioner.listings WHERE completed_at IS NOT NULL";
    sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap()
}

/// Waits until this many more listings were ended.
pub(crate) async fn until_listed(stage: &Stage, more: i64) {
    let before = whole_listings(stage).await;
    wait_until("the pool is listed", SOON, async || whole_listings(stage).await >= before + more).await.unwrap();
}
