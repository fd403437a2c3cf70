//! What journeys about events for others share: a topic with a queue that gets all of it, and what its subscriber received.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use testbed::{Notice, Proxy, Queue, QueueOptions, Topic, shared_sqs, wait_until};

use crate::support::{SOON, Stage};

pub(crate) const QUEUE: QueueOptions = QueueOptions { visibility_timeout: Duration::from_secs(60), dead_letter: None };

/// A topic behind a proxy, a queue that gets all of it, and a stage that publishes to it.
pub(crate) struct World {
    pub(crate) topic: Topic,
    pub(crate) queue: Queue,
    pub(crate) sns: Proxy,
    pub(crate) stage: Stage,
}

pub(crate) async fn world(stage: Stage) -> World {
    world_named(stage, "chat-events", "subscriber").await
}

/// The same where names that end in `.fifo` make FIFO of both.
pub(crate) async fn world_named(stage: Stage, topic: &str, queue: &str) -> World {
    let sqs = shared_sqs().await;
    let topic = sqs.create_topic(topic).await.unwrap();
    let queue = sqs.create_queue(queue, QUEUE).await.unwrap();
    topic.subscribe(&queue, None).await.unwrap();
    let sns = Proxy::start(&topic.endpoint).await.unwrap();
    let mut world = World { topic, queue, sns, stage };
    let events = format!("[events]\ntopic_arn = \"{}\"\nendpoint_url = \"{}\"\n", world.topic.arn, world.sns.url());
    world.stage.change(|settings| settings.sections = events);
    world
}

/// What a subscriber has received so far.
#[derive(Default)]
pub(crate) struct Received(pub(crate) Vec<Notice>);

impl Received {
    pub(crate) async fn read(&mut self, queue: &Queue) {
        self.0.extend(queue.take_notices().await.unwrap_or_default());
    }

    /// Each event once, by its id; a repetition is the same event.
    pub(crate) fn distinct(&self) -> BTreeMap<String, Value> {
        let mut events = BTreeMap::new();
        for Notice { event, attributes, .. } in &self.0 {
            let id = event["id"].as_str().unwrap().to_owned();
            assert_eq!(attributes["type"], event["type"], "{event}");
            assert_eq!(attributes["outcome"], event["data"]["outcome"], "{event}");
            assert_eq!(attributes["room"], event["data"]["room"], "{event}");
            let before = events.insert(id, event.clone());
            assert!(before.as_ref().is_none_or(|before| before == event), "{before:?} and {event}");
        }
        events
    }

    pub(crate) fn has(&self, kind: &str, subject: Option<&str>, room: Option<&str>) -> Option<Value> {
        let full = format!("app.thephenom.provisioner.{kind}.v1");
        let is_it = |event: &Value| {
            event["type"] == full && event["subject"] == json!(subject) && event["data"]["room"] == json!(room)
        };
        self.distinct().into_values().find(|event| is_it(event))
    }

    pub(crate) async fn until(
        &mut self,
        world: &World,
        kind: &str,
        subject: Option<&str>,
        room: Option<&str>,
    ) -> Value {
        let mut event = None;
        let what = format!("{kind} of {subject:?} in {room:?} arrives");
        let arrived = wait_until(&what, SOON, async || {
            self.read(&world.queue).await;
            event = self.has(kind, subject, room);
            event.is_some()
        });
        let arrived = arrived.await;
        assert!(arrived.is_ok(), "{arrived:?}; there are {:#?}", self.distinct());
        event.unwrap()
    }

    /// What is about one subject comes in the order in which it happened, repetitions left out.
    pub(crate) fn assert_in_order(&self) {
        let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::<String, i64>::new());
        for Notice { event, .. } in &self.0 {
            let id = event["id"].as_str().unwrap();
            if !seen.insert(id) {
                continue;
            }
            let line: i64 = id.split('-').next().unwrap().parse().unwrap();
            let before = last.insert(event["subject"].to_string(), line);
            assert!(before.is_none_or(|before| before <= line), "line {line} after {before:?}: {event}");
        }
    }
}

/// Lines of the ledger that others are to be told of, by the number that an event's id begins with.
async fn to_tell(stage: &Stage) -> BTreeSet<String> {
    let lines: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM provisioner.ledger WHERE outcome IN ('done', 'unknown', 'interrupted')
           AND kind IN ('create_account', 'join', 'remove', 'set_power_levels', 'grant_server_admin', 'revoke_server_admin')",
    )
    .fetch_all(&mut stage.connect().await)
    .await
    .unwrap();
    lines.iter().map(ToString::to_string).collect()
}

fn told(received: &Received) -> BTreeSet<String> {
    received.distinct().keys().map(|id| id.split('-').next().unwrap().to_owned()).collect()
}

pub(crate) async fn until_all_told(world: &World, received: &mut Received) {
    let mut missing = BTreeSet::new();
    let all = wait_until("others are told of every line", SOON, async || {
        received.read(&world.queue).await;
        missing = to_tell(&world.stage).await.difference(&told(received)).cloned().collect();
        missing.is_empty()
    });
    let all = all.await;
    assert!(all.is_ok(), "{all:?}; nobody was told of {missing:?}");
}
