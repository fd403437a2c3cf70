//! Answers and events of Synapse that are not what they should be: each gets a clear message, loses nothing, and removes
//! nobody by mistake.

use reqwest::Method;
use serde_json::{Value, json};
use testbed::{Effect, Matching, Output, Person, Service, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject};

crate::on_one_version!(
    a_room_without_the_bot_is_reported_and_the_others_go_on,
    an_empty_list_of_members_is_not_believed,
    an_unreadable_event_does_not_cost_the_others_in_its_transaction,
);

async fn a_room_without_the_bot_is_reported_and_the_others_go_on(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let (member, outsider) = (subject(), subject());
    stage.hasura.add(&member, "staff", "member").await.unwrap();
    stage.hasura.add(&member, "analysts", "member").await.unwrap();
    stage.member(&stage.staff, &outsider).await;
    let path = format!("/_matrix/client/v3/rooms/{}/leave", stage.staff.replace('!', "%21").replace(':', "%3A"));
    stage.bot.call(Method::POST, &path, Some(json!({}))).await.unwrap();

    let output = stage.refused(&["plan"]).await;
    for text in ["staff", &stage.bot.mxid, "is not in the room", "bootstrap"] {
        assert!(output.stderr.contains(text), "{text} in {output:?}");
    }
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (1, &json!(3)), "{report:#}");
    let errors = report["errors"].to_string();
    assert!(errors.contains("room staff") && errors.contains("is not in the room"), "{report:#}");
    assert_eq!(stage.membership(&stage.red, &member).await, "join");
    assert_eq!(stage.membership(&stage.analysts, &member).await, "join");
    assert_eq!(stage.membership(&stage.staff, &outsider).await, "join");

    // The service says so too, works on elsewhere, and goes on by itself once the bot is let in.
    stage.service.start_again().unwrap();
    stage.until_not_ready(&["homeserver", "staff", "is not in the room", "bootstrap"]).await;
    let late = subject();
    stage.hasura.add(&late, "analysts", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.analysts, &late, "join", SOON).await;
    let output = stage.service.run_cli(&["bootstrap"]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(output.stdout.contains(&format!("staff: {} joined", stage.bot.mxid)), "{output:?}");
    let (status, report) = stage.apply().await;
    assert_eq!(status, 0, "{report:#}");
    stage.until(&stage.staff, &member, "join", SOON).await;
    stage.until(&stage.staff, &outsider, "leave", SOON).await;
    stage.service.wait_ready().await.unwrap();
    stage.nothing_left().await;
}

async fn an_empty_list_of_members_is_not_believed(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { resync_interval: "2s", ..Settings::default() }).await;
    let (member, left) = (subject(), subject());
    for sub in [&member, &left] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.start().await;
    for sub in [&member, &left] {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    Person::login(&stage.bed.synapse, &left).await.unwrap().leave(&stage.staff).await.unwrap();
    let mut database = stage.connect().await;
    wait_until("the leave was taken in", SOON, async || {
        let handled: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM provisioner.inbox WHERE handled_at IS NOT NULL
               AND event::jsonb ->> 'state_key' = $1 AND event::jsonb -> 'content' ->> 'membership' = 'leave'",
        )
        .bind(stage.mxid(&left))
        .fetch_one(&mut database)
        .await
        .unwrap();
        handled == 1
    })
    .await
    .unwrap();
    let writes = stage.writes();
    let emptied = |answer: Value| match &answer {
        answer if answer["members"].is_array() => json!({"members": [], "total": 0}),
        answer if answer["chunk"].is_array() => json!({"chunk": []}),
        _ => answer,
    };
    let fault = stage.proxy.fault(Matching::any().method("GET").path("/members"), Effect::rewrite(emptied));
    stage.until_not_ready(&["homeserver", "is not in the room"]).await;
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"], &report["held"]), (1, &json!(0), &json!(0)), "{report:#}");
    // Also when nothing better was ever read.
    stage.service.sigkill().await.unwrap();
    stage.service.start_again().unwrap();
    stage.until_not_ready(&["homeserver", "is not in the room"]).await;
    let output = stage.refused(&["plan"]).await;
    for text in ["red-room", "staff", "analysts", "is not in the room", "Nothing to do"] {
        assert!(printed(&output).contains(text), "{text} in {output:?}");
    }
    assert_eq!(stage.writes(), writes);
    assert!(fault.hits() > 0);

    fault.lift();
    stage.service.wait_ready().await.unwrap();
    stage.nothing_left().await;
    assert_eq!(stage.writes(), writes);
    assert_eq!(stage.memberships(&stage.staff, &member).await, ["invite", "join"]);
    assert_eq!(stage.memberships(&stage.staff, &left).await, ["invite", "join", "leave"]);
}

async fn an_unreadable_event_does_not_cost_the_others_in_its_transaction(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.quiet().await;
    let (joins, reads) = (stage.joins(), member_lists(&stage));
    // Somebody who only claims to be Synapse, were it not for the token: a removal that never happened.
    let (staff, admin) = (&stage.staff, &stage.admin.mxid);
    let event = |id: &str, content: Value| {
        json!({
            "type": "m.room.member", "event_id": format!("${id}-{sub}"), "room_id": staff, "sender": admin,
            "state_key": stage.mxid(&sub), "content": content, "origin_server_ts": 1,
            "unsigned": {"age": 10},
        })
    };
    let events = json!([
        42,
        null,
        {"type": "m.room.member"},
        {"type": "m.room.member", "room_id": staff, "event_id": 7, "state_key": "x", "sender": admin, "content": {}},
        {"type": "m.room.member", "room_id": staff, "event_id": "$\u{0}", "state_key": "x", "sender": admin},
        event("kick", json!({"membership": "leave", "reason": "\u{0}"})),
        {"type": ["m.room.member"], "room_id": staff},
    ]);
    assert_eq!(push(&stage, "made-up-1", events.clone(), "not the token").await, 403);
    assert_eq!(push(&stage, "made-up-1", events.clone(), &stage.slot.hs_token).await, 200);
    // What it says is acted upon, found to be untrue, and the room is read again.
    wait_until("the service joins them", SOON, async || stage.joins() == joins + 1).await.unwrap();
    wait_until("the room is read again", SOON, async || member_lists(&stage) > reads).await.unwrap();
    // The same event again is nothing new, whatever the transaction's name.
    assert_eq!(push(&stage, "made-up-2", events, &stage.slot.hs_token).await, 200);
    // One that matters, with content that cannot be read, makes its room be read.
    stage.quiet().await;
    let reads = member_lists(&stage);
    let unreadable = json!([event("strange", json!("out of town"))]);
    assert_eq!(push(&stage, "made-up-3", unreadable, &stage.slot.hs_token).await, 200);
    wait_until("the room is read again", SOON, async || member_lists(&stage) > reads).await.unwrap();
    stage.quiet().await;
    assert_eq!(stage.joins(), joins + 1);
    assert_eq!(stage.memberships(&stage.staff, &sub).await, ["invite", "join"]);
    stage.nothing_left().await;
}

/// All that a command printed.
pub(crate) fn printed(output: &Output) -> String {
    format!("{}{}", output.stdout, output.stderr)
}

/// What a service that ended by an error said last: one line of level ERROR.
pub(crate) fn last_words(service: &Service) -> String {
    let log = service.log();
    let line: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(line["level"], "ERROR", "{log}");
    line["message"].as_str().unwrap().to_owned()
}

/// How often the list of those who are joined to the staff room was read.
fn member_lists(stage: &Stage) -> usize {
    stage.proxy.count(|request| request.is("GET", &format!("/_synapse/admin/v1/rooms/{}/members", stage.staff)))
}

/// Sends a transaction as Synapse does.
async fn push(stage: &Stage, name: &str, events: Value, token: &str) -> u16 {
    let url = format!("http://{}/_matrix/app/v1/transactions/{name}", stage.slot.listen());
    let request = reqwest::Client::new().put(url).bearer_auth(token).json(&json!({"events": events}));
    request.send().await.unwrap().status().as_u16()
}
