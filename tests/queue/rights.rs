//! What the role may not do, told with the right and the queue or key that it lacks it on.

use std::time::Duration;

use phenom_provisioner::intake::queue::{DeadLettersUnseen, Redrive};

use super::fake::{DEAD, Fake, QUEUE};
use super::support::{Office, body, consume, quick, until};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_key_that_may_not_be_used_is_told_with_its_mend_and_costs_no_message() {
    let (fake, office) = (Fake::start().await, Office::default());
    fake.redrive_after(5);
    fake.send(&body("sub"));
    // The new protocol with the code of the old one along, as SQS does it, and each alone.
    for (code, query_code) in [
        ("KmsAccessDenied", Some("KMS.AccessDeniedException")),
        ("KmsAccessDenied", None),
        ("AccessDeniedException", Some("KMS.AccessDeniedException")),
        ("KmsDisabled", Some("KMS.DisabledException")),
    ] {
        fake.refuse("ReceiveMessage", QUEUE, code, query_code);
        let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
        until("it is refused", async || running.status.snapshot().last_error.is_some()).await;
        let error = running.status.snapshot().last_error.unwrap();
        assert!(error.starts_with("the queue is encrypted with a key of KMS"), "{error}");
        assert!(error.contains("kms:Decrypt on that key") && !error.contains("sqs:"), "{error}");
        until("the attributes are read all the same", async || {
            running.status.snapshot().redrive == Some(Redrive::After(5))
        })
        .await;
        fake.allow_all();
        running.end().await;
    }
    let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
    until("the message is through", async || fake.left() == 0).await;
    assert_eq!(office.confirmed()["sub"], 1);
    running.end().await;
}

#[tokio::test]
async fn a_key_that_is_asked_for_too_often_is_a_throttle() {
    let fake = Fake::start().await;
    for (code, query_code) in [("KmsThrottled", Some("KMS.ThrottlingException")), ("KmsThrottled", None)] {
        fake.refuse("GetQueueAttributes", QUEUE, code, query_code);
        let error = fake.queue().await.queue_depth().await.unwrap_err();
        assert!(error.chain().starts_with("the queue asks for fewer requests"), "{}", error.chain());
        fake.allow_all();
    }
}

#[tokio::test]
async fn which_right_on_which_queue_is_said_where_dead_letters_may_not_be_counted() {
    let fake = Fake::start().await;
    let queue = fake.queue().await;
    assert_eq!(queue.dead_letter_depth().await.unwrap(), None);
    fake.redrive_after(5);
    assert_eq!(queue.dead_letter_depth().await.unwrap(), Some(0));
    let unseen = async |action, name, code| -> DeadLettersUnseen {
        fake.refuse(action, name, code, None);
        let unseen = queue.dead_letter_depth().await.unwrap_err();
        fake.allow_all();
        assert!(unseen.is_misconfigured());
        unseen
    };
    let told = unseen("GetQueueUrl", DEAD, "AccessDenied").await.chain();
    insta::assert_snapshot!(told, @r#"the role of the service lacks sqs:GetQueueUrl on the dead-letter queue "dead": AccessDenied: as the test asked"#);
    let told = unseen("GetQueueAttributes", DEAD, "AccessDeniedException").await.chain();
    insta::assert_snapshot!(told, @r#"the role of the service lacks sqs:GetQueueAttributes on the dead-letter queue "dead": AccessDeniedException: as the test asked"#);
    let told = unseen("GetQueueAttributes", QUEUE, "AccessDenied").await.chain();
    insta::assert_snapshot!(told, @"the role of the service lacks sqs:GetQueueAttributes on the queue: AccessDenied: as the test asked");
    let told = unseen("GetQueueUrl", DEAD, "QueueDoesNotExist").await.chain();
    insta::assert_snapshot!(told, @r#"the dead-letter queue "dead" that the RedrivePolicy of the queue names does not exist; create it, or mend the RedrivePolicy"#);
    // Without credentials there is more to mend than one right.
    let told = unseen("GetQueueUrl", DEAD, "ExpiredToken").await.chain();
    assert!(told.starts_with("there are no AWS credentials"), "{told}");
}
