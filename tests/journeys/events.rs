//! What one event by a member costs: a question at the most, however large the room.

use reqwest::Method;
use serde_json::{Value, json};
use testbed::{Admin, Effect, Matching, Person, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage};

crate::on_one_version!(
    what_a_member_deletes_or_renames_costs_no_reading,
    a_redacted_setting_is_set_again_for_three_questions,
    who_vanished_from_a_room_is_settled_without_a_restart,
);

/// Somebody's own calls, whatever they are.
fn as_admin(stage: &Stage, person: &Person) -> Admin {
    stage.admin.with_token(&person.mxid, &person.client.access_token().expect("they are logged in"))
}

fn in_path(id: &str) -> String {
    id.replace('!', "%21").replace(':', "%3A").replace('$', "%24").replace('@', "%40")
}

async fn redact(person: &Admin, room: &str, event: &str, nonce: &str) {
    let path = format!("/_matrix/client/v3/rooms/{}/redact/{}/{nonce}", in_path(room), in_path(event));
    person.call(Method::PUT, &path, Some(json!({}))).await.unwrap();
}

/// Lists of members that the service has asked for.
fn member_lists(stage: &Stage) -> usize {
    stage.proxy.count(|one| one.path.ends_with("/members"))
}

async fn handled(stage: &Stage, kind: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM provisioner.inbox WHERE type = $1 AND handled_at IS NOT NULL")
        .bind(kind)
        .fetch_one(&mut stage.connect().await)
        .await
        .unwrap()
}

async fn until_handled(stage: &Stage, kind: &str, count: i64) {
    wait_until(&format!("{count} of {kind} are handled"), SOON, async || handled(stage, kind).await >= count)
        .await
        .unwrap();
}

async fn what_a_member_deletes_or_renames_costs_no_reading(version: SynapseVersion) {
    const DELETED: usize = 20;
    const RENAMED: usize = 50;
    let stage = Stage::set_newest(version, Settings::default()).await;
    let sub = stage.start_with_staff(5).await.remove(0);
    let person = Person::login(&stage.bed.synapse, &sub).await.unwrap();
    let admin = as_admin(&stage, &person);
    let mut events = Vec::new();
    for number in 0..DELETED {
        events.push(person.send_text(&stage.staff, &format!("message {number}")).await.unwrap().to_string());
    }
    stage.quiet().await;
    let [redactions, members] = [handled(&stage, "m.room.redaction").await, handled(&stage, "m.room.member").await];
    stage.proxy.clear();
    for (number, event) in events.iter().enumerate() {
        redact(&admin, &stage.staff, event, &number.to_string()).await;
    }
    for number in 0..RENAMED {
        let content = json!({"membership": "join", "displayname": format!("name {number}")});
        admin.send_state(&stage.staff, "m.room.member", &person.mxid, content).await.unwrap();
    }
    until_handled(&stage, "m.room.redaction", redactions + i64::try_from(DELETED).unwrap()).await;
    until_handled(&stage, "m.room.member", members + i64::try_from(RENAMED).unwrap()).await;
    stage.quiet().await;
    let asked = stage.proxy.requests();
    assert_eq!(member_lists(&stage), 0);
    // Each deleted message is looked at once, to know that it was a message.
    assert!(asked.len() <= DELETED + RENAMED, "{}: {asked:#?}", asked.len());
    // What cannot be seen may have been anything; one look at all state is enough for many of them.
    let more =
        async |number: usize| person.send_text(&stage.staff, &format!("more {number}")).await.unwrap().to_string();
    let mut events = Vec::new();
    for number in 0..DELETED {
        events.push(more(number).await);
    }
    stage.quiet().await;
    stage.proxy.fault(
        Matching::any().method("GET").path("/event/"),
        Effect::Answer(404, json!({"errcode": "M_NOT_FOUND", "error": "Event not found."})),
    );
    stage.proxy.clear();
    for (number, event) in events.iter().enumerate() {
        redact(&admin, &stage.staff, event, &format!("more-{number}")).await;
    }
    until_handled(&stage, "m.room.redaction", redactions + i64::try_from(2 * DELETED).unwrap()).await;
    stage.quiet().await;
    assert_eq!(member_lists(&stage), 0);
    assert!(stage.proxy.requests().len() <= 2 * DELETED, "{:#?}", stage.proxy.requests());
    stage.nothing_left().await;
}

async fn a_redacted_setting_is_set_again_for_three_questions(version: SynapseVersion) {
    let mut stage = Stage::set_newest(version, Settings::default()).await;
    stage.edit(|config| {
        let config = config
            .replace("members = [{ team = \"staff\" }]\n", "members = [{ team = \"staff\" }]\nname = \"Staff\"\n");
        config.replace("[modes]\n", "[modes]\nroom_state = \"enforce\"\n")
    });
    stage.start_with_staff(1).await;
    let name = async || stage.admin.state(&stage.staff, "m.room.name", "").await.unwrap().unwrap_or_default();
    wait_until("the name is set", SOON, async || name().await["name"] == "Staff").await.unwrap();
    stage.quiet().await;
    stage.proxy.clear();
    let state = stage.admin.all_state(&stage.staff).await.unwrap();
    let event = state.iter().find(|event| event["type"] == "m.room.name").unwrap()["event_id"].as_str().unwrap();
    redact(&stage.admin, &stage.staff, event, "1").await;
    wait_until("the name is set again", SOON, async || name().await["name"] == "Staff").await.unwrap();
    stage.quiet().await;
    assert_eq!(member_lists(&stage), 0, "{:#?}", stage.proxy.requests());
    let questions = stage.proxy.count(|one| one.method == "GET");
    // What was redacted, what the name is now, who did it; and once more right before it is written.
    assert!(questions <= 4, "{:#?}", stage.proxy.requests());
    stage.nothing_left().await;
}

/// State resolution can drop a membership: nothing is pushed for that, and no list has it any more.
async fn who_vanished_from_a_room_is_settled_without_a_restart(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { resync_interval: "2s", ..Settings::default() }).await;
    let people = stage.start_with_staff(3).await;
    let guest = format!("@guest-of-{}", stage.mxid(&people[0]).trim_start_matches('@'));
    stage.admin.invite(&stage.red, &guest).await.unwrap();
    let observed = async |is: &str| {
        let output = stage.service.run_cli(&["explain", &guest, "--json"]).await.unwrap();
        let is_so = |room: &Value| room["room"] == "red-room" && room["observed"] == is;
        output.json().is_ok_and(|said| said["rooms"].as_array().unwrap().iter().any(is_so))
    };
    let joins = stage.joins();
    let is_invited = async || stage.admin.membership_of(&stage.red, &guest).await.unwrap() == "invite";
    wait_until("they are invited", SOON, is_invited).await.unwrap();
    wait_until("the service knows", SOON, async || observed("invite").await).await.unwrap();
    let lacking = guest.clone();
    stage.proxy.fault(
        Matching::any().method("GET").path("/members"),
        Effect::rewrite(move |mut answer| {
            if let Some(chunk) = answer["chunk"].as_array_mut() {
                chunk.retain(|event| event["state_key"] != lacking.as_str());
            }
            answer
        }),
    );
    let asked = stage.proxy.fault(
        Matching::any().method("GET").path(&format!("/state/m.room.member/{guest}")),
        Effect::Answer(404, json!({"errcode": "M_NOT_FOUND", "error": "Event not found."})),
    );
    wait_until("they were looked for", SOON, async || asked.hits() > 0).await.unwrap();
    stage.service.wait_ready().await.unwrap();
    let sub = crate::support::subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.red, &sub, "join", SOON).await;
    assert!(stage.joins() > joins, "the room is enforced");
}
