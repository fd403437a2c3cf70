//! Cognito's trigger, as far as the queue: the real forwarder, called as Cognito would.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use testbed::{Effect, Matching, Pool, Proxy, QueueOptions, Trigger, shared_moto, shared_sqs};

#[tokio::test]
async fn a_confirmation_reaches_the_queue() {
    let pool = Pool::create(&*shared_moto().await).await.unwrap();
    let queue = shared_sqs().await.create_queue("confirmed", QueueOptions::default()).await.unwrap();
    let trigger = Trigger::start(&queue, &[("ENVIRONMENT", "testbed")]).await.unwrap();
    let sub = pool.sign_up("ada@example.org", "Ada").await.unwrap();
    assert_eq!(queue.depth().await.unwrap().visible, 0, "not before the confirmation");
    let start = Instant::now();
    pool.confirm_and_fire(&trigger, &sub).await.unwrap();
    println!("confirmed and on the queue in {:?}", start.elapsed());

    assert!(trigger.log_tail().contains(&format!("[INFO] forwarded the confirmation of {sub} as message ")));

    let bodies = queue.take().await.unwrap();
    let expected = json!({
        "version": "1", "triggerSource": "PostConfirmation_ConfirmSignUp", "region": pool.region, "userPoolId": pool.id,
        "request": { "userAttributes": { "sub": sub } }, "environment": "testbed",
    });
    assert_eq!(bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect::<Vec<Value>>(), [expected]);
    assert_eq!(pool.user(&sub).await.unwrap()["UserStatus"], "CONFIRMED");
}

#[tokio::test]
async fn the_event_is_as_cognito_makes_it() {
    let pool = Pool::create(&*shared_moto().await).await.unwrap();
    let sub = pool.sign_up("ben@example.org", "Ben").await.unwrap();
    pool.confirm(&sub).await.unwrap();
    let expected = json!({
        "version": "1",
        "triggerSource": "PostConfirmation_ConfirmSignUp",
        "region": "us-east-1",
        "userPoolId": pool.id,
        "userName": "ben@example.org",
        "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": pool.app },
        "request": { "userAttributes": {
            "sub": sub, "email": "ben@example.org", "email_verified": "true", "name": "Ben",
            "cognito:user_status": "CONFIRMED",
        } },
        "response": {},
    });
    assert_eq!(pool.event(&sub).await.unwrap(), expected);
}

#[tokio::test]
async fn a_burst_of_a_hundred_loses_none() {
    let pool = Pool::create(&*shared_moto().await).await.unwrap();
    let queue = shared_sqs().await.create_queue("burst", QueueOptions::default()).await.unwrap();
    let trigger = Trigger::start(&queue, &[]).await.unwrap();
    let subs = pool.import_many(100).await.unwrap();
    let events = try_join_all(subs.iter().map(|sub| pool.event(sub))).await.unwrap();
    let start = Instant::now();
    try_join_all(events.iter().map(|event| trigger.fire(event))).await.unwrap();
    println!("100 forwarded in {:?}", start.elapsed());
    assert_eq!(queue.depth().await.unwrap().visible, 100);
}

#[tokio::test]
async fn without_sqs_the_person_is_let_in_or_told() {
    let pool = Pool::create(&*shared_moto().await).await.unwrap();
    let queue = shared_sqs().await.create_queue("away", QueueOptions::default()).await.unwrap();
    let proxy = Proxy::start(&queue.endpoint).await.unwrap();
    let away = ("AWS_ENDPOINT_URL_SQS", proxy.url());
    let lenient = Trigger::start(&queue, &[away]).await.unwrap();
    let strict = Trigger::start(&queue, &[away, ("FAIL_OPEN", "false")]).await.unwrap();
    let sub = pool.sign_up("cleo@example.org", "Cleo").await.unwrap();
    pool.confirm(&sub).await.unwrap();
    let event = pool.event(&sub).await.unwrap();

    proxy.set_down(true);
    lenient.fire(&event).await.unwrap();
    assert!(strict.fire(&event).await.is_err());
    for log in [lenient.log_tail(), strict.log_tail()] {
        assert!(log.contains(&sub) && !log.contains("cleo"), "{log}");
    }
    proxy.set_down(false);
    let held = proxy.fault(Matching::any(), Effect::Hold);
    let start = Instant::now();
    lenient.fire(&event).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    held.lift();
    strict.fire(&event).await.unwrap();
    assert!(queue.depth().await.unwrap().visible >= 1);
}
