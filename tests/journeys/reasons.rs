//! Reasons that say what changed: who somebody was and until when, how they came in, and what they are told when they are removed.

use matrix_sdk::ruma::api::client::state::get_state_event_for_key;
use matrix_sdk::ruma::events::StateEventType;
use matrix_sdk::ruma::{RoomId, UserId};
use regex::Regex;
use serde_json::Value;
use testbed::{Person, SynapseVersion, wait_until};

use crate::pool_support::{pool, settings, staff};
use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    who_lost_a_row_is_told_of_with_its_end,
    a_role_that_changed_is_told_of_before_anything_is_done,
    who_came_by_invitation_is_told_of_with_the_inviter,
    who_is_disabled_in_the_pool_is_told_of_with_the_time,
    a_row_that_went_while_no_service_ran_is_told_of_by_the_ledger,
    the_id_of_a_held_plan_stays_whatever_is_said_of_it,
);

const TIME: &str = r"20\d\d-\d\d-\d\d \d\d:\d\d UTC";

/// The reason in which times and ids are words.
fn plain(stage: &Stage, text: &str) -> String {
    let text = text.replace(&stage.admin.mxid, "@ADMIN");
    Regex::new(TIME).unwrap().replace_all(&text, "TIME").into_owned()
}

/// Why the newest removal of somebody was made, by the ledger.
async fn removed_because(stage: &Stage, sub: &str) -> String {
    let history = stage.service.run_cli(&["history", sub, "--json"]).await.unwrap().json().unwrap();
    let removed = history.as_array().unwrap().iter().find(|line| line["kind"] == "remove").unwrap();
    plain(stage, removed["cause"].as_str().unwrap())
}

/// What somebody who was removed sees in their own client: the reason of the event.
async fn farewell(person: &Person, room: &str) -> String {
    let (room, user) = (RoomId::parse(room).unwrap(), UserId::parse(&person.mxid).unwrap());
    let request = get_state_event_for_key::v3::Request::new(room, StateEventType::RoomMember, user.to_string());
    let answer = person.client.send(request).await.unwrap();
    let content: Value = serde_json::from_str(answer.event_or_content.get()).unwrap();
    content["reason"].as_str().unwrap().to_owned()
}

async fn who_lost_a_row_is_told_of_with_its_end(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let people = stage.start_with_staff(2).await;
    let person = Person::login(&stage.bed.synapse, &people[0]).await.unwrap();
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    assert_eq!(farewell(&person, &stage.staff).await, "no longer member of staff");
    assert_eq!(
        removed_because(&stage, &people[0]).await,
        "was member of staff until TIME, when the row went (joined by the service on TIME)"
    );
    stage.nothing_left().await;
}

async fn a_role_that_changed_is_told_of_before_anything_is_done(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings { mode: "observe", ..Settings::default() }).await;
    stage.edit(|config| {
        let config = config.replace("joins = \"observe\"", "joins = \"enforce\"");
        let config = config.replace("accounts = \"observe\"", "accounts = \"enforce\"");
        config.replace("{ team = \"staff\" }", "{ team = \"staff\", role = \"member\" }")
    });
    let sub = stage.start_with_staff(1).await.remove(0);
    stage.hasura.set_role(&sub, "staff", "lead").await.unwrap();
    stage.hook().await;
    let expected = "was member of staff until TIME, when the row changed to lead (joined by the service on TIME)";
    // A restart forgets nothing of it.
    wait_until("the service has noted what changed", SOON, async || {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM provisioner.losses");
        count.fetch_one(&mut stage.connect().await).await.unwrap() == 1
    })
    .await
    .unwrap();
    stage.service.sigterm().await.unwrap();
    let (_, plan) = stage.plan().await;
    assert_eq!(plain(&stage, plan["actions"][0]["because"].as_str().unwrap()), expected);
    let explained = stage.service.run_cli(&["explain", &sub, "--json"]).await.unwrap().json().unwrap();
    let staff = explained["rooms"].as_array().unwrap().iter().find(|room| room["room"] == "staff").unwrap();
    assert_eq!(
        plain(&stage, staff["because"].as_str().unwrap()),
        format!("would be removed, and removals are only counted: {expected}")
    );
}

async fn who_came_by_invitation_is_told_of_with_the_inviter(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    stage.start_with_staff(1).await;
    let sub = subject();
    let person = stage.member(&stage.staff, &sub).await;
    stage.until(&stage.staff, &sub, "leave", SOON).await;
    let farewell = farewell(&person, &stage.staff).await;
    assert_eq!(farewell, "this room is for its members by list, and you are not on it; ask its administrators");
    // The service may have meant the invitation, and met somebody who had just accepted it.
    let because = removed_because(&stage, &sub).await.replace("invited by", "came by invitation of");
    assert_eq!(
        because,
        "no source names this user, and they were never seen in any team (came by invitation of @ADMIN)"
    );
    stage.nothing_left().await;
}

async fn who_is_disabled_in_the_pool_is_told_of_with_the_time(version: SynapseVersion) {
    let pool = pool().await;
    let stage = Stage::set(version, settings(&pool, "remove")).await;
    let people = staff(&stage, &pool, 2).await;
    let person = Person::login(&stage.bed.synapse, &people[0]).await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    pool.disable(&people[0]).await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    assert_eq!(farewell(&person, &stage.staff).await, "this account is not active any more");
    assert_eq!(
        removed_because(&stage, &people[0]).await,
        "disabled in the pool since TIME (joined by the service on TIME)"
    );
}

async fn a_row_that_went_while_no_service_ran_is_told_of_by_the_ledger(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let people = stage.start_with_staff(2).await;
    stage.service.sigterm().await.unwrap();
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    let (_, plan) = stage.plan().await;
    assert_eq!(
        plain(&stage, plan["actions"][0]["because"].as_str().unwrap()),
        "was member of staff when they were joined, and no row says so any more (joined by the service on TIME)"
    );
}

async fn the_id_of_a_held_plan_stays_whatever_is_said_of_it(version: SynapseVersion) {
    let guard = "free_removals = 0\nmax_removals = 0\nmax_fraction = 0.0".to_owned();
    let stage = Stage::set(version, Settings { guard, ..Settings::default() }).await;
    let people = subjects(3);
    for sub in &people {
        stage.hasura.add(sub, "analysts", "member").await.unwrap();
    }
    stage.start().await;
    for sub in &people {
        stage.until(&stage.analysts, sub, "join", SOON).await;
    }
    // The running service knows when the rows went.
    for sub in &people[..2] {
        stage.hasura.remove(sub, "analysts").await.unwrap();
    }
    stage.hook().await;
    wait_until("it is held", SOON, async || stage.plan().await.1["held_id"].is_string()).await.unwrap();
    let (_, known) = stage.plan().await;
    let words = plain(&stage, known["held_words"].as_str().unwrap());
    assert_eq!(
        words,
        "2 people would be removed from analysts. The sources say so since TIME. If nobody does anything, nothing of it happens."
    );
    // What is known of it goes, and its words with it: the plan is the same.
    let mut database = stage.connect().await;
    sqlx::query("DELETE FROM provisioner.losses").execute(&mut database).await.unwrap();
    let (_, forgotten) = stage.plan().await;
    assert_ne!(known["actions"][0]["because"], forgotten["actions"][0]["because"]);
    assert_eq!((&known["held_id"], &known["plan_id"]), (&forgotten["held_id"], &forgotten["plan_id"]));
    let kept: Vec<String> =
        sqlx::query_scalar("SELECT id FROM provisioner.held_plans").fetch_all(&mut database).await.unwrap();
    assert_eq!(kept, [known["held_id"].as_str().unwrap()], "and it is kept once");
}
