//! `doctor` against a queue and a pool that are broken in every way it knows.

use std::time::{Duration, Instant};

use serde_json::json;
use testbed::{
    Effect, Matching, NewUser, Pool, Proxy, Queue, QueueOptions, SynapseVersion, free_port, shared_moto, shared_sqs,
    wait_until,
};

use crate::doctor_support::{Diagnosis, fails, sound, stage};
use crate::support::{SOON, Stage, subject};

crate::on_one_version!(
    the_queue_and_its_dead_letters_are_mended_as_the_doctor_says,
    the_pool_and_its_groups_are_mended_as_the_doctor_says,
    aws_that_refuses_or_hangs_is_told_soon_with_what_the_role_needs,
    the_topic_of_events_is_mended_as_the_doctor_says,
);

/// Somebody is in the pool, and messages come through the queue.
struct Aws {
    pool: Pool,
    queue: Queue,
    stage: Stage,
    person: String,
}

async fn aws(version: SynapseVersion, options: QueueOptions) -> Aws {
    let (moto, sqs) = (shared_moto().await, shared_sqs().await);
    let pool = Pool::create(&moto).await.unwrap();
    let queue = sqs.create_queue("confirmed", options).await.unwrap();
    let person = subject();
    pool.import(&[NewUser::with_sub(&person)]).await.unwrap();
    let mut stage = stage(version).await;
    stage.change(|settings| settings.sections = sections(&pool, &pool.endpoint, &queue.url, &queue.endpoint));
    Aws { pool, queue, stage, person }
}

fn sections(pool: &Pool, pool_endpoint: &str, queue: &str, queue_endpoint: &str) -> String {
    format!(
        "[cognito]\nregion = \"{}\"\nuser_pool_id = \"{}\"\nendpoint_url = \"{pool_endpoint}\"\n\
         [queue]\nurl = \"{queue}\"\nendpoint_url = \"{queue_endpoint}\"\n",
        pool.region, pool.id
    )
}

/// This check is warned of and nothing fails; what is said of it contains these parts.
async fn warns(stage: &Stage, check: &str, parts: &[&str]) -> Diagnosis {
    let diagnosis = sound(stage).await;
    assert!(diagnosis.with("warn").contains(&check), "{:#?}", diagnosis.0);
    let said = diagnosis.said(check);
    for part in parts {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    diagnosis
}

/// Nothing fails, and all of these pass.
async fn passes(stage: &Stage, checks: &[&str]) {
    let diagnosis = sound(stage).await;
    for check in checks {
        assert_eq!(diagnosis.said(check), "", "{:#?}", diagnosis.0);
        assert!(diagnosis.with("pass").contains(check), "{:#?}", diagnosis.0);
    }
}

async fn the_queue_and_its_dead_letters_are_mended_as_the_doctor_says(version: SynapseVersion) {
    let Aws { pool, queue, mut stage, .. } = aws(version, QueueOptions::default()).await;
    passes(&stage, &["queue", "dead_letters"]).await;

    // More than a running service lets wait.
    let many: Vec<String> = (0..1001).map(|number| format!("message {number}")).collect();
    queue.send(&many).await.unwrap();
    warns(&stage, "queue", &["about 1001 messages", "`phenom-provisioner run` running"]).await;
    queue.purge().await.unwrap();
    passes(&stage, &["queue", "dead_letters"]).await;

    // What was given up lies where it was put, and its text is not repeated.
    let mut dead = queue.clone();
    dead.url = queue.dead_letter_url.clone().unwrap();
    dead.send(&["of somebody@example.org"]).await.unwrap();
    let parts = ["about 1 message lies", "provisioner.refused_messages", "purge", "redrive"];
    let diagnosis = warns(&stage, "dead_letters", &parts).await;
    assert!(!format!("{:?}", diagnosis.0).contains("example.org"), "{:#?}", diagnosis.0);
    dead.purge().await.unwrap();
    passes(&stage, &["queue", "dead_letters"]).await;

    // A queue without a place for dead letters.
    let options = QueueOptions { dead_letter: None, ..QueueOptions::default() };
    let bare = shared_sqs().await.create_queue("bare", options).await.unwrap();
    let of = |url: &str, endpoint: &str| sections(&pool, &pool.endpoint, url, endpoint);
    stage.change(|settings| settings.sections = of(&bare.url, &bare.endpoint));
    warns(&stage, "dead_letters", &["no dead-letter queue", "RedrivePolicy", "maxReceiveCount 5"]).await;

    // One that gives up at the first receive that fails.
    let options = QueueOptions { dead_letter: Some(1), ..QueueOptions::default() };
    let hasty = shared_sqs().await.create_queue("hasty", options).await.unwrap();
    stage.change(|settings| settings.sections = of(&hasty.url, &hasty.endpoint));
    warns(&stage, "dead_letters", &["gives a message up after one receive", "maxReceiveCount", "to 5 or more"]).await;

    let nowhere = format!("{}-that-is-not-there", queue.url);
    stage.change(|settings| settings.sections = of(&nowhere, &queue.endpoint));
    let diagnosis = fails(&stage, "queue", &[&format!("no queue {nowhere}"), "mend queue.url"]).await;
    assert!(diagnosis.with("skip").contains(&"dead_letters"), "{:#?}", diagnosis.0);

    let closed = format!("http://127.0.0.1:{}", free_port().unwrap());
    stage.change(|settings| settings.sections = of(&queue.url, &closed));
    fails(&stage, "queue", &["cannot be reached", "onnection refused", "queue.endpoint_url"]).await;
    stage.change(|settings| settings.sections = of(&queue.url, &queue.endpoint));
    passes(&stage, &["queue", "dead_letters"]).await;
}

async fn the_pool_and_its_groups_are_mended_as_the_doctor_says(version: SynapseVersion) {
    let Aws { pool, queue, mut stage, person } = aws(version, QueueOptions::default()).await;
    let by_group = |config: String| config.replace(r#"{ team = "analysts" }"#, r#"{ group = "nest-admin" }"#);
    passes(&stage, &["pool"]).await;

    stage.edit(by_group);
    let parts =
        ["members of analysts", "\\\"nest-admin\\\" does not exist", "create the group in the pool", "selector"];
    fails(&stage, "groups", &parts).await;
    pool.create_group("nest-admin").await.unwrap();
    warns(&stage, "groups", &["nobody in it", "put somebody into the group"]).await;
    pool.add_to_group(&person, "nest-admin").await.unwrap();
    passes(&stage, &["pool", "groups"]).await;

    // The way of an id that was copied from elsewhere.
    let id = pool.id.clone();
    stage.edit(|config| by_group(config).replace(&id, "us-east-1_elsewhere1"));
    let diagnosis = fails(&stage, "pool", &["no user pool us-east-1_elsewhere1", "cognito.user_pool_id"]).await;
    assert_eq!(diagnosis.said("groups"), "\"needs the user pool\" → null\n");
    let closed = format!("http://127.0.0.1:{}", free_port().unwrap());
    stage.change(|settings| settings.sections = sections(&pool, &closed, &queue.url, &queue.endpoint));
    fails(&stage, "pool", &["cannot be reached", "onnection refused", "cognito.endpoint_url"]).await;
    let moto = shared_moto().await;
    let empty = Pool::create(&moto).await.unwrap();
    stage.change(|settings| settings.sections = sections(&empty, &empty.endpoint, &queue.url, &queue.endpoint));
    warns(&stage, "pool", &["nobody is in it", "cognito.user_pool_id"]).await;
    stage.change(|settings| settings.sections = sections(&pool, &pool.endpoint, &queue.url, &queue.endpoint));

    // The listing, from never to late.
    assert_eq!(stage.plan().await.0, 0, "the database is migrated, and knows nobody of the pool");
    warns(&stage, "listing", &["never listed whole", "phenom-provisioner backfill"]).await;
    let output = stage.service.run_cli(&["backfill"]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    passes(&stage, &["pool", "listing"]).await;
    let long_ago = "UPDATE provisioner.listings SET completed_at = now() - interval '3 days'";
    sqlx::query(long_ago).execute(&mut stage.connect().await).await.unwrap();
    warns(&stage, "listing", &["3 days ago, 1 user", "every 6 h", "run` running"]).await;
    stage.start().await;
    wait_until("the pool is listed again", SOON, async || {
        let recent = "SELECT count(*) FROM provisioner.listings WHERE completed_at > now() - interval '1 day'";
        sqlx::query_scalar::<_, i64>(recent).fetch_one(&mut stage.connect().await).await.unwrap() == 1
    })
    .await
    .unwrap();
    passes(&stage, &["pool", "listing"]).await;
}

async fn aws_that_refuses_or_hangs_is_told_soon_with_what_the_role_needs(version: SynapseVersion) {
    let Aws { pool, queue, mut stage, .. } = aws(version, QueueOptions::default()).await;
    let cognito = Proxy::start(&pool.endpoint).await.unwrap();
    let sqs = Proxy::start(&queue.endpoint).await.unwrap();
    stage.change(|settings| settings.sections = sections(&pool, cognito.url(), &queue.url, sqs.url()));
    passes(&stage, &["queue", "dead_letters", "pool"]).await;

    let refusal = json!({ "__type": "AccessDeniedException", "message": "User is not authorized to perform that" });
    cognito.fault(Matching::any(), Effect::Answer(400, refusal.clone()));
    fails(&stage, "pool", &["not authorized", "cognito-idp:ListUsers and cognito-idp:ListUsersInGroup"]).await;
    cognito.clear_faults();
    sqs.fault(Matching::any(), Effect::Answer(403, refusal));
    fails(&stage, "queue", &["not authorized", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]).await;
    sqs.clear_faults();
    let refusal = json!({ "__type": "AccessDenied", "message": "User is not authorized to perform that" });
    sqs.fault(Matching::any().action("GetQueueUrl"), Effect::Answer(400, refusal));
    let parts = ["nobody is told of new ones", "give the role sqs:GetQueueUrl on the dead-letter queue"];
    warns(&stage, "dead_letters", &parts).await;
    sqs.clear_faults();
    passes(&stage, &["queue", "dead_letters", "pool"]).await;

    // A key of one's own: only a receive would show whether it may be used.
    let key = "arn:aws:kms:us-east-1:123456789012:key/of-ours";
    let encrypted = Effect::rewrite(move |mut answer| {
        answer["Attributes"]["KmsMasterKeyId"] = json!(key);
        answer
    });
    sqs.fault(Matching::any().action("GetQueueAttributes"), encrypted);
    passes(&stage, &["queue_key"]).await;
    queue.send(&["somebody"]).await.unwrap();
    warns(&stage, "queue_key", &[key, "kms:Decrypt", "policy-key.json"]).await;
    queue.purge().await.unwrap();
    sqs.clear_faults();

    cognito.fault(Matching::any(), Effect::Hold);
    sqs.fault(Matching::any(), Effect::Hold);
    let begun = Instant::now();
    let diagnosis = Diagnosis::of(&stage).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(diagnosis.with("fail"), ["queue", "pool"], "{:#?}", diagnosis.0);
    assert!(diagnosis.with("pass").contains(&"roster"), "{:#?}", diagnosis.0);
}

async fn the_topic_of_events_is_mended_as_the_doctor_says(version: SynapseVersion) {
    let mut stage = stage(version).await;
    assert!(!Diagnosis::of(&stage).await.0.iter().any(|finding| finding["check"] == "events"), "none is configured");
    let sqs = shared_sqs().await;
    let topic = sqs.create_topic("examined").await.unwrap();
    let of = |arn: &str, endpoint: &str| format!("[events]\ntopic_arn = \"{arn}\"\nendpoint_url = \"{endpoint}\"\n");
    stage.change(|settings| settings.sections = of(&topic.arn, &topic.endpoint));
    warns(&stage, "events", &["nobody subscribes", "docs/events/README.md"]).await;
    let queue =
        sqs.create_queue("subscriber", QueueOptions { dead_letter: None, ..QueueOptions::default() }).await.unwrap();
    topic.subscribe(&queue, None).await.unwrap();
    passes(&stage, &["events"]).await;
    assert_eq!(queue.take().await.unwrap(), [""; 0], "nothing is published");

    let nowhere = format!("{}-that-is-not-there", topic.arn);
    stage.change(|settings| settings.sections = of(&nowhere, &topic.endpoint));
    fails(&stage, "events", &[&format!("no topic {nowhere}"), "mend events.topic_arn"]).await;

    let closed = format!("http://127.0.0.1:{}", free_port().unwrap());
    stage.change(|settings| settings.sections = of(&topic.arn, &closed));
    fails(&stage, "events", &["cannot be reached", "onnection refused", "events.endpoint_url"]).await;

    stage.change(|settings| settings.sections = of(&topic.arn, &topic.endpoint));
    passes(&stage, &["events"]).await;
}
