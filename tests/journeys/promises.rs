//! What the guard promises: what was shown stays held, and strangers hold nobody.

use std::time::Duration;

use phenom_provisioner::store::Store;
use serde_json::json;
use testbed::{Person, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    what_is_held_outlasts_a_room_that_cannot_be_read_and_others_who_join,
    what_was_dismissed_stays_held_when_the_window_has_passed,
    strangers_and_their_guests_go_at_once_and_hold_nobody,
    who_came_while_removals_observed_has_a_rightful_place,
    who_is_put_out_and_comes_back_while_they_are_held_has_a_rightful_place,
);

fn guarded() -> Settings {
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    Settings { guard, notify: true, ..Settings::default() }
}

async fn what_is_held_outlasts_a_room_that_cannot_be_read_and_others_who_join(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { resync_interval: "2s", ..guarded() }).await;
    let people = stage.start_with_staff(10).await;
    // One room stays unread from here on.
    stage
        .bot
        .call(reqwest::Method::POST, &format!("/_matrix/client/v3/rooms/{}/leave", stage.analysts), Some(json!({})))
        .await
        .unwrap();
    let gone = people[..3].iter().map(|sub| format!("'{sub}'")).collect::<Vec<_>>().join(", ");
    let new: Vec<String> = subjects(12);
    for sub in &new {
        stage.hasura.add(sub, "others", "member").await.unwrap();
    }
    let values = new.iter().map(|sub| format!("('{sub}'::uuid)")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "WITH gone AS (DELETE FROM team_members WHERE user_id::text IN ({gone}))
         INSERT INTO team_members (team_id, user_id)
         SELECT id, person FROM teams, (VALUES {values}) AS new (person) WHERE name = 'staff'"
    );
    stage.hasura.execute(&sql).await.unwrap();
    for sub in &new {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    let resyncs = stage
        .proxy
        .count(|request| request.path.starts_with("/_synapse/admin/v1/rooms/") && request.path.ends_with("/members"));
    wait_until("it was read again a few times", SOON, async || {
        stage.proxy.count(|request| {
            request.path.starts_with("/_synapse/admin/v1/rooms/") && request.path.ends_with("/members")
        }) > resyncs + 6
    })
    .await
    .unwrap();
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join", "nobody was asked");
    }
    let store = Store::open(&stage.database).await.unwrap();
    let held = store.held_plan().await.unwrap().unwrap();
    assert_eq!(store.held_parts(&held.id).await.unwrap().len(), 3);
    let plans: i64 = sqlx::query_scalar("SELECT count(*) FROM provisioner.held_plans")
        .fetch_one(&mut stage.connect().await)
        .await
        .unwrap();
    assert_eq!(plans, 1, "the same one all along");
}

async fn what_was_dismissed_stays_held_when_the_window_has_passed(version: SynapseVersion) {
    let guard = "window = \"1m\"\nfree_removals = 0\nmax_removals = 1\nmax_fraction = 1.0".to_owned();
    let stage =
        Stage::set_newest(version, Settings { guard, notify: true, resync_interval: "3s", ..Settings::default() })
            .await;
    let people = stage.start_with_staff(4).await;
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    stage.hasura.remove(&people[1], "staff").await.unwrap();
    let store = Store::open(&stage.database).await.unwrap();
    wait_until("the second is held", SOON, async || store.held_plan().await.unwrap().is_some()).await.unwrap();
    let held = store.held_plan().await.unwrap().unwrap();
    assert!(store.dismiss_held_plan(&held.id, "@lead:x").await.unwrap());
    tokio::time::sleep(Duration::from_secs(65)).await;
    assert_eq!(stage.apply().await.0, 3);
    assert_eq!(stage.membership(&stage.staff, &people[1]).await, "join");
    // Another one is within the limits by now, but together with what is held it is not.
    let approved = stage.service.run_cli(&["apply", "--approve", &held.id]).await.unwrap();
    assert_eq!(approved.status, Some(0), "{approved:?}");
    assert_eq!(stage.membership(&stage.staff, &people[1]).await, "leave");
    stage.nothing_left().await;
}

async fn strangers_and_their_guests_go_at_once_and_hold_nobody(version: SynapseVersion) {
    let stage = Stage::set_newest(version, guarded()).await;
    let people = stage.start_with_staff(8).await;
    // Anybody in the room may invite, and does; some come.
    let inviter = Person::login(&stage.bed.synapse, &people[7]).await.unwrap();
    let (guests, comers) = (subjects(8), subjects(8));
    for sub in guests.iter().chain(&comers) {
        Person::login(&stage.bed.synapse, sub).await.unwrap();
    }
    let invite = async |sub: &String| {
        let path = format!("/_matrix/client/v3/rooms/{}/invite", stage.staff);
        stage
            .bot
            .with_token(&inviter.mxid, &inviter.client.access_token().unwrap())
            .request(reqwest::Method::POST, &path, Some(json!({"user_id": stage.mxid(sub)})))
            .await
    };
    for sub in &guests {
        invite(sub).await.ok();
    }
    for sub in &comers {
        stage.admin.force_join(&stage.staff, &stage.mxid(sub)).await.ok();
    }
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    for sub in guests.iter().chain(&comers) {
        wait_until(&format!("{sub} is out"), SOON, async || {
            !["join", "invite"].contains(&stage.membership(&stage.staff, sub).await.as_str())
        })
        .await
        .unwrap();
    }
    let store = Store::open(&stage.database).await.unwrap();
    assert_eq!(store.held_plan().await.unwrap(), None);
    let taken: Vec<(String, i32)> = sqlx::query_as(
        "SELECT user_id, taken FROM provisioner.ledger WHERE kind = 'remove' AND outcome = 'done' AND taken > 0",
    )
    .fetch_all(&mut stage.connect().await)
    .await
    .unwrap();
    assert_eq!(taken, [(stage.mxid(&people[0]), 1)], "strangers count for nothing");
    stage.nothing_left().await;
    // Who comes back goes again, and holds nobody either.
    stage.admin.force_join(&stage.staff, &stage.mxid(&comers[0])).await.unwrap();
    stage.until(&stage.staff, &comers[0], "leave", SOON).await;
    assert_eq!(store.held_plan().await.unwrap(), None);
}

async fn who_came_while_removals_observed_has_a_rightful_place(version: SynapseVersion) {
    let mut stage = Stage::set_newest(version, Settings { mode: "observe", ..guarded() }).await;
    let comers = subjects(6);
    stage.start().await;
    for sub in &comers {
        stage.member(&stage.staff, sub).await;
    }
    stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    stage.hasura.add(&subject(), "analysts", "member").await.unwrap();
    stage.service.sigterm().await.unwrap();
    stage.change(|settings| settings.mode = "enforce");
    stage.start().await;
    stage.apply().await;
    for sub in &comers {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join", "they had it when enforcing began");
    }
    let (_, plan) = stage.plan().await;
    let held = plan["actions"].as_array().unwrap().iter().filter(|one| one["held"] == true).count();
    assert_eq!(held, 6, "{plan:#}");
}

/// A moderator puts somebody out by mistake while a wrong answer has their removal held, and they come in again.
async fn who_is_put_out_and_comes_back_while_they_are_held_has_a_rightful_place(version: SynapseVersion) {
    let stage = Stage::set_newest(version, guarded()).await;
    stage.admin.send_state(&stage.staff, "m.room.join_rules", "", json!({"join_rule": "public"})).await.unwrap();
    let people = stage.start_with_staff(10).await;
    let person = Person::login(&stage.bed.synapse, &people[0]).await.unwrap();
    let gone = people[..3].iter().map(|sub| format!("'{sub}'")).collect::<Vec<_>>().join(", ");
    stage.hasura.execute(&format!("DELETE FROM team_members WHERE user_id::text IN ({gone})")).await.unwrap();
    let store = Store::open(&stage.database).await.unwrap();
    let held = async || match store.held_plan().await.unwrap() {
        Some(held) => store.held_parts(&held.id).await.unwrap().len(),
        None => 0,
    };
    wait_until("three are held", SOON, async || held().await == 3).await.unwrap();
    stage.admin.kick(&stage.staff, &stage.mxid(&people[0])).await.unwrap();
    wait_until("two are held", SOON, async || held().await == 2).await.unwrap();
    person.join(&stage.staff).await.unwrap();
    wait_until("three are held again", SOON, async || held().await == 3).await.unwrap();
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "join");
    let (_, plan) = stage.plan().await;
    assert!(plan["actions"].as_array().unwrap().iter().all(|action| action["held"] == true), "{plan:#}");
}
