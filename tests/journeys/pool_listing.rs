//! The pool as it is listed: who is found, who is missing, and listings that are cut short or not believed.

mod missed;
mod overtaken;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use testbed::{Effect, Matching, Pool, Proxy, SynapseVersion, wait_until};

use crate::pool_support::{
    a_while_passes, cognito, listed_hours_ago, pool, settings, staff, until_listed, whole_listings,
};
use crate::support::{SOON, Settings, Stage};

crate::on_one_version!(
    who_an_administrator_made_is_found_by_the_listing_and_gets_their_name,
    a_deleted_user_is_gone_after_two_whole_listings_and_not_after_one,
    a_listing_that_is_killed_goes_on_and_who_is_deleted_between_pages_stays,
    a_page_that_fails_makes_no_listing_whole_and_takes_nothing,
    a_restart_while_the_pool_is_away_takes_nothing,
    a_pool_that_lists_nobody_is_not_believed,
    what_was_listed_long_ago_takes_nothing_from_anyone,
    a_new_lead_goes_on_with_the_listing_of_the_one_before_it,
    a_backfill_takes_over_where_whoever_listed_is_gone,
    a_backfill_that_fails_beside_the_service_is_made_good_by_its_next_listing,
    whom_the_pool_did_not_know_is_asked_for_again_without_any_listing,
    who_confirmed_after_the_pool_denied_them_stays_where_they_were_let_in,
);

async fn who_an_administrator_made_is_found_by_the_listing_and_gets_their_name(version: SynapseVersion) {
    let pool = pool().await;
    let stage = Stage::set(version, settings(&pool, "remove")).await;
    stage.start().await;
    let sub = pool.admin_create("maria@example.org", "Maria Example").await.unwrap();
    let unconfirmed = pool.sign_up("nobody@example.org", "Nobody Yet").await.unwrap();
    stage.until(&stage.red, &sub, "join", SOON).await;
    let user = stage.admin.user(&stage.mxid(&sub)).await.unwrap().unwrap();
    assert_eq!(user["displayname"], "Maria Example");
    until_listed(&stage, 1).await;
    assert_eq!(stage.admin.user(&stage.mxid(&unconfirmed)).await.unwrap(), None);
    assert!(!stage.service.log().contains("example.org"), "no e-mail address in the log");
    stage.nothing_left().await;
}

async fn a_deleted_user_is_gone_after_two_whole_listings_and_not_after_one(version: SynapseVersion) {
    let pool = pool().await;
    let sections = cognito(&pool, "1h", "remove");
    let stage = Stage::set(version, Settings { sections, ..Settings::default() }).await;
    let people = staff(&stage, &pool, 3).await;
    let backfill = async || {
        let output = stage.service.run_cli(&["backfill"]).await.unwrap();
        assert_eq!(output.status, Some(0), "{output:?}");
        output.stdout
    };
    let said = backfill().await;
    assert!(said.contains("3 users, of which 3 new or changed; missing of those known before: 0"), "{said}");
    assert_eq!(stage.apply().await.0, 0);
    pool.delete(&people[0]).await.unwrap();
    let said = backfill().await;
    assert!(said.contains("missing of those known before: 1, gone for good: 0"), "{said}");
    stage.nothing_left().await;
    let said = backfill().await;
    assert!(said.contains("missing of those known before: 1, gone for good: 0"), "so soon it says nothing new: {said}");
    stage.nothing_left().await;
    a_while_passes(&stage).await;
    let said = backfill().await;
    assert!(said.contains("missing of those known before: 1, gone for good: 1"), "{said}");
    assert_eq!(stage.apply().await.0, 0);
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "leave");
    assert_eq!(stage.membership(&stage.red, &people[0]).await, "leave");
    assert_eq!(stage.membership(&stage.red, &people[1]).await, "join");
    stage.nothing_left().await;
}

/// The newest listing: pages, and whether it was ended whole.
async fn newest_listing(stage: &Stage) -> (i32, bool) {
    let mut connection = stage.connect().await;
    let newest = "SELECT pages, completed_at IS NOT NULL FROM provisioner.listings ORDER BY id DESC LIMIT 1";
    sqlx::query_as(newest).fetch_optional(&mut connection).await.unwrap().unwrap_or_default()
}

/// The removals that are planned.
async fn removals(stage: &Stage) -> Vec<String> {
    let (_, plan) = stage.plan().await;
    let actions = plan["actions"].as_array().unwrap().iter().filter(|one| one["kind"] == "remove");
    actions.map(|one| one["user"].as_str().unwrap().to_owned()).collect()
}

async fn a_listing_that_is_killed_goes_on_and_who_is_deleted_between_pages_stays(version: SynapseVersion) {
    let pool = pool().await;
    let sections = cognito(&pool, "1h", "remove");
    let stage = Stage::set(version, Settings { sections, mode: "observe", ..Settings::default() }).await;
    pool.import_many(600).await.unwrap();
    let whole = async || {
        let output = stage.service.run_cli(&["backfill"]).await.unwrap();
        assert_eq!(output.status, Some(0), "{output:?}");
        output
    };
    whole().await;

    // A `run` lists at its start where that is due: killed between two pages, and a backfill goes on where it was.
    let long_ago = "UPDATE provisioner.listings SET completed_at = completed_at - interval '1 hour'";
    sqlx::query(long_ago).execute(&mut stage.connect().await).await.unwrap();
    stage.service.start_again().unwrap();
    wait_until("some pages are listed", SOON, async || matches!(newest_listing(&stage).await, (3.., false)))
        .await
        .unwrap();
    stage.service.sigkill().await.unwrap();
    let (pages, ended) = newest_listing(&stage).await;
    assert!(!ended && pages < 10, "{pages}");
    // A user on a later page, and not the one that moto's page token names, is in a room and then deleted.
    let late: String = sqlx::query_scalar(
        "SELECT subject FROM provisioner.accounts, (SELECT id, next_token FROM provisioner.listings ORDER BY id DESC LIMIT 1) its
         WHERE listing <> its.id AND position(subject IN its.next_token) = 0 ORDER BY subject LIMIT 1",
    )
    .fetch_one(&mut stage.connect().await)
    .await
    .unwrap();
    let _session = stage.member(&stage.staff, &late).await;
    stage.hasura.add(&late, "staff", "member").await.unwrap();
    assert_eq!(removals(&stage).await, Vec::<String>::new());
    pool.delete(&late).await.unwrap();
    whole().await;
    assert_eq!(newest_listing(&stage).await, (10, true), "no page was read twice");
    assert_eq!(removals(&stage).await, Vec::<String>::new(), "missing from one listing is not gone");
    a_while_passes(&stage).await;
    whole().await;
    assert_eq!(removals(&stage).await, [stage.mxid(&late)]);
}

/// Waits until a removal is planned and not carried out.
async fn until_blocked(stage: &Stage) {
    wait_until("the removal is blocked", SOON, async || {
        let (_, plan) = stage.plan().await;
        plan["blocked"].to_string().contains("would be taken away")
    })
    .await
    .unwrap();
}

/// Two of staff, joined, whose pool was listed, and the way by which the service reaches it.
async fn listed_by_way_of_a_proxy(version: SynapseVersion) -> (Stage, Pool, Proxy, Vec<String>) {
    let mut pool = pool().await;
    let proxy = Proxy::start(&pool.endpoint).await.unwrap();
    let direct = pool.clone();
    proxy.url().clone_into(&mut pool.endpoint);
    let stage = Stage::set(version, settings(&pool, "remove")).await;
    let people = staff(&stage, &direct, 2).await;
    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    until_listed(&stage, 1).await;
    (stage, direct, proxy, people)
}

async fn a_page_that_fails_makes_no_listing_whole_and_takes_nothing(version: SynapseVersion) {
    let (stage, direct, proxy, people) = listed_by_way_of_a_proxy(version).await;
    // The pool cannot be reached, and its last word was that one of them is disabled: nobody goes for it.
    proxy.set_down(true);
    direct.disable(&people[0]).await.unwrap();
    stage.until_logged("the pool's listing waits").await;
    let listings = whole_listings(&stage).await;
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["actions"], json!([]), "{plan:#}");
    assert!(plan["notices"].to_string().contains("the pool cannot be listed"), "{plan:#}");
    // A user that the roster no longer names is not removed either: the pool says who belongs at all.
    stage.hasura.remove(&people[1], "staff").await.unwrap();
    stage.hook().await;
    until_blocked(&stage).await;
    assert_eq!(stage.membership(&stage.staff, &people[1]).await, "join");
    assert_eq!(whole_listings(&stage).await, listings);
    // Back again, both follow.
    proxy.set_down(false);
    stage.until(&stage.staff, &people[0], "leave", Duration::from_secs(120)).await;
    stage.until(&stage.staff, &people[1], "leave", SOON).await;
    stage.nothing_left().await;
}

/// The listing begins anew, and its first page takes half a minute to fail.
async fn a_restart_while_the_pool_is_away_takes_nothing(version: SynapseVersion) {
    let (stage, _, proxy, people) = listed_by_way_of_a_proxy(version).await;
    proxy.set_down(true);
    stage.until_logged("the pool's listing waits").await;
    stage.hasura.remove(&people[1], "staff").await.unwrap();
    stage.hook().await;
    until_blocked(&stage).await;

    stage.service.sigterm().await.unwrap();
    let silent = proxy.fault(Matching::any().action("ListUsers"), Effect::Hold);
    proxy.set_down(false);
    stage.service.start_again().unwrap();
    stage.until_not_ready(&["pool: the pool cannot be read"]).await;
    wait_until("the pool is asked", SOON, async || silent.hits() > 0).await.unwrap();
    stage.hook().await;
    stage.quiet().await;
    assert_eq!(stage.membership(&stage.staff, &people[1]).await, "join");
    silent.lift();
    stage.until(&stage.staff, &people[1], "leave", SOON).await;
    stage.service.wait_ready().await.unwrap();
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "join");
    stage.nothing_left().await;
}

async fn a_pool_that_lists_nobody_is_not_believed(version: SynapseVersion) {
    let pool = pool().await;
    let stage = Stage::set(version, settings(&pool, "deactivate")).await;
    let people = staff(&stage, &pool, 3).await;
    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    for sub in &people {
        pool.delete(sub).await.unwrap();
    }
    stage.until_logged("that is not believed").await;
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["actions"], json!([]), "{plan:#}");
    assert!(plan["notices"].to_string().contains("listed nobody"), "{plan:#}");
    assert_eq!(stage.admin.user(&stage.mxid(&people[0])).await.unwrap().unwrap()["deactivated"], false);
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
        assert_eq!(stage.membership(&stage.red, sub).await, "join");
    }
}

async fn a_new_lead_goes_on_with_the_listing_of_the_one_before_it(version: SynapseVersion) {
    let pool = pool().await;
    let sections = cognito(&pool, "6h", "remove");
    let stage = Stage::set(version, Settings { sections, ..Settings::default() }).await;
    let people = staff(&stage, &pool, 1).await;
    stage.start().await;
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    wait_until("the pool is listed", SOON, async || whole_listings(&stage).await == 1).await.unwrap();
    let listings = async || -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM provisioner.listings");
        count.fetch_one(&mut stage.connect().await).await.unwrap()
    };
    for _ in 0..2 {
        stage.service.sigterm().await.unwrap();
        stage.start().await;
        stage.nothing_left().await;
        assert_eq!(listings().await, 1, "what was said a moment ago is not asked again");
    }
    // One that is due, or that was wanted, is made.
    stage.service.sigterm().await.unwrap();
    let long_ago = "UPDATE provisioner.listings SET completed_at = completed_at - interval '6 hours'";
    sqlx::query(long_ago).execute(&mut stage.connect().await).await.unwrap();
    stage.start().await;
    wait_until("the pool is listed again", SOON, async || whole_listings(&stage).await == 2).await.unwrap();
    assert_eq!(stage.service.run_cli(&["backfill"]).await.unwrap().status, Some(0));
    assert_eq!(whole_listings(&stage).await, 3);
}

/// Our database was restored, or the pool was out of the configuration for weeks: who was disabled then may not be now.
async fn what_was_listed_long_ago_takes_nothing_from_anyone(version: SynapseVersion) {
    let mut pool = pool().await;
    let proxy = Proxy::start(&pool.endpoint).await.unwrap();
    pool.endpoint = proxy.url().to_owned();
    let sections = cognito(&pool, "1h", "lock");
    let stage = Stage::set(version, Settings { sections, ..Settings::default() }).await;
    let people = staff(&stage, &pool, 2).await;
    stage.start().await;
    for sub in &people {
        for room in [&stage.staff, &stage.red] {
            stage.until(room, sub, "join", SOON).await;
        }
    }
    wait_until("the pool is listed", SOON, async || whole_listings(&stage).await == 1).await.unwrap();
    stage.service.sigterm().await.unwrap();
    for then in [
        "UPDATE provisioner.listings SET completed_at = completed_at - interval '3 weeks'",
        "UPDATE provisioner.accounts SET state = 'disabled'",
    ] {
        sqlx::query(then).execute(&mut stage.connect().await).await.unwrap();
    }

    let silent = proxy.fault(Matching::any().action("ListUsers"), Effect::Hold);
    stage.start().await;
    wait_until("the pool is asked", SOON, async || silent.hits() > 0).await.unwrap();
    let (_, plan) = stage.plan().await;
    assert!(plan["notices"].to_string().contains("has not been listed lately"), "{plan:#}");
    for sub in &people {
        for room in [&stage.staff, &stage.red] {
            assert_eq!(stage.membership(room, sub).await, "join");
        }
    }
    silent.lift();
    wait_until("the pool is listed again", SOON, async || whole_listings(&stage).await == 2).await.unwrap();
    stage.nothing_left().await;
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "join");
}

/// The right to list, as the process that lists keeps it: a lock on a connection.
const RIGHT_TO_LIST: &str = "SELECT pg_advisory_lock(x'6c697374696e67'::bigint)";

async fn a_backfill_takes_over_where_whoever_listed_is_gone(version: SynapseVersion) {
    let pool = pool().await;
    let sections = cognito(&pool, "6h", "remove");
    let stage = Stage::set(version, Settings { sections, ..Settings::default() }).await;
    let people = staff(&stage, &pool, 2).await;
    let output = stage.service.run_cli(&["backfill"]).await.unwrap();
    assert!(output.stdout.contains("2 users, of which 2 new or changed"), "{output:?}");
    pool.delete(&people[0]).await.unwrap();

    // Somebody has the right, and has not begun: the listing before is no answer. Then they are gone.
    let mut lister = stage.connect().await;
    sqlx::query(RIGHT_TO_LIST).execute(&mut lister).await.unwrap();
    let let_go = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(whole_listings(&stage).await, 1);
        drop(lister);
    };
    let (output, ()) = tokio::join!(stage.service.run_cli(&["backfill"]), let_go);
    let output = output.unwrap();
    assert!(output.status == Some(0) && output.stderr.contains("it goes on here"), "{output:?}");
    assert!(
        output.stdout.contains("1 user, of which 0 new or changed; missing of those known before: 1"),
        "{output:?}"
    );
}

/// Somebody runs it where the pool may not be read, hours before the service lists again by itself.
async fn a_backfill_that_fails_beside_the_service_is_made_good_by_its_next_listing(version: SynapseVersion) {
    let (mut stage, pool, people) = listed_hours_ago(version).await;
    let proxy = Proxy::start(&pool.endpoint).await.unwrap();
    let refusal = json!({ "__type": "AccessDeniedException", "message": "User is not authorized to perform that" });
    proxy.fault(Matching::any(), Effect::Answer(400, refusal));
    let mut behind = pool.clone();
    proxy.url().clone_into(&mut behind.endpoint);
    stage.change(|settings| settings.sections = cognito(&behind, "6h", "remove"));
    let refused = stage.refused(&["backfill"]).await;
    assert!(refused.stderr.contains("AccessDeniedException"), "{refused:?}");
    stage.change(|settings| settings.sections = cognito(&pool, "6h", "remove"));

    wait_until("the service lists the pool", SOON, async || whole_listings(&stage).await == 2).await.unwrap();
    stage.service.wait_ready().await.unwrap();
    stage.hasura.remove(&people[1], "staff").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &people[1], "leave", SOON).await;
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "join");
    stage.nothing_left().await;
    assert_eq!(whole_listings(&stage).await, 2, "once it is whole, the next one is hours away");
}

async fn whom_the_pool_did_not_know_is_asked_for_again_without_any_listing(version: SynapseVersion) {
    let pool = pool().await;
    let sections = cognito(&pool, "6h", "remove");
    // On a Synapse of its own: it takes long, and other stages may take the bot for an admin of nobody's.
    let bed = Arc::new(testbed::own(version).await.unwrap());
    let stage = Stage::set_on(bed, Settings { sections, ..Settings::default() }).await;
    let slow = pool.sign_up("slow@example.org", "Slow To Confirm").await.unwrap();
    stage.hasura.add(&slow, "staff", "member").await.unwrap();
    stage.start().await;
    // Typing in the code of an e-mail takes longer than the three times that the pool is asked before it is believed.
    until_refused(&stage, &slow).await;
    let listed = whole_listings(&stage).await;
    pool.confirm(&slow).await.unwrap();
    stage.until(&stage.staff, &slow, "join", Duration::from_secs(120)).await;
    assert_eq!(whole_listings(&stage).await, listed);
    stage.nothing_left().await;
}

/// Waits until the pool has denied somebody often enough to be believed.
async fn until_refused(stage: &Stage, sub: &str) {
    let state = async || -> Option<String> {
        let state = sqlx::query_scalar("SELECT state FROM provisioner.accounts WHERE subject = $1").bind(sub);
        state.fetch_optional(&mut stage.connect().await).await.unwrap()
    };
    wait_until("they are refused", Duration::from_secs(90), async || state().await.as_deref() == Some("refused"))
        .await
        .unwrap();
}

/// Without a message of the queue: the roster names three who sign up and do not confirm until the pool is asked for them rarely.
async fn who_confirmed_after_the_pool_denied_them_stays_where_they_were_let_in(version: SynapseVersion) {
    let pool = pool().await;
    let sections = cognito(&pool, "6h", "remove");
    // On a Synapse of its own: it takes long, and other stages may take the bot for an admin of nobody's.
    let bed = Arc::new(testbed::own(version).await.unwrap());
    let stage = Stage::set_on(bed, Settings { sections, ..Settings::default() }).await;
    let mut people = Vec::new();
    for name in ["late", "later", "never"] {
        let sub = pool.sign_up(&format!("{name}@example.org"), name).await.unwrap();
        stage.hasura.add(&sub, "staff", "member").await.unwrap();
        people.push(sub);
    }
    let [late, later, never] = &people[..] else { unreachable!("three signed up") };
    stage.start().await;
    for sub in &people {
        until_refused(&stage, sub).await;
    }
    let listed = whole_listings(&stage).await;

    // Let in by hand. The pool is asked anew before anybody is removed, and knows one of them by now.
    pool.confirm(late).await.unwrap();
    let _sessions = [stage.member(&stage.staff, late).await, stage.member(&stage.staff, never).await];
    stage.until(&stage.red, late, "join", SOON).await;
    // Who has not confirmed is denied once more, three times, and then goes.
    stage.until(&stage.staff, never, "leave", SOON).await;

    // The same while the service is away: its next start finds an old denial and somebody in the room.
    stage.service.sigterm().await.unwrap();
    pool.confirm(later).await.unwrap();
    let _session = stage.member(&stage.staff, later).await;
    stage.start().await;
    stage.until(&stage.red, later, "join", SOON).await;
    stage.nothing_left().await;
    for sub in [late, later] {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
    }
    let removed: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT user_id FROM provisioner.ledger WHERE kind = 'remove'")
            .fetch_all(&mut stage.connect().await)
            .await
            .unwrap();
    assert_eq!(removed, [stage.mxid(never)]);
    assert_eq!(whole_listings(&stage).await, listed);
}
