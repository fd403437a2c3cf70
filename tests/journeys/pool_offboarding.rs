//! Who is disabled in the pool leaves, and comes back when enabled; many at once are asked about first.

use std::sync::Arc;
use std::time::Duration;

use phenom_provisioner::store::{AccountSource, Store};
use serde_json::json;
use testbed::{Effect, Matching, Person, Pool, Proxy, SynapseVersion, wait_until};

use crate::pool_support::{cognito, pool, settings, staff, until_listed};
use crate::support::{SOON, Settings, Stage, subject};

crate::on_both_versions!(
    a_disabled_user_leaves_every_room_and_comes_back_when_enabled,
    a_locked_account_ends_its_sessions_and_is_opened_again,
    a_lock_counts_although_the_sessions_could_not_be_ended,
    a_deactivated_account_comes_back_as_far_as_it_can,
    a_lock_of_ours_does_not_outlive_the_deactivation_that_follows_it,
);

crate::on_one_version!(
    a_disabled_user_leaves_while_the_roster_is_down_and_nobody_else_does,
    a_kill_between_the_lock_and_the_end_of_the_sessions_leaves_none,
    a_lock_that_ended_in_doubt_is_finished_after_a_restart,
    a_lock_whose_answer_was_lost_ends_the_sessions_too,
    a_lock_that_was_refused_is_not_taken_for_ours,
    offboarding_many_at_once_is_held,
    an_approval_does_not_wait_for_what_the_pool_says_of_others,
    what_is_shown_with_a_stored_denial_can_be_approved,
    who_is_enabled_again_before_the_approval_stays,
);

async fn a_disabled_user_leaves_every_room_and_comes_back_when_enabled(version: SynapseVersion) {
    let pool = pool().await;
    let stage = Stage::set(version, settings(&pool, "remove")).await;
    let people = staff(&stage, &pool, 2).await;
    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    pool.disable(&people[0]).await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    // Also from the room that otherwise keeps its members.
    stage.until(&stage.red, &people[0], "leave", SOON).await;
    assert_eq!(stage.membership(&stage.red, &people[1]).await, "join");
    stage.nothing_left().await;
    pool.enable(&people[0]).await.unwrap();
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    stage.until(&stage.red, &people[0], "join", SOON).await;
    stage.nothing_left().await;
}

async fn a_disabled_user_leaves_while_the_roster_is_down_and_nobody_else_does(version: SynapseVersion) {
    let pool = pool().await;
    // The admins of other stages must not be this one's business.
    let bed = Arc::new(testbed::own(version).await.unwrap());
    let mut stage = Stage::set_on(bed, Settings { poll_interval: "1s", ..settings(&pool, "remove") }).await;
    stage.edit(|config| {
        let admins = "[server_admins]\ngrant = [{ team = \"staff\" }]\n[guard]";
        config.replace("[guard]", admins).replace("[modes]\n", "[modes]\nserver_admins = \"enforce\"\n")
    });
    let people = staff(&stage, &pool, 3).await;
    stage.start().await;
    let is_admin = async |sub: &str| stage.admin.is_server_admin(&stage.mxid(sub)).await.unwrap();
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        wait_until("they are an admin", SOON, async || is_admin(sub).await).await.unwrap();
    }
    stage.hasura.execute("ALTER TABLE team_members RENAME TO elsewhere").await.unwrap();
    stage.until_not_ready(&["roster"]).await;
    pool.disable(&people[0]).await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    wait_until("they are no admin", SOON, async || !is_admin(&people[0]).await).await.unwrap();
    for sub in &people[1..] {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
        assert!(is_admin(sub).await);
    }
    stage.hasura.execute("ALTER TABLE elsewhere RENAME TO team_members").await.unwrap();
    stage.service.wait_ready().await.unwrap();
    stage.nothing_left().await;
}

async fn a_locked_account_ends_its_sessions_and_is_opened_again(version: SynapseVersion) {
    let pool = pool().await;
    let stage = Stage::set(version, settings(&pool, "lock")).await;
    let people = staff(&stage, &pool, 1).await;
    let person = Person::login(&stage.bed.synapse, &people[0]).await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    assert!(person.joined_rooms().await.is_ok());
    pool.disable(&people[0]).await.unwrap();
    let locked = async || stage.admin.user(&stage.mxid(&people[0])).await.unwrap().unwrap()["locked"] == true;
    wait_until("the account is locked", SOON, locked).await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    stage.until(&stage.red, &people[0], "leave", SOON).await;
    assert!(person.joined_rooms().await.is_err(), "the session has ended");
    stage.nothing_left().await;
    pool.enable(&people[0]).await.unwrap();
    wait_until("the account is open", SOON, async || !locked().await).await.unwrap();
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    assert!(person.joined_rooms().await.is_err(), "an ended session does not come back");
    stage.nothing_left().await;
}

/// How many devices somebody has.
async fn sessions(stage: &Stage, sub: &str) -> Option<u64> {
    let path = format!("/_synapse/admin/v2/users/{}/devices", stage.mxid(sub).replace('@', "%40"));
    stage.admin.call(reqwest::Method::GET, &path, None).await.unwrap()["total"].as_u64()
}

/// Somebody of staff who is logged in, at a service that locks.
async fn logged_in(version: SynapseVersion) -> (Pool, Stage, String) {
    let pool = pool().await;
    let stage = Stage::set(version, settings(&pool, "lock")).await;
    let sub = staff(&stage, &pool, 1).await.remove(0);
    Person::login(&stage.bed.synapse, &sub).await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &sub, "join", SOON).await;
    (pool, stage, sub)
}

async fn sessions_end(stage: &Stage, sub: &str) {
    wait_until("their sessions have ended", SOON, async || sessions(stage, sub).await == Some(0)).await.unwrap();
    stage.nothing_left().await;
}

async fn a_kill_between_the_lock_and_the_end_of_the_sessions_leaves_none(version: SynapseVersion) {
    let (pool, stage, sub) = logged_in(version).await;
    let held = stage.proxy.fault(Matching::any().method("POST").path("/delete_devices"), Effect::Hold);
    pool.disable(&sub).await.unwrap();
    wait_until("their sessions are about to end", SOON, async || held.hits() > 0).await.unwrap();
    stage.service.sigkill().await.unwrap();
    held.lift();
    assert_eq!(sessions(&stage, &sub).await, Some(1), "the held request died with the service");
    stage.start().await;
    sessions_end(&stage, &sub).await;
}

async fn a_lock_that_ended_in_doubt_is_finished_after_a_restart(version: SynapseVersion) {
    let (pool, stage, sub) = logged_in(version).await;
    let failure = json!({"errcode": "M_UNKNOWN", "error": "no"});
    let failing = stage.proxy.fault(Matching::any().path("/devices"), Effect::Answer(500, failure));
    pool.disable(&sub).await.unwrap();
    wait_until("their sessions cannot be ended", SOON, async || failing.hits() > 0).await.unwrap();
    stage.until_logged("its sessions could not be ended").await;
    stage.service.sigterm().await.unwrap();
    failing.lift();
    assert_eq!(sessions(&stage, &sub).await, Some(1));
    stage.start().await;
    sessions_end(&stage, &sub).await;
}

async fn a_lock_whose_answer_was_lost_ends_the_sessions_too(version: SynapseVersion) {
    let (pool, stage, sub) = logged_in(version).await;
    let lock = Matching::any().method("PUT").path(&stage.mxid(&sub)).times(1);
    let lost = stage.proxy.fault(lock, Effect::LoseAnswer);
    pool.disable(&sub).await.unwrap();
    wait_until("the answer is lost", SOON, async || lost.hits() > 0).await.unwrap();
    sessions_end(&stage, &sub).await;
}

async fn a_lock_counts_although_the_sessions_could_not_be_ended(version: SynapseVersion) {
    let pool = pool().await;
    let stage = Stage::set(version, settings(&pool, "lock")).await;
    let people = staff(&stage, &pool, 1).await;
    stage.start().await;
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    let path = format!("{}/devices", stage.mxid(&people[0]));
    stage.proxy.fault(
        Matching::any().path(&path).times(2),
        Effect::Answer(500, json!({"errcode": "M_UNKNOWN", "error": "no"})),
    );
    pool.disable(&people[0]).await.unwrap();
    let store = Store::open(&stage.database).await.unwrap();
    // The lock was set at the first try, and the sessions ended at the third.
    let outcomes = async || -> Vec<String> {
        sqlx::query_scalar(
            "SELECT outcome FROM provisioner.ledger WHERE kind = 'lock_account' AND outcome <> 'started' ORDER BY id",
        )
        .fetch_all(&mut stage.connect().await)
        .await
        .unwrap()
    };
    wait_until("the sessions have ended", SOON, async || outcomes().await == ["unknown", "failed", "already_so"])
        .await
        .unwrap();
    let taken = store.recently_taken(3600.0).await.unwrap();
    assert_eq!(taken.iter().filter(|one| one.kind == "lock_account").map(|one| one.taken).collect::<Vec<_>>(), [1]);
}

async fn a_lock_that_was_refused_is_not_taken_for_ours(version: SynapseVersion) {
    let pool = pool().await;
    let stage = Stage::set(version, settings(&pool, "lock")).await;
    let people = staff(&stage, &pool, 1).await;
    stage.start().await;
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    let user = stage.mxid(&people[0]);
    let refused = stage.proxy.fault(
        Matching::any().method("PUT").path(&format!("/_synapse/admin/v2/users/{user}")),
        Effect::Answer(403, json!({"errcode": "M_FORBIDDEN", "error": "no"})),
    );
    pool.disable(&people[0]).await.unwrap();
    wait_until("the lock is refused", SOON, async || refused.hits() > 0).await.unwrap();
    stage.admin.put_user(&user, json!({"locked": true})).await.unwrap();
    refused.lift();
    let already_so = async || -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM provisioner.ledger WHERE kind = 'lock_account' AND outcome = 'already_so'",
        )
        .fetch_one(&mut stage.connect().await)
        .await
        .unwrap()
    };
    wait_until("it is locked by somebody else", SOON, async || already_so().await > 0).await.unwrap();
    pool.enable(&people[0]).await.unwrap();
    wait_until("a lock of somebody else's keeps them out", SOON, async || {
        let (_, plan) = stage.plan().await;
        plan["blocked"].as_array().unwrap().iter().any(|one| one["user"] == json!(user))
    })
    .await
    .unwrap();
    assert_eq!(stage.admin.user(&user).await.unwrap().unwrap()["locked"], true);
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "leave");
}

async fn a_deactivated_account_comes_back_as_far_as_it_can(version: SynapseVersion) {
    let pool = pool().await;
    let stage = Stage::set(version, settings(&pool, "deactivate")).await;
    let people = staff(&stage, &pool, 1).await;
    stage.start().await;
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    pool.disable(&people[0]).await.unwrap();
    let deactivated = async || stage.admin.user(&stage.mxid(&people[0])).await.unwrap().unwrap()["deactivated"] == true;
    wait_until("the account is deactivated", SOON, deactivated).await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    stage.until(&stage.red, &people[0], "leave", SOON).await;
    pool.enable(&people[0]).await.unwrap();
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    stage.until(&stage.red, &people[0], "join", SOON).await;
    assert!(!deactivated().await);
    stage.nothing_left().await;
}

/// The configuration said `lock` and says `deactivate` now.
async fn a_lock_of_ours_does_not_outlive_the_deactivation_that_follows_it(version: SynapseVersion) {
    let pool = pool().await;
    let mut stage = Stage::set(version, settings(&pool, "lock")).await;
    let people = staff(&stage, &pool, 1).await;
    stage.start().await;
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    let user = stage.mxid(&people[0]);
    pool.disable(&people[0]).await.unwrap();
    until_account(&stage, &user, "locked", true).await;
    stage.service.sigterm().await.unwrap();
    stage.edit(|config| config.replace("offboarding = \"lock\"", "offboarding = \"deactivate\""));
    stage.start().await;
    until_account(&stage, &user, "deactivated", true).await;
    pool.enable(&people[0]).await.unwrap();
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    until_account(&stage, &user, "locked", false).await;
    stage.nothing_left().await;
}

async fn until_account(stage: &Stage, user: &str, flag: &str, is: bool) {
    let said = async || stage.admin.user(user).await.unwrap().unwrap()[flag] == is;
    wait_until(&format!("the account's {flag} is {is}"), SOON, said).await.unwrap();
}

async fn offboarding_many_at_once_is_held(version: SynapseVersion) {
    let pool = pool().await;
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    let stage = Stage::set(version, Settings { guard, ..settings(&pool, "lock") }).await;
    let people = staff(&stage, &pool, 6).await;
    stage.start().await;
    for sub in &people {
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    // No listing may see only one or two of them: so few would go without asking.
    stage.service.sigterm().await.unwrap();
    for sub in &people[..3] {
        pool.disable(sub).await.unwrap();
    }
    stage.start().await;
    until_listed(&stage, 2).await;
    let (_, plan) = stage.plan().await;
    let actions = plan["actions"].as_array().unwrap();
    // Three of six members, and three accounts where everyone of the server is asked: the rooms are held.
    let held = |kind: &str| actions.iter().filter(|one| one["kind"] == kind && one["held"] == true).count();
    assert_eq!(held("remove"), 6, "{plan:#}");
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
        assert_eq!(stage.membership(&stage.red, sub).await, "join");
    }
}

async fn an_approval_does_not_wait_for_what_the_pool_says_of_others(version: SynapseVersion) {
    let pool = pool().await;
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    let sections = cognito(&pool, "6h", "remove");
    let stage = Stage::set(version, Settings { guard, sections, ..Settings::default() }).await;
    let people = staff(&stage, &pool, 6).await;
    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    // Somebody in a room who is unknown to the pool: between listings it is asked three times, within 45 s, before that is
    // believed. The plan is not whole until then.
    let unknown = subject();
    stage.service.sigterm().await.unwrap();
    stage.admin.put_user(&stage.mxid(&unknown), json!({})).await.unwrap();
    stage.admin.force_join(&stage.analysts, &stage.mxid(&unknown)).await.unwrap();
    stage.start().await;
    stage.hasura.execute("DELETE FROM team_members").await.unwrap();
    stage.hook().await;
    let all = held(&stage, 6).await;
    for sub in &people[..3] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.hook().await;
    let three = held(&stage, 3).await;
    assert_ne!(all, three);
    // What `plan` shows can be approved, though what was held before was more.
    let said = stage.service.run_cli(&["apply", "--approve", &three]).await.unwrap();
    assert!(said.stdout.starts_with("3 done"), "{said:?}");
    for (number, sub) in people.iter().enumerate() {
        assert_eq!(stage.membership(&stage.staff, sub).await, if number < 3 { "join" } else { "leave" });
    }
    stage.until(&stage.analysts, &unknown, "leave", Duration::from_secs(90)).await;
    stage.nothing_left().await;
}

/// A process that only shows a plan trusts what the pool denied before. The service, after a start, asks again first.
async fn what_is_shown_with_a_stored_denial_can_be_approved(version: SynapseVersion) {
    let pool = pool().await;
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    let proxy = Proxy::start(&pool.endpoint).await.unwrap();
    let mut behind = pool.clone();
    behind.endpoint = proxy.url().to_owned();
    let sections = cognito(&behind, "6h", "remove");
    let stage = Stage::set(version, Settings { guard, sections, ..Settings::default() }).await;
    let people = staff(&stage, &pool, 4).await;
    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    stage.service.sigterm().await.unwrap();
    let (denied, store) = (subject(), Store::open(&stage.database).await.unwrap());
    let asked = store.now().await.unwrap();
    store.refuse_account(&denied, &stage.mxid(&denied), AccountSource::Roster, asked).await.unwrap();
    stage.admin.put_user(&stage.mxid(&denied), json!({})).await.unwrap();
    stage.admin.force_join(&stage.staff, &stage.mxid(&denied)).await.unwrap();
    let silent = proxy.fault(Matching::any(), Effect::Hold);
    stage.start().await;
    stage.hasura.execute("DELETE FROM team_members").await.unwrap();
    stage.hook().await;
    let all = held(&stage, 5).await;
    let said = stage.service.run_cli(&["apply", "--approve", &all]).await.unwrap();
    assert!(said.stdout.starts_with("4 done"), "{said:?}");
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "leave");
    }
    assert_eq!(stage.membership(&stage.staff, &denied).await, "join");
    // Once the pool has denied them again, they go by the same approval said once more.
    silent.lift();
    let one = held(&stage, 1).await;
    wait_until("they are denied again, and go", Duration::from_secs(90), async || {
        stage.service.run_cli(&["apply", "--approve", &one]).await.unwrap();
        stage.membership(&stage.staff, &denied).await == "leave"
    })
    .await
    .unwrap();
    stage.nothing_left().await;
}

/// Waits until so many removals are held, and returns the id that `plan` shows for them.
async fn held(stage: &Stage, count: usize) -> String {
    let mut id = None;
    wait_until(&format!("{count} are held"), SOON, async || {
        let (_, plan) = stage.plan().await;
        let actions = plan["actions"].as_array().unwrap();
        id = plan["held_id"].as_str().map(str::to_owned);
        actions.iter().filter(|action| action["held"] == true).count() == count
    })
    .await
    .unwrap();
    id.unwrap()
}

/// The pool was listed hours ago, and says something else by now of one of those who are to go.
async fn who_is_enabled_again_before_the_approval_stays(version: SynapseVersion) {
    let pool = pool().await;
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    let proxy = Proxy::start(&pool.endpoint).await.unwrap();
    let mut behind = pool.clone();
    behind.endpoint = proxy.url().to_owned();
    let sections = cognito(&behind, "6h", "remove");
    let stage = Stage::set(version, Settings { guard, sections, ..Settings::default() }).await;
    let people = staff(&stage, &pool, 6).await;
    for sub in &people[..4] {
        pool.disable(sub).await.unwrap();
        stage.admin.put_user(&stage.mxid(sub), json!({})).await.unwrap();
        for room in [&stage.staff, &stage.red] {
            stage.admin.force_join(room, &stage.mxid(sub)).await.unwrap();
        }
    }
    stage.start().await;
    for sub in &people[4..] {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    let is_held = async || {
        let (_, plan) = stage.plan().await;
        let held = plan["actions"].as_array().unwrap().iter().filter(|one| one["held"] == true);
        (held.count() == 8).then(|| plan["held_id"].as_str().unwrap().to_owned())
    };
    wait_until("four are held in two rooms", SOON, async || is_held().await.is_some()).await.unwrap();
    let id = is_held().await.unwrap();
    pool.enable(&people[0]).await.unwrap();
    let approve = async || stage.service.run_cli(&["apply", "--approve", &id, "--json"]).await.unwrap();
    // While the pool does not answer nobody goes.
    let silent = proxy.fault(Matching::any(), Effect::Hold);
    let said = approve().await.stdout;
    assert!(said.contains("disabled still"), "{said}");
    silent.lift();
    approve().await;
    for sub in &people[1..4] {
        stage.until(&stage.staff, sub, "leave", SOON).await;
        stage.until(&stage.red, sub, "leave", SOON).await;
    }
    stage.quiet().await;
    for room in [&stage.staff, &stage.red] {
        assert_eq!(stage.membership(room, &people[0]).await, "join");
    }
    stage.nothing_left().await;
}
