//! Leaves by choice on a real Synapse: what others do is no return, and an answer that is doubted elsewhere changes nothing.

use serde_json::{Value, json};
use testbed::{Effect, Matching, Person, SynapseVersion, wait_until};

use crate::pool_support::{pool, settings, staff};
use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    an_invitation_or_a_ban_taken_back_is_no_return,
    an_invitation_while_the_service_was_down_is_no_return,
    a_clean_up_that_is_only_observed_keeps_no_leave_from_being_forgotten,
    a_half_answer_clears_no_leave_of_a_room_that_keeps_its_members,
    who_is_offboarded_and_enabled_again_is_back_in_their_rooms_beside_a_clean_up,
);
// The newer one takes no event that is nested so deeply.
mod a_leave_with_a_reason_that_nobody_can_read_costs_nobody_else {
    crate::on_version!(a_leave_with_a_reason_that_nobody_can_read_costs_nobody_else, v1_105, V1_105);
}

/// Proves that the service has looked since: somebody else is joined.
async fn looked(stage: &Stage) {
    let witness = subject();
    stage.hasura.add(&witness, "staff", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &witness, "join", SOON).await;
}

/// Lists of members that were asked for so far.
fn lists(stage: &Stage) -> usize {
    stage.proxy.count(|request| request.is("GET", "/members"))
}

/// Waits until all rooms were read some times since there were so many lists.
async fn until_resyncs_since(stage: &Stage, before: usize) {
    wait_until("some resyncs", SOON, async || lists(stage) > before + 12).await.unwrap();
}

/// Why the plan does not join these, by their rooms.
async fn blocked(stage: &Stage, sub: &str) -> Vec<(Value, String)> {
    let (_, plan) = stage.plan().await;
    let user = json!(stage.mxid(sub));
    let of_user = plan["blocked"].as_array().unwrap().iter().filter(|one| one["user"] == user);
    of_user.map(|one| (one["room"].clone(), one["because"].as_str().unwrap().to_owned())).collect()
}

async fn respects(stage: &Stage, sub: &str) {
    let blocked = blocked(stage, sub).await;
    assert_eq!(blocked.len(), 1, "{blocked:?}");
    assert!(blocked[0].0 == "staff" && blocked[0].1.starts_with("left by choice"), "{blocked:?}");
}

async fn an_invitation_or_a_ban_taken_back_is_no_return(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { resync_interval: "2s", ..Settings::default() }).await;
    let sub = stage.start_with_staff(1).await.remove(0);
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    person.leave(&stage.staff).await.unwrap();
    looked(&stage).await;
    stage.admin.invite(&stage.staff, &person.mxid).await.unwrap();
    // By the push, and by readings that know nothing of what was before.
    let lists = lists(&stage);
    looked(&stage).await;
    until_resyncs_since(&stage, lists).await;
    assert_eq!(stage.membership(&stage.staff, &sub).await, "invite");
    respects(&stage, &sub).await;
    stage.admin.ban(&stage.staff, &person.mxid).await.unwrap();
    stage.admin.unban(&stage.staff, &person.mxid).await.unwrap();
    looked(&stage).await;
    assert_eq!(stage.membership(&stage.staff, &sub).await, "leave");
    respects(&stage, &sub).await;
    // Their own return is one.
    stage.admin.invite(&stage.staff, &person.mxid).await.unwrap();
    person.join(&stage.staff).await.unwrap();
    looked(&stage).await;
    stage.admin.kick(&stage.staff, &person.mxid).await.unwrap();
    let joins = stage.joins_of(&stage.staff, std::slice::from_ref(&sub));
    wait_until("they are joined again", SOON, async || {
        stage.joins_of(&stage.staff, std::slice::from_ref(&sub)) > joins
            || stage.membership(&stage.staff, &sub).await == "join"
    })
    .await
    .unwrap();
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.nothing_left().await;
}

async fn a_leave_with_a_reason_that_nobody_can_read_costs_nobody_else(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { resync_interval: "2s", ..Settings::default() }).await;
    let sub = stage.start_with_staff(2).await.remove(0);
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    let reason = (0..200).fold(json!("no"), |inner, _| json!([inner]));
    let leave = json!({"membership": "leave", "reason": reason});
    let by_themselves = stage.admin.with_token(&person.mxid, &person.client.access_token().unwrap());
    by_themselves.send_state(&stage.staff, "m.room.member", &person.mxid, leave).await.unwrap();
    // What was sent is more than this side can read, but for the list of who is joined.
    let path = format!("/_synapse/admin/v1/rooms/{}/members", stage.staff);
    let joins_others = async || {
        let witness = subject();
        stage.hasura.add(&witness, "staff", "member").await.unwrap();
        stage.hook().await;
        let mxid = json!(stage.mxid(&witness));
        wait_until("somebody else is joined", SOON, async || {
            let joined = stage.admin.call(reqwest::Method::GET, &path, None).await.unwrap();
            joined["members"].as_array().unwrap().contains(&mxid)
        })
        .await
        .unwrap();
    };
    // By the push, and by readings.
    joins_others().await;
    let lists = lists(&stage);
    until_resyncs_since(&stage, lists).await;
    joins_others().await;
    respects(&stage, &sub).await;
    stage.nothing_left().await;
}

async fn an_invitation_while_the_service_was_down_is_no_return(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings::default()).await;
    let people = stage.start_with_staff(3).await;
    stage.quiet().await;
    stage.service.sigterm().await.unwrap();
    let (left, asked, kicked) = (&people[0], &people[1], &people[2]);
    for sub in [left, asked] {
        let person = Person::login(&stage.bed.synapse, sub).await.unwrap();
        person.leave(&stage.staff).await.unwrap();
        // Invited, taken back, invited again: the leave stands three events behind.
        stage.admin.invite(&stage.staff, &person.mxid).await.unwrap();
        stage.admin.kick(&stage.staff, &person.mxid).await.unwrap();
        stage.admin.invite(&stage.staff, &person.mxid).await.unwrap();
    }
    // This one has left nothing.
    stage.admin.kick(&stage.staff, &stage.mxid(kicked)).await.unwrap();
    stage.admin.invite(&stage.staff, &stage.mxid(kicked)).await.unwrap();
    // A Synapse that fails has not said that nothing was before.
    let answer = Effect::Answer(500, json!({"errcode": "M_UNKNOWN", "error": "Internal server error"}));
    let fails = stage.proxy.fault(Matching::any().method("GET").path("/event/"), answer);
    stage.start().await;
    wait_until("what was before is asked for", SOON, async || fails.hits() > 0).await.unwrap();
    looked(&stage).await;
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "invite");
    }
    fails.lift();
    stage.until(&stage.staff, kicked, "join", SOON).await;
    looked(&stage).await;
    for sub in [left, asked] {
        assert_eq!(stage.membership(&stage.staff, sub).await, "invite");
        respects(&stage, sub).await;
    }
    let done = stage.service.run_cli(&["rejoin", asked, "staff"]).await.unwrap();
    assert_eq!(done.status, Some(0), "{done:?}");
    stage.until(&stage.staff, asked, "join", SOON).await;
    assert_eq!(stage.membership(&stage.staff, left).await, "invite");
    stage.nothing_left().await;
}

async fn pardoned(stage: &Stage, sub: &str) -> bool {
    let pardons: i64 = sqlx::query_scalar("SELECT count(*) FROM provisioner.pardons WHERE user_id = $1")
        .bind(stage.mxid(sub))
        .fetch_one(&mut stage.connect().await)
        .await
        .unwrap();
    pardons > 0
}

/// Outsiders in analysts, who stay while removals are on observe.
async fn clean_up(stage: &mut Stage) {
    stage.edit(|config| config.replace("removals = \"enforce\"", "removals = \"observe\""));
    for outsider in subjects(4) {
        stage.member(&stage.analysts, &outsider).await;
    }
}

async fn a_clean_up_that_is_only_observed_keeps_no_leave_from_being_forgotten(version: SynapseVersion) {
    let guard = "free_removals = 3\nmax_removals = 50\nmax_fraction = 0.5".to_owned();
    let mut stage = Stage::set(version, Settings { guard, ..Settings::default() }).await;
    clean_up(&mut stage).await;
    let people = stage.start_with_staff(4).await;
    let sub = &people[0];
    let person = Person::login(&stage.bed.synapse, sub).await.unwrap();
    person.leave(&stage.staff).await.unwrap();
    looked(&stage).await;
    let (_, plan) = stage.plan().await;
    let held = plan["actions"].as_array().unwrap().iter().filter(|one| one["held"] == true).count();
    assert_eq!(held, 4, "the clean-up is more than the guard would take: {plan:#}");
    stage.hasura.remove(sub, "staff").await.unwrap();
    stage.hook().await;
    wait_until("the leave is forgotten", SOON, async || pardoned(&stage, sub).await).await.unwrap();
    stage.hasura.add(sub, "staff", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, sub, "join", SOON).await;
}

async fn a_half_answer_clears_no_leave_of_a_room_that_keeps_its_members(version: SynapseVersion) {
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    let mut stage = Stage::set(version, Settings { guard, ..Settings::default() }).await;
    stage.edit(|config| config.replace("[{ team = \"staff\" }]", "[{ team = \"staff\" }]\nunlisted = \"keep\""));
    let people = stage.start_with_staff(8).await;
    let person = Person::login(&stage.bed.synapse, &people[0]).await.unwrap();
    person.leave(&stage.staff).await.unwrap();
    looked(&stage).await;
    for sub in &people[..4] {
        stage.hasura.remove(sub, "staff").await.unwrap();
    }
    stage.hook().await;
    looked(&stage).await;
    for sub in &people[..4] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.hook().await;
    looked(&stage).await;
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "leave");
    respects(&stage, &people[0]).await;
    stage.nothing_left().await;
}

/// The leaves of a deactivated account are Synapse's own, in the name of its owner.
async fn who_is_offboarded_and_enabled_again_is_back_in_their_rooms_beside_a_clean_up(version: SynapseVersion) {
    let pool = pool().await;
    let guard = "free_removals = 3\nmax_removals = 50\nmax_fraction = 0.5".to_owned();
    let mut stage = Stage::set(version, Settings { guard, ..settings(&pool, "deactivate") }).await;
    clean_up(&mut stage).await;
    let people = staff(&stage, &pool, 3).await;
    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    pool.disable(&people[0]).await.unwrap();
    let user = stage.mxid(&people[0]);
    let deactivated = async || stage.admin.user(&user).await.unwrap().unwrap()["deactivated"] == true;
    wait_until("the account is deactivated", SOON, deactivated).await.unwrap();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    stage.until(&stage.red, &people[0], "leave", SOON).await;
    pool.enable(&people[0]).await.unwrap();
    stage.until(&stage.staff, &people[0], "join", SOON).await;
    stage.until(&stage.red, &people[0], "join", SOON).await;
}
