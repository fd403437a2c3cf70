//! The pool: found by the listing, offboarded when it disables or deletes, moved as a whole, and never half believed.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sqlx::Connection;
use testbed::{NewUser, Person, Pool, Proxy, SynapseVersion, shared_moto, wait_until};

use crate::support::{SOON, Settings, Stage, subjects};

crate::on_both_versions!(
    who_an_administrator_made_is_found_by_the_listing_and_gets_their_name,
    a_disabled_user_leaves_every_room_and_comes_back_when_enabled,
    a_deleted_user_is_gone_after_two_whole_listings_and_not_after_one,
    a_locked_account_ends_its_sessions_and_is_opened_again,
    a_deactivated_account_comes_back_as_far_as_it_can,
    offboarding_many_at_once_is_held,
    a_group_of_the_pool_decides_who_belongs,
    a_pool_move_brings_everyone_over_and_waits_to_remove,
    a_listing_that_is_killed_goes_on_and_who_is_deleted_between_pages_stays,
    a_page_that_fails_makes_no_listing_whole_and_takes_nothing,
    a_pool_that_lists_nobody_is_not_believed,
    a_group_that_cannot_be_read_takes_and_gives_no_admin,
);

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
async fn staff(stage: &Stage, pool: &Pool, count: usize) -> Vec<String> {
    let people = subjects(count);
    let users: Vec<NewUser> = people.iter().map(|sub| NewUser::with_sub(sub)).collect();
    pool.import(&users).await.unwrap();
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    people
}

fn settings(pool: &Pool, offboarding: &str) -> Settings {
    Settings { sections: cognito(pool, "1s", offboarding), ..Settings::default() }
}

/// How many listings were ended whole so far.
async fn whole_listings(stage: &Stage) -> i64 {
    let mut connection = sqlx::PgConnection::connect(&stage.database).await.unwrap();
    let count = "SELECT count(*) FROM provisioner.listings WHERE completed_at IS NOT NULL";
    sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap()
}

/// Waits until this many more listings were ended.
async fn until_listed(stage: &Stage, more: i64) {
    let before = whole_listings(stage).await;
    wait_until("the pool is listed", SOON, async || whole_listings(stage).await >= before + more).await.unwrap();
}

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
    // Also from the room that otherwise keeps whoever is in it.
    stage.until(&stage.red, &people[0], "leave", SOON).await;
    assert_eq!(stage.membership(&stage.red, &people[1]).await, "join");
    stage.nothing_left().await;
    pool.enable(&people[0]).await.unwrap();
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    stage.until(&stage.red, &people[0], "join", SOON).await;
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
    assert!(said.contains("3 users, 3 new or changed, 0 known ones missing"), "{said}");
    assert_eq!(stage.apply().await.0, 0);
    pool.delete(&people[0]).await.unwrap();
    let said = backfill().await;
    assert!(said.contains("1 known ones missing, 0 of them gone for good"), "{said}");
    stage.nothing_left().await;
    let said = backfill().await;
    assert!(said.contains("1 known ones missing, 1 of them gone for good"), "{said}");
    assert_eq!(stage.apply().await.0, 0);
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "leave");
    assert_eq!(stage.membership(&stage.red, &people[0]).await, "leave");
    assert_eq!(stage.membership(&stage.red, &people[1]).await, "join");
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

async fn a_group_of_the_pool_decides_who_belongs(version: SynapseVersion) {
    let pool = pool().await;
    pool.create_group("nest-admin").await.unwrap();
    let mut stage = Stage::set(version, settings(&pool, "remove")).await;
    let people = staff(&stage, &pool, 3).await;
    pool.add_to_group(&people[0], "nest-admin").await.unwrap();
    pool.add_to_group(&people[1], "nest-admin").await.unwrap();
    stage.edit(|config| config.replace(r#"{ team = "analysts" }"#, r#"{ group = "nest-admin" }"#));
    stage.start().await;
    stage.until(&stage.analysts, &people[0], "join", SOON).await;
    stage.until(&stage.analysts, &people[1], "join", SOON).await;
    assert_eq!(stage.membership(&stage.analysts, &people[2]).await, "none");
    pool.remove_from_group(&people[0], "nest-admin").await.unwrap();
    stage.until(&stage.analysts, &people[0], "leave", SOON).await;
    // A group with nobody in it is an answer that is asked about first.
    pool.remove_from_group(&people[1], "nest-admin").await.unwrap();
    wait_until("the empty group is noticed", SOON, async || {
        let (_, plan) = stage.plan().await;
        plan["actions"][0]["held_because"].as_str().is_some_and(|text| text.contains("nobody in it"))
    })
    .await
    .unwrap();
    assert_eq!(stage.membership(&stage.analysts, &people[1]).await, "join");
    stage.service.sigterm().await.unwrap();
    // One that is gone altogether takes nothing from anybody.
    pool.call("DeleteGroup", json!({"UserPoolId": pool.id, "GroupName": "nest-admin"})).await.unwrap();
    stage.start().await;
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["actions"], json!([]), "{plan:#}");
    assert!(plan["notices"].to_string().contains("nest-admin"), "{plan:#}");
}

async fn a_pool_move_brings_everyone_over_and_waits_to_remove(version: SynapseVersion) {
    let pool = pool().await;
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    // On a Synapse of its own: the admins of other stages must not be this one's business.
    let bed = Arc::new(testbed::own(version).await.unwrap());
    let mut stage = Stage::set_on(bed, Settings { guard, ..settings(&pool, "remove") }).await;
    let leads = r#"[{ team = "staff", role = "lead" }]"#;
    stage.edit(|config| {
        let power = format!("members = [{{ team = \"staff\" }}]\npower = [{{ level = 50, grant = {leads} }}]");
        let modes = "[modes]\npower_levels = \"enforce\"\nserver_admins = \"enforce\"";
        let config = config.replace("[modes]", modes).replace(r#"members = [{ team = "staff" }]"#, &power);
        config.replace("[cognito]", &format!("[server_admins]\ngrant = {leads}\n[cognito]"))
    });
    let old = staff(&stage, &pool, 31).await;
    for lead in &old[..3] {
        stage.hasura.set_role(lead, "staff", "lead").await.unwrap();
    }
    stage.start().await;
    for sub in &old {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    until_leads(&stage, &old[..3], true).await;
    // Every subject is remapped in one transaction, as staging once was; the pool has the new people and not the old.
    let new = subjects(31);
    let users: Vec<NewUser> = new.iter().map(|sub| NewUser::with_sub(sub)).collect();
    pool.import(&users).await.unwrap();
    stage.hasura.execute(&remap(&old, &new)).await.unwrap();
    for sub in &old {
        pool.delete(sub).await.unwrap();
    }
    stage.hook().await;
    for sub in &new {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    // Those who led are given at once what they had, under their new names.
    until_leads(&stage, &new[..3], true).await;
    until_listed(&stage, 3).await;
    // Three levels of sixty people are within the limits, and three of six admins are not.
    for lead in &old[..3] {
        assert!(stage.admin.is_server_admin(&stage.mxid(lead)).await.unwrap());
    }
    let (_, plan) = stage.plan().await;
    let held = |kind: &str| {
        let actions = plan["actions"].as_array().unwrap().iter();
        actions.filter(|one| one["kind"] == kind && one["held"] == true).count()
    };
    assert_eq!(held("remove"), 62, "31 people of two rooms: {plan:#}");
    assert_eq!(held("revoke_server_admin"), 3, "{plan:#}");
    let notices = plan["notices"].to_string();
    assert!(notices.contains("looks like a pool move: 31 of the roster's 31 people"), "{notices}");
    let id = plan["held_id"].as_str().unwrap().to_owned();
    let output = stage.service.run_cli(&["apply", "--approve", &id, "--json"]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    for sub in &old {
        assert_eq!(stage.membership(&stage.staff, sub).await, "leave");
        assert_eq!(stage.membership(&stage.red, sub).await, "leave");
    }
    for sub in &new {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
    }
    until_leads(&stage, &old[..3], false).await;
    until_leads(&stage, &new[..3], true).await;
    stage.nothing_left().await;
}

/// Waits until all of these have, or have not, what a lead has: level 50 in Staff and the admin flag.
async fn until_leads(stage: &Stage, people: &[String], wanted: bool) {
    wait_until(&format!("{people:?} are leads: {wanted}"), SOON, async || {
        let Ok(Some(levels)) = stage.admin.state(&stage.staff, "m.room.power_levels", "").await else { return false };
        let mut so = true;
        for sub in people {
            let mxid = stage.mxid(sub);
            let admin = stage.admin.is_server_admin(&mxid).await.is_ok_and(|admin| admin);
            so &= admin == wanted && (levels["users"][&mxid] == 50) == wanted;
        }
        so
    })
    .await
    .unwrap();
}

fn remap(old: &[String], new: &[String]) -> String {
    let one = |(old, new): (&String, &String)| format!("UPDATE users SET id = '{new}' WHERE id = '{old}';");
    old.iter().zip(new).map(one).collect()
}

/// The newest listing: pages, and whether it was ended whole.
async fn newest_listing(stage: &Stage) -> (i32, bool) {
    let mut connection = stage.connect().await;
    let newest = "SELECT pages, completed_at IS NOT NULL FROM provisioner.listings ORDER BY id DESC LIMIT 1";
    sqlx::query_as(newest).fetch_optional(&mut connection).await.unwrap().unwrap_or_default()
}

/// What would be taken from whom.
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

    // A `run` lists at its start: killed between two pages, and a backfill goes on where it was.
    stage.service.start_again().unwrap();
    wait_until("some pages are listed", SOON, async || matches!(newest_listing(&stage).await, (3.., false)))
        .await
        .unwrap();
    stage.service.sigkill().await.unwrap();
    let (pages, ended) = newest_listing(&stage).await;
    assert!(!ended && pages < 10, "{pages}");
    // Somebody on a later page, and not the one to whom moto's place in the listing points, is in a room and then deleted.
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
    whole().await;
    assert_eq!(removals(&stage).await, [stage.mxid(&late)]);
}

async fn a_page_that_fails_makes_no_listing_whole_and_takes_nothing(version: SynapseVersion) {
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
    // The pool cannot be reached, and its last word was that one of them is disabled: nobody goes for it.
    until_listed(&stage, 1).await;
    proxy.set_down(true);
    direct.disable(&people[0]).await.unwrap();
    stage.until_logged("the pool's listing waits").await;
    let listings = whole_listings(&stage).await;
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["actions"], json!([]), "{plan:#}");
    assert!(plan["notices"].to_string().contains("the pool cannot be listed"), "{plan:#}");
    // Somebody whom the roster no longer names is not removed either: the pool is what says who belongs at all.
    stage.hasura.remove(&people[1], "staff").await.unwrap();
    stage.hook().await;
    wait_until("the removal is blocked", SOON, async || {
        let (_, plan) = stage.plan().await;
        plan["blocked"].to_string().contains("would be taken away")
    })
    .await
    .unwrap();
    assert_eq!(stage.membership(&stage.staff, &people[1]).await, "join");
    assert_eq!(whole_listings(&stage).await, listings);
    // Back again, both follow.
    proxy.set_down(false);
    stage.until(&stage.staff, &people[0], "leave", Duration::from_secs(120)).await;
    stage.until(&stage.staff, &people[1], "leave", SOON).await;
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

async fn a_group_that_cannot_be_read_takes_and_gives_no_admin(version: SynapseVersion) {
    let pool = pool().await;
    pool.create_group("nest-admin").await.unwrap();
    // On a Synapse of its own: the admins of other stages must not be this one's business.
    let bed = Arc::new(testbed::own(version).await.unwrap());
    let mut stage = Stage::set_on(bed, settings(&pool, "remove")).await;
    stage.edit(|config| {
        let config = config.replace("[modes]", "[modes]\nserver_admins = \"enforce\"");
        config.replace("[cognito]", "[server_admins]\ngrant = [{ group = \"nest-admin\" }]\n[cognito]")
    });
    let people = staff(&stage, &pool, 2).await;
    pool.add_to_group(&people[0], "nest-admin").await.unwrap();
    stage.start().await;
    let is_admin = async |sub: &str| stage.admin.is_server_admin(&stage.mxid(sub)).await.is_ok_and(|admin| admin);
    wait_until("the group's member is an admin", SOON, async || is_admin(&people[0]).await).await.unwrap();
    assert!(!is_admin(&people[1]).await);
    for sub in &people {
        stage.until(&stage.red, sub, "join", SOON).await;
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    stage.nothing_left().await;

    // The group is gone, and somebody else was made an admin by hand: nothing is known, and nothing is done.
    stage.service.sigterm().await.unwrap();
    pool.call("DeleteGroup", json!({"UserPoolId": pool.id, "GroupName": "nest-admin"})).await.unwrap();
    stage.admin.set_server_admin(&stage.mxid(&people[1]), true).await.unwrap();
    stage.start().await;
    wait_until("the missing group is noticed", SOON, async || {
        let (_, plan) = stage.plan().await;
        plan["notices"].to_string().contains("nest-admin")
    })
    .await
    .unwrap();
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["actions"], json!([]), "{plan:#}");
    assert!(plan["blocked"].to_string().contains("revoke_server_admin"), "{plan:#}");
    assert!(is_admin(&people[0]).await && is_admin(&people[1]).await);
}
