//! Groups of the pool: they decide who belongs and who is an admin, and what cannot be read decides nothing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use testbed::{Effect, Fault, Matching, Proxy, SynapseVersion, wait_until};

use crate::pool_support::{pool, settings, staff};
use crate::support::{SOON, Stage};

crate::on_one_version!(
    a_group_of_the_pool_decides_who_belongs,
    a_group_that_cannot_be_read_takes_and_gives_no_admin,
    who_is_back_in_the_group_a_moment_later_loses_nothing,
    who_is_missing_from_one_of_two_readings_loses_nothing,
);

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
    stage.service.start_again().unwrap();
    // The first pass goes by what was read of the group before the restart.
    wait_until("the missing group is noticed", SOON, async || {
        let (_, plan) = stage.plan().await;
        plan["notices"].to_string().contains("nest-admin")
    })
    .await
    .unwrap();
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["actions"], json!([]), "{plan:#}");
    assert!(plan["notices"].to_string().contains("nest-admin"), "{plan:#}");
    assert_eq!(stage.membership(&stage.analysts, &people[1]).await, "join");
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
    stage.service.start_again().unwrap();
    stage.until_not_ready(&["pool: group \"nest-admin\" cannot be read", "create it there"]).await;
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

/// Two people of a group of the pool are in the room for it, and the service reads the pool through a proxy.
async fn two_in_the_group(version: SynapseVersion) -> (Stage, Proxy, Vec<String>) {
    let mut pool = pool().await;
    pool.create_group("nest-admin").await.unwrap();
    let direct = pool.endpoint.clone();
    let proxy = Proxy::start(&direct).await.unwrap();
    proxy.url().clone_into(&mut pool.endpoint);
    let mut stage = Stage::set(version, settings(&pool, "remove")).await;
    pool.endpoint = direct;
    let people = staff(&stage, &pool, 2).await;
    for sub in &people {
        pool.add_to_group(sub, "nest-admin").await.unwrap();
    }
    stage.edit(|config| config.replace(r#"{ team = "analysts" }"#, r#"{ group = "nest-admin" }"#));
    stage.start().await;
    for sub in &people {
        stage.until(&stage.analysts, sub, "join", SOON).await;
    }
    stage.quiet().await;
    stage.proxy.clear();
    (stage, proxy, people)
}

/// The next answer about a group lacks this person.
fn lacks_once(proxy: &Proxy, sub: &str) -> Fault {
    let gone = sub.to_owned();
    let lacks = Effect::rewrite(move |mut answer| {
        if let Some(users) = answer["Users"].as_array_mut() {
            users.retain(|user| !user.to_string().contains(&gone));
        }
        answer
    });
    proxy.fault(Matching::any().action("ListUsersInGroup").times(1), lacks)
}

/// The group is read in between, or the answer is a stale one.
async fn who_is_back_in_the_group_a_moment_later_loses_nothing(version: SynapseVersion) {
    let (stage, proxy, people) = two_in_the_group(version).await;
    let stale = lacks_once(&proxy, &people[0]);
    wait_until("the group is read without them", SOON, async || stale.hits() == 1).await.unwrap();
    // It is asked about again, and what takes settles for three seconds besides.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(stage.writes(), 0);
    assert_eq!(stage.membership(&stage.analysts, &people[0]).await, "join");
    stage.nothing_left().await;
}

/// Both answers are stale, each in its own way.
async fn who_is_missing_from_one_of_two_readings_loses_nothing(version: SynapseVersion) {
    let (stage, proxy, people) = two_in_the_group(version).await;
    let stale = [lacks_once(&proxy, &people[0]), lacks_once(&proxy, &people[1])];
    wait_until("the group is read twice", SOON, async || stale.iter().all(|one| one.hits() == 1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(stage.writes(), 0);
    for sub in &people {
        assert_eq!(stage.membership(&stage.analysts, sub).await, "join");
    }
    stage.nothing_left().await;
}
