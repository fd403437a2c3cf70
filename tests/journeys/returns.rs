//! Coming back: who was removed and comes back by themselves is removed each time, and banned when they keep at it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::{Effect, Matching, Person, SynapseVersion, wait_until};

use crate::staff_support::open;
use crate::support::{SOON, Settings, Stage, subject};

crate::on_one_version!(
    who_keeps_coming_back_is_banned_and_comes_in_again_when_entitled,
    a_ban_by_hand_in_the_moment_of_our_own_unban_stays,
    where_nobody_is_banned_who_comes_back_is_removed_each_time,
    an_invitation_is_taken_back_however_often_it_is_made,
    the_alert_names_who_lets_somebody_in_or_says_that_they_join_by_themselves,
);

/// A room into which everybody may come, and from which who is not on the team is removed.
async fn public_staff(version: SynapseVersion) -> Stage {
    let stage = Stage::set_newest(version, Settings { notify: true, ..Settings::default() }).await;
    stage.admin.send_state(&stage.staff, "m.room.join_rules", "", json!({"join_rule": "public"})).await.unwrap();
    stage
}

/// They come in by themselves, and are out again. Answers how long they were in.
async fn come_and_go(stage: &Stage, person: &Person, sub: &str, becomes: &str) -> Duration {
    person.join(&stage.staff).await.unwrap();
    let began = Instant::now();
    stage.until(&stage.staff, sub, becomes, SOON).await;
    began.elapsed()
}

async fn removals(stage: &Stage, sub: &str) -> Vec<Value> {
    let output = stage.service.run_cli(&["history", sub, "--room", "staff", "--json"]).await.unwrap().json().unwrap();
    let lines = output.as_array().unwrap().iter();
    lines.filter(|line| line["kind"] == "remove" && line["outcome"] == "done").cloned().collect()
}

async fn who_keeps_coming_back_is_banned_and_comes_in_again_when_entitled(version: SynapseVersion) {
    let stage = public_staff(version).await;
    let (sub, by_hand) = (subject(), subject());
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    stage.start_with_staff(1).await;
    let mut inside = Duration::ZERO;
    for time in 0..3 {
        inside += come_and_go(&stage, &person, &sub, "leave").await;
        wait_until("it is in the ledger", SOON, async || removals(&stage, &sub).await.len() == time + 1).await.unwrap();
        if time == 1 {
            stage.service.sigkill().await.unwrap();
            stage.start().await;
        }
    }
    // The third time that they come back.
    inside += come_and_go(&stage, &person, &sub, "ban").await;
    person.join(&stage.staff).await.unwrap_err();
    assert!(inside < Duration::from_secs(6), "{inside:?}: more than a twentieth of two minutes");
    let lines = removals(&stage, &sub).await;
    assert_eq!((&lines[0]["after"], lines.len()), (&json!("ban"), 4), "{lines:#?}");
    let cause = lines[0]["cause"].as_str().unwrap();
    assert!(cause.contains("came back by themselves for the third time within an hour"), "{cause}");
    stage.nothing_left().await;

    // A ban by hand is somebody's decision.
    stage.admin.ban(&stage.staff, &stage.mxid(&by_hand)).await.unwrap();
    stage.service.sigkill().await.unwrap();
    stage.start().await;
    for one in [&sub, &by_hand] {
        stage.hasura.add(one, "staff", "member").await.unwrap();
    }
    stage.until(&stage.staff, &sub, "join", SOON).await;
    for one in [&sub, &by_hand] {
        stage.until(&stage.red, one, "join", SOON).await;
    }
    assert_eq!(stage.membership(&stage.staff, &by_hand).await, "ban");
    stage.nothing_left().await;
    let (_, plan) = stage.plan().await;
    let blocked = plan["blocked"].as_array().unwrap();
    assert!(blocked.iter().any(|one| one["user"] == json!(stage.mxid(&by_hand))), "{plan:#}");
    // Who was brought back by us begins anew.
    stage.hasura.remove(&sub, "staff").await.unwrap();
    stage.until(&stage.staff, &sub, "leave", SOON).await;
}

/// What others did since the plan was made is seen before a ban is taken back.
async fn a_ban_by_hand_in_the_moment_of_our_own_unban_stays(version: SynapseVersion) {
    let stage = public_staff(version).await;
    let sub = subject();
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    stage.start_with_staff(1).await;
    for time in 0..4 {
        let becomes = if time == 3 { "ban" } else { "leave" };
        come_and_go(&stage, &person, &sub, becomes).await;
        wait_until("it is in the ledger", SOON, async || removals(&stage, &sub).await.len() > time).await.unwrap();
    }
    // Their account is looked at before they are let in.
    let looked = Matching::any().path(&format!("/admin/v2/users/{}", person.mxid));
    let late = stage.proxy.fault(looked, Effect::HoldAnswer);
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.hook().await;
    wait_until("their account is looked at", SOON, async || late.hits() > 0).await.unwrap();
    stage.admin.ban(&stage.staff, &person.mxid).await.unwrap();
    late.lift();
    stage.until(&stage.red, &sub, "join", SOON).await;
    stage.quiet().await;
    assert_eq!(stage.membership(&stage.staff, &sub).await, "ban");
    let (_, plan) = stage.plan().await;
    let blocked = plan["blocked"].as_array().unwrap();
    assert!(blocked.iter().any(|one| one["user"] == json!(person.mxid)), "{plan:#}");
    stage.nothing_left().await;
}

async fn where_nobody_is_banned_who_comes_back_is_removed_each_time(version: SynapseVersion) {
    let mut stage = public_staff(version).await;
    stage.edit(|config| config.replace("[{ team = \"staff\" }]\n", "[{ team = \"staff\" }]\non_return = \"remove\"\n"));
    let sub = subject();
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    stage.start_with_staff(1).await;
    for _ in 0..7 {
        assert!(come_and_go(&stage, &person, &sub, "leave").await < Duration::from_secs(10), "it never waits");
    }
    stage.nothing_left().await;
}

async fn an_invitation_is_taken_back_however_often_it_is_made(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings::default()).await;
    let sub = subject();
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    stage.start_with_staff(1).await;
    for _ in 0..7 {
        stage.admin.invite(&stage.staff, &person.mxid).await.unwrap();
        stage.until(&stage.staff, &sub, "leave", SOON).await;
    }
    stage.nothing_left().await;
}

/// How many joins of theirs the service has handled.
async fn joins_handled(stage: &Stage, sub: &str) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM provisioner.inbox WHERE type = 'm.room.member' AND handled_at IS NOT NULL
         AND event::jsonb ->> 'state_key' = $1 AND event::jsonb -> 'content' ->> 'membership' = 'join'",
    )
    .bind(stage.mxid(sub))
    .fetch_one(&mut stage.connect().await)
    .await
    .unwrap()
}

async fn the_alert_names_who_lets_somebody_in_or_says_that_they_join_by_themselves(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    let stage = &staff.stage;
    let (guest, stranger, by_themselves) = (subject(), subject(), subject());
    let person = async |sub: &str| Person::login(&stage.bed.synapse, sub).await.unwrap();
    let (guest_there, stranger_there, comes) =
        (person(&guest).await, person(&stranger).await, person(&by_themselves).await);
    let friend = &staff.member.mxid;
    let inviter = stage.admin.with_token(friend, &staff.member.client.access_token().unwrap());
    let levels = json!({"users": {&stage.slot.bot: 100, &stage.admin.mxid: 100}, "invite": 0});
    stage.admin.send_state(&stage.analysts, "m.room.power_levels", "", levels).await.unwrap();
    stage.admin.send_state(&stage.analysts, "m.room.join_rules", "", json!({"join_rule": "public"})).await.unwrap();
    // Somebody who may be there, and is a friend of both.
    stage.hasura.add(&staff.member_sub, "analysts", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.analysts, &staff.member_sub, "join", SOON).await;

    for _ in 0..3 {
        inviter.invite(&stage.analysts, &guest_there.mxid).await.unwrap();
        stage.until(&stage.analysts, &guest, "leave", SOON).await;
        person_joins(&comes, stage).await;
        stage.until(&stage.analysts, &by_themselves, "leave", SOON).await;
    }
    staff.posted(&format!("{} is invited to analysts again and again by {friend}", guest_there.mxid)).await;
    let came = format!("{} came back to analysts again and again after being removed: joins by themselves", comes.mxid);
    staff.posted(&came).await;

    // Invited, and in before the invitation is taken back.
    for round in 1..=3 {
        assert_eq!(stage.service.run_cli(&["pause"]).await.unwrap().status, Some(0));
        inviter.invite(&stage.analysts, &stranger_there.mxid).await.unwrap();
        stranger_there.join(&stage.analysts).await.unwrap();
        wait_until("the service knows that they are in", SOON, async || joins_handled(stage, &stranger).await == round)
            .await
            .unwrap();
        assert_eq!(stage.service.run_cli(&["resume"]).await.unwrap().status, Some(0));
        stage.until(&stage.analysts, &stranger, "leave", SOON).await;
    }
    let came = format!(
        "{} came back to analysts again and again after being removed: invited by {friend}",
        stranger_there.mxid
    );
    staff.posted(&came).await;
}

async fn person_joins(person: &Person, stage: &Stage) {
    person.join(&stage.analysts).await.unwrap();
}
