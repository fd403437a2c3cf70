//! Events for others through a FIFO topic into a FIFO queue: SNS and SQS keep each person's order as well, and what a kill has
//! repeated arrives once.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testbed::{Effect, Matching, Notice, Proxy, SynapseVersion, wait_until};

use crate::published_support::{Received, until_all_told, world_named};
use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(a_fifo_topic_keeps_each_order_and_a_repetition_arrives_once);

/// What a name in SNS's form ends in where an event's id is its value.
const ID: &str = ".MessageDeduplicationId";

/// The ids in each batch that SNS was sent, in order.
fn batches(sns: &Proxy) -> Vec<BTreeSet<String>> {
    let ids = |body: &Value| -> BTreeSet<String> {
        let fields = body.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with(ID));
        fields.map(|(_, id)| id.as_str().unwrap().to_owned()).collect()
    };
    let requests = sns.requests().into_iter().filter(|request| request.action.as_deref() == Some("PublishBatch"));
    requests.map(|request| ids(&request.body)).collect()
}

async fn a_fifo_topic_keeps_each_order_and_a_repetition_arrives_once(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let world = world_named(stage, "chat-events.fifo", "subscriber.fifo").await;
    let (stage, mut received) = (&world.stage, Received::default());
    let people = subjects(5);
    // A roster that lost everybody would be held.
    stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    stage.start().await;
    for (round, membership) in ["join", "leave", "join"].into_iter().enumerate() {
        // The first batch of all passes, so that a kill is also in the midst of what waits.
        let matching = Matching::any().action("PublishBatch").skip(usize::from(round == 0)).times(1);
        let held = world.sns.fault(matching, Effect::HoldAnswer);
        for sub in &people {
            match membership {
                "join" => stage.hasura.add(sub, "staff", "member").await.unwrap(),
                _ => stage.hasura.remove(sub, "staff").await.unwrap(),
            }
        }
        stage.hook().await;
        wait_until("a batch is sent and not answered", SOON, async || held.hits() == 1).await.unwrap();
        let batch = batches(&world.sns).pop().unwrap();
        wait_until("it arrives all the same", SOON, async || {
            received.read(&world.queue).await;
            let arrived = received.distinct();
            batch.iter().all(|id| arrived.contains_key(id))
        })
        .await
        .unwrap();
        // Between publish and cursor.
        stage.service.sigkill().await.unwrap();
        held.lift();
        stage.start_ready().await;
        wait_until("it is sent again", SOON, async || {
            let sent = batches(&world.sns);
            batch.iter().all(|id| sent.iter().filter(|one| one.contains(id)).count() > 1)
        })
        .await
        .unwrap();
        for sub in &people {
            stage.until(&stage.staff, sub, membership, SOON).await;
            stage.until(&stage.red, sub, "join", SOON).await;
        }
    }
    until_all_told(&world, &mut received).await;

    assert_eq!(received.0.len(), received.distinct().len(), "what was repeated arrives once");
    received.assert_in_order();
    for Notice { event, group, .. } in &received.0 {
        assert_eq!(json!(group), event["subject"], "{event}");
    }
    for sub in &people {
        let mxid = json!(stage.mxid(sub));
        let of_staff = |event: &&Notice| event.event["subject"] == mxid && event.event["data"]["room"] != "red-room";
        let mut story: Vec<&str> =
            received.0.iter().filter(of_staff).map(|notice| notice.event["type"].as_str().unwrap()).collect();
        // A kill between call and answer is told as unknown, and what is done again is told again.
        story.dedup();
        let expected = ["account.created", "member.joined", "member.removed", "member.joined"];
        assert_eq!(story, expected.map(|kind| format!("app.thephenom.provisioner.{kind}.v1")), "{mxid}");
    }
    stage.nothing_left().await;
}
