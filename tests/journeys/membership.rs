//! The main job: a row changes, and the right people are in the right rooms.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{Connection, PgConnection};
use testbed::{Person, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject};

crate::on_both_versions!(
    a_deleted_row_removes_and_a_moved_one_moves,
    outsiders_and_unknown_mxids_are_removed_and_exempt_ids_are_not,
    a_banned_user_is_never_joined,
    a_leave_by_choice_is_respected_until_the_row_goes_and_comes_back,
    who_left_by_choice_is_joined_again_when_somebody_asks,
    a_kick_by_hand_is_repaired,
);

crate::on_one_version!(
    a_new_row_joins_within_two_seconds_of_the_webhook,
    a_new_row_joins_within_one_poll_without_a_webhook,
    a_new_row_joins_at_once_by_listen,
    a_leave_by_choice_while_the_service_was_down_is_respected,
    observing_writes_nothing_at_all,
);

async fn a_new_row_joins_within_two_seconds_of_the_webhook(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings::default()).await;
    stage.hasura.add(&subject(), "staff", "lead").await.unwrap();
    stage.start().await;
    let sub = joins_in_time(&stage, Duration::from_secs(2), async |sub| {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
        stage.hook().await;
        [stage.staff.clone(), stage.red.clone()]
    })
    .await;
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    let seen = person.joined_rooms().await.unwrap();
    assert_eq!(seen, [stage.red.clone(), stage.staff.clone()].into());
    stage.nothing_left().await;
}

async fn a_new_row_joins_within_one_poll_without_a_webhook(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { poll_interval: "1s", ..Settings::default() }).await;
    stage.start().await;
    joins_in_time(&stage, Duration::from_secs(1) + Duration::from_secs(2), async |sub| {
        stage.hasura.add(sub, "analysts", "member").await.unwrap();
        [stage.analysts.clone(), stage.red.clone()]
    })
    .await;
    stage.nothing_left().await;
}

/// Somebody who was in their rooms within the bound, which is what the contract says; a figure for the latency is a
/// benchmark's. A busy machine may be slow for one, so of several people one has to be.
async fn joins_in_time(stage: &Stage, bound: Duration, insert: impl AsyncFn(&str) -> [String; 2]) -> String {
    let mut times = Vec::new();
    for _ in 0..5 {
        let (sub, began) = (subject(), Instant::now());
        let rooms = insert(&sub).await;
        for room in &rooms {
            stage.until(room, &sub, "join", SOON).await;
        }
        times.push(began.elapsed());
        if stage.is_in_time(began.elapsed(), bound, rooms.len()).await {
            return sub;
        }
    }
    panic!("nobody was in their rooms within {bound:?}: {times:?}");
}

async fn a_new_row_joins_at_once_by_listen(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { notify: true, ..Settings::default() }).await;
    stage.start().await;
    let sub = subject();
    stage.hasura.add(&sub, "analysts", "member").await.unwrap();
    // The poll is an hour away: only LISTEN can have woken it.
    stage.until(&stage.analysts, &sub, "join", SOON).await;
}

async fn a_deleted_row_removes_and_a_moved_one_moves(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { notify: true, ..Settings::default() }).await;
    let (stays, goes, moves) = (subject(), subject(), subject());
    for sub in [&stays, &goes, &moves] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.start().await;
    for sub in [&stays, &goes, &moves] {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    stage.hasura.remove(&goes, "staff").await.unwrap();
    stage.hasura.remove(&moves, "staff").await.unwrap();
    stage.hasura.add(&moves, "analysts", "lead").await.unwrap();
    stage.until(&stage.staff, &goes, "leave", SOON).await;
    stage.until(&stage.staff, &moves, "leave", SOON).await;
    stage.until(&stage.analysts, &moves, "join", SOON).await;
    assert_eq!(stage.membership(&stage.staff, &stays).await, "join");
    // The Red Room keeps its members.
    assert_eq!(stage.membership(&stage.red, &goes).await, "join");
    stage.nothing_left().await;
}

async fn outsiders_and_unknown_mxids_are_removed_and_exempt_ids_are_not(version: SynapseVersion) {
    let mut stage = Stage::set_newest(version, Settings::default()).await;
    let (member, invited, unknown, exempt) = (subject(), subject(), subject(), subject());
    stage.hasura.add(&member, "staff", "member").await.unwrap();
    stage.member(&stage.staff, &unknown).await;
    stage.member(&stage.staff, &exempt).await;
    Person::login(&stage.bed.synapse, &invited).await.unwrap();
    stage.admin.invite(&stage.staff, &stage.mxid(&invited)).await.unwrap();
    // The bot's predecessor lives in the Red Room too, where nobody is removed.
    stage.member(&stage.red, &unknown).await;
    let id = stage.mxid(&exempt);
    stage.change(|settings| settings.exempt.push(id));
    stage.start().await;
    stage.until(&stage.staff, &member, "join", SOON).await;
    stage.until(&stage.staff, &unknown, "leave", SOON).await;
    stage.until(&stage.staff, &invited, "leave", SOON).await;
    assert_eq!(stage.membership(&stage.staff, &exempt).await, "join");
    assert_eq!(stage.membership(&stage.red, &unknown).await, "join");
    assert_eq!(stage.admin.membership_of(&stage.staff, &stage.admin.mxid).await.unwrap(), "join");
    stage.nothing_left().await;
}

async fn a_banned_user_is_never_joined(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings::default()).await;
    let (banned, other) = (subject(), subject());
    Person::login(&stage.bed.synapse, &banned).await.unwrap();
    stage.admin.ban(&stage.staff, &stage.mxid(&banned)).await.unwrap();
    stage.hasura.add(&banned, "staff", "lead").await.unwrap();
    stage.hasura.add(&other, "staff", "lead").await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &other, "join", SOON).await;
    stage.until(&stage.red, &banned, "join", SOON).await;
    assert_eq!(stage.membership(&stage.staff, &banned).await, "ban");
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["actions"], json!([]), "{plan:#}");
    let blocked = &plan["blocked"][0];
    assert_eq!((&blocked["kind"], &blocked["room"]), (&json!("join"), &json!("staff")), "{plan:#}");
    assert_eq!(blocked["user"], json!(stage.mxid(&banned)));
    // Unbanned by hand while the service runs: the push wakes it, and the person is joined.
    stage.admin.unban(&stage.staff, &stage.mxid(&banned)).await.unwrap();
    stage.until(&stage.staff, &banned, "join", SOON).await;
    stage.nothing_left().await;
}

async fn a_leave_by_choice_is_respected_until_the_row_goes_and_comes_back(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { notify: true, ..Settings::default() }).await;
    let (sub, other) = (subject(), subject());
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.hasura.add(&other, "staff", "member").await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &sub, "join", SOON).await;
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    person.leave(&stage.staff).await.unwrap();
    // A change elsewhere proves that the service has looked since.
    let witness = subject();
    stage.hasura.add(&witness, "staff", "member").await.unwrap();
    stage.until(&stage.staff, &witness, "join", SOON).await;
    stage.hook().await;
    assert_eq!(stage.membership(&stage.staff, &sub).await, "leave");
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["actions"], json!([]), "{plan:#}");
    assert_eq!(plan["blocked"][0]["user"], json!(stage.mxid(&sub)), "{plan:#}");

    // A restart does not forget it.
    stage.service.sigkill().await.unwrap();
    stage.start().await;
    stage.hook().await;
    assert_eq!(stage.membership(&stage.staff, &sub).await, "leave");

    stage.hasura.remove(&sub, "staff").await.unwrap();
    // The service has seen the row gone when it has recorded that the leave is no longer respected.
    let mut database = stage.bed.postgres.connect(stage.database.rsplit('/').next().unwrap()).await.unwrap();
    testbed::wait_until("the leave is pardoned", SOON, async || {
        let pardons: (i64,) = sqlx::query_as("SELECT count(*) FROM provisioner.pardons WHERE user_id = $1")
            .bind(stage.mxid(&sub))
            .fetch_one(&mut database)
            .await
            .unwrap();
        pardons.0 == 1
    })
    .await
    .unwrap();
    assert_eq!(stage.membership(&stage.staff, &sub).await, "leave");
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.nothing_left().await;
}

/// Synapse sends what it held back one event at a time, oldest first: the kick and the invitation must not be taken for
/// what is so now.
async fn a_leave_by_choice_while_the_service_was_down_is_respected(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings::default()).await;
    let sub = stage.start_with_staff(1).await.remove(0);
    stage.quiet().await;
    stage.service.sigterm().await.unwrap();

    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    stage.admin.kick(&stage.staff, &person.mxid).await.unwrap();
    stage.admin.invite(&stage.staff, &person.mxid).await.unwrap();
    person.join(&stage.staff).await.unwrap();
    person.leave(&stage.staff).await.unwrap();
    until_held_back(&stage, &person.mxid).await;
    stage.proxy.clear();
    stage.start().await;
    // The backlog has come when its last event has: two memberships by the admin, two by the person.
    wait_until("Synapse has sent what it held back", Duration::from_secs(90), async || {
        stage.metric("provisioner_events_total{type=\"m.room.member\"}").await >= 4.0
    })
    .await
    .unwrap();
    stage.hook().await;
    stage.nothing_left().await;
    assert_eq!(stage.joins(), 0, "{:#?}", stage.proxy.requests());
    assert_eq!(stage.membership(&stage.staff, &sub).await, "leave");
}

/// Waits until Synapse keeps the last that happened to somebody in the Staff room for the service. What it comes to keep in the
/// moment in which it has sent all else, and has not noted yet that the service is back, it keeps until the service goes away again.
async fn until_held_back(stage: &Stage, mxid: &str) {
    let mut synapse = PgConnection::connect(&stage.bed.synapse.database_url()).await.unwrap();
    let kept = "SELECT EXISTS (SELECT FROM application_services_txns, local_current_membership
                WHERE as_id = $1 AND room_id = $2 AND user_id = $3 AND strpos(event_ids, event_id) > 0)";
    wait_until("Synapse keeps what the service missed", SOON, async || {
        let kept = sqlx::query_scalar::<_, bool>(kept).bind(&stage.slot.id).bind(&stage.staff).bind(mxid);
        kept.fetch_one(&mut synapse).await.unwrap()
    })
    .await
    .unwrap();
}

async fn who_left_by_choice_is_joined_again_when_somebody_asks(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings::default()).await;
    let sub = stage.start_with_staff(1).await.remove(0);
    let rejoin = async |user: &str, room: &str| stage.service.run_cli(&["rejoin", user, room]).await.unwrap();
    let refused = rejoin(&sub, "staff").await;
    assert_eq!(refused.status, Some(1), "nobody has left: {refused:?}");
    assert_eq!(rejoin(&sub, "stuff").await.status, Some(1), "there is no such room");
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    person.leave(&stage.staff).await.unwrap();
    let elsewhere = rejoin(&sub, "analysts").await;
    assert_eq!(elsewhere.status, Some(1), "{elsewhere:?}");
    assert!(elsewhere.stderr.contains("does not belong in analysts"), "{elsewhere:?}");
    let done = rejoin(&sub, "staff").await;
    assert_eq!(done.status, Some(0), "{done:?}");
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.nothing_left().await;
    // Asking once is not asking for ever.
    person.leave(&stage.staff).await.unwrap();
    stage.hook().await;
    let (_, plan) = stage.plan().await;
    assert_eq!((&plan["actions"], &plan["blocked"][0]["user"]), (&json!([]), &json!(stage.mxid(&sub))), "{plan:#}");
}

async fn a_kick_by_hand_is_repaired(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings::default()).await;
    let sub = stage.start_with_staff(1).await.remove(0);
    let before = stage.joins();
    stage.admin.kick(&stage.staff, &stage.mxid(&sub)).await.unwrap();
    testbed::wait_until("the service joins them again", SOON, async || stage.joins() > before).await.unwrap();
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.nothing_left().await;
}

async fn observing_writes_nothing_at_all(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { mode: "observe", ..Settings::default() }).await;
    let (newcomer, outsider) = (subject(), subject());
    stage.hasura.add(&newcomer, "staff", "member").await.unwrap();
    stage.member(&stage.staff, &outsider).await;
    stage.start().await;
    stage.hook().await;
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"], &report["observed"]), (0, &json!(0), &json!(4)), "{report:#}");
    let (status, plan) = stage.plan().await;
    assert_eq!(status, 2);
    let kinds: Vec<_> = plan["actions"].as_array().unwrap().iter().map(|action| action["kind"].clone()).collect();
    assert_eq!(kinds, ["create_account", "join", "join", "remove"], "{plan:#}");
    assert!(plan["actions"].as_array().unwrap().iter().all(|action| action["mode"] == "observe"));
    assert_eq!(stage.writes(), 0, "{:#?}", stage.proxy.requests());
    assert_eq!(stage.membership(&stage.staff, &outsider).await, "join");
}
