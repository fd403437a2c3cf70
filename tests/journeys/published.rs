//! Events for others: from the ledger through the topic into a queue that subscribes to it as another service would, and
//! through kills and outages.

use std::sync::Arc;

use serde_json::{Value, json};
use testbed::{Person, SynapseVersion, shared_sqs, wait_until};

use crate::published_support::{QUEUE, Received, until_all_told, world};
use crate::support::{SOON, Settings, Stage, subjects};

crate::on_one_version!(
    what_is_done_and_decided_arrives_and_nothing_that_was_not_done,
    a_service_killed_again_and_again_tells_everything_in_order,
    a_topic_that_is_away_for_a_burst_stops_no_pass_and_is_told_afterwards,
    without_a_topic_nothing_is_read_or_kept_for_one,
);

async fn what_is_done_and_decided_arrives_and_nothing_that_was_not_done(version: SynapseVersion) {
    let guard = "free_removals = 1\nmax_removals = 1\nmax_fraction = 0.1".to_owned();
    // On a Synapse of its own: the admins of other stages are none of its business.
    let bed = Arc::new(testbed::own(version).await.unwrap());
    let mut world = world(Stage::set_on(bed, Settings { guard, ..Settings::default() }).await).await;
    world.stage.edit(|config| {
        let config = config.replace("[modes]\n", "[modes]\nserver_admins = \"enforce\"\npower_levels = \"enforce\"\n");
        let staff = "members = [{ team = \"staff\" }]\n";
        let power = format!("{staff}power = [{{ level = 50, grant = [{{ team = \"staff\", role = \"lead\" }}] }}]\n");
        format!("{}\n[server_admins]\ngrant = [{{ team = \"analysts\" }}]\n", config.replace(staff, &power))
    });
    let (stage, mut received) = (&world.stage, Received::default());
    let people = subjects(5);
    let mxids: Vec<String> = people.iter().map(|sub| stage.mxid(sub)).collect();
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.hasura.set_role(&people[0], "staff", "lead").await.unwrap();
    stage.hasura.add(&people[1], "analysts", "member").await.unwrap();
    stage.start().await;
    let (one, other) = (Some(mxids[0].as_str()), Some(mxids[1].as_str()));
    let created = received.until(&world, "account.created", one, None).await;
    assert_eq!((&created["data"]["because"], &created["data"]["actor"]), (&json!("no_account_yet"), &Value::Null));
    let joined = received.until(&world, "member.joined", one, Some("staff")).await;
    assert_eq!(
        (&joined["data"]["room_id"], &joined["data"]["after"], &joined["data"]["cause"], &joined["source"]),
        (&json!(stage.staff), &json!("join"), &json!("policy"), &json!("/phenom/provisioner/test"))
    );
    received.until(&world, "member.joined", one, Some("red-room")).await;
    let power = received.until(&world, "power.changed", one, Some("staff")).await;
    assert_eq!(power["data"]["after"], 50);
    received.until(&world, "server_admin.granted", other, None).await;

    // A removal that the guard lets go, and two that it holds until somebody approves them.
    stage.hasura.remove(&people[4], "staff").await.unwrap();
    stage.hook().await;
    let removed = received.until(&world, "member.removed", Some(&mxids[4]), Some("staff")).await;
    assert_eq!((&removed["data"]["before"], &removed["data"]["because"]), (&json!("join"), &json!("nobody_knows")));
    for sub in &people[2..4] {
        stage.hasura.remove(sub, "staff").await.unwrap();
    }
    stage.hook().await;
    let id = held_id(stage).await;
    let held = received.until(&world, "plan.held", Some(&id), None).await;
    assert_eq!(held["data"]["after"][0]["class"], "removals", "{held}");
    assert!(received.has("member.removed", Some(&mxids[2]), Some("staff")).is_none(), "held is not done");
    let id = held_id(stage).await;
    stage.service.run_cli(&["apply", "--approve", &id]).await.unwrap();
    let approved = received.until(&world, "plan.approved", Some(&id), None).await;
    assert_eq!(approved["data"]["actor"], "command_line");
    let removed = received.until(&world, "member.removed", Some(&mxids[2]), Some("staff")).await;
    assert_eq!((&removed["data"]["cause"], &removed["data"]["actor"]), (&json!("approval"), &json!("command_line")));

    // The brake, and a leave by choice.
    stage.service.run_cli(&["pause"]).await.unwrap();
    let paused = received.until(&world, "service.paused", None, None).await;
    assert_eq!(paused["data"]["actor"], "command_line");
    stage.service.run_cli(&["resume"]).await.unwrap();
    received.until(&world, "service.resumed", None, None).await;
    let person = Person::login(&stage.bed.synapse, &people[0]).await.unwrap();
    person.leave(&stage.red).await.unwrap();
    let left = received.until(&world, "member.left", one, Some("red-room")).await;
    assert_eq!((&left["data"]["before"], &left["data"]["actor"]), (&json!("join"), &json!(mxids[0])));

    until_all_told(&world, &mut received).await;
    received.assert_in_order();
    // Nobody is called anything in it, and the line of the command line is no person's.
    let all = format!("{:?}", received.0);
    assert!(!all.contains("on the command line") && !all.contains("roster says"), "{all}");
    // Another queue gets what it asked for, and a topic begins with the present.
    let filtered = shared_sqs().await.create_queue("filtered", QUEUE).await.unwrap();
    let filter = json!({"type": ["app.thephenom.provisioner.member.removed.v1"], "room": ["staff"]});
    world.topic.subscribe(&filtered, Some(&filter)).await.unwrap();
    stage.hasura.add(&people[4], "staff", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &people[4], "join", SOON).await;
    until_all_told(&world, &mut received).await;
    assert_eq!(filtered.take_notices().await.unwrap(), []);
    stage.nothing_left().await;
}

async fn held_id(stage: &Stage) -> String {
    let mut id = None;
    wait_until("something is held", SOON, async || {
        let sql = "SELECT id FROM provisioner.held_plans WHERE state = 'open'";
        id = sqlx::query_scalar(sql).fetch_optional(&mut stage.connect().await).await.unwrap();
        id.is_some()
    })
    .await
    .unwrap();
    id.unwrap()
}

async fn a_service_killed_again_and_again_tells_everything_in_order(version: SynapseVersion) {
    let world = world(Stage::set(version, Settings::default()).await).await;
    let (stage, mut received) = (&world.stage, Received::default());
    let people = subjects(60);
    stage.start_ready().await;
    for (kill, some) in people.chunks(10).enumerate() {
        let so_far = world.sns.requests().len();
        for sub in some {
            stage.hasura.add(sub, "staff", "member").await.unwrap();
        }
        stage.hook().await;
        wait_until("it publishes", SOON, async || world.sns.requests().len() > so_far + kill % 3).await.unwrap();
        stage.service.sigkill().await.unwrap();
        received.read(&world.queue).await;
        stage.start_ready().await;
    }
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    until_all_told(&world, &mut received).await;
    // Each member has been told of, whatever a kill cut off.
    for sub in &people {
        let mxid = stage.mxid(sub);
        for (kind, room) in
            [("account.created", None), ("member.joined", Some("staff")), ("member.joined", Some("red-room"))]
        {
            assert!(received.has(kind, Some(&mxid), room).is_some(), "{kind} of {mxid} in {room:?}");
        }
    }
    received.assert_in_order();
    stage.nothing_left().await;
}

async fn a_topic_that_is_away_for_a_burst_stops_no_pass_and_is_told_afterwards(version: SynapseVersion) {
    let world = world(Stage::set(version, Settings::default()).await).await;
    let (stage, mut received) = (&world.stage, Received::default());
    stage.start().await;
    world.sns.set_down(true);
    let people = subjects(20);
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.hook().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    stage.until_logged("events are not published, and wait in the ledger: the topic cannot be reached").await;
    wait_until("the lag is told", SOON, async || stage.metric("provisioner_events_lag_seconds").await > 1.0)
        .await
        .unwrap();
    assert!(stage.metric("provisioner_events_failed_total").await > 0.0);
    received.read(&world.queue).await;
    assert!(received.has("member.joined", Some(&stage.mxid(&people[0])), Some("staff")).is_none());
    let (status, _) = stage.readyz().await.unwrap();
    assert_eq!(status, 200, "nothing else waits for it");
    // It is told again and again, and said once.
    let said = stage.service.log().matches("events are not published").count();
    assert_eq!(said, 1, "{}", stage.service.log());

    world.sns.set_down(false);
    until_all_told(&world, &mut received).await;
    received.assert_in_order();
    stage.until_logged("events are published again").await;
    wait_until("nobody is late", SOON, async || stage.metric("provisioner_events_lag_seconds").await == 0.0)
        .await
        .unwrap();
    stage.nothing_left().await;
}

async fn without_a_topic_nothing_is_read_or_kept_for_one(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let people = stage.start_with_staff(1).await;
    let person = Person::login(&stage.bed.synapse, &people[0]).await.unwrap();
    person.leave(&stage.red).await.unwrap();
    stage.until(&stage.red, &people[0], "leave", SOON).await;
    stage.quiet().await;
    let kept = "SELECT (SELECT count(*) FROM provisioner.event_topics) + (SELECT count(*) FROM provisioner.ledger WHERE kind = 'leave')";
    let kept: i64 = sqlx::query_scalar(kept).fetch_one(&mut stage.connect().await).await.unwrap();
    assert_eq!(kept, 0);
    let metrics = reqwest::get(format!("http://{}/metrics", stage.admin_listen)).await.unwrap().text().await.unwrap();
    assert!(!metrics.contains("provisioner_events_published"), "{metrics}");
    stage.nothing_left().await;
}
