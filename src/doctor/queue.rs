//! The queue: whether it is there and may be read, how much waits in it, with which key it is encrypted, and whether its dead
//! letters have a place, come there in time and are looked at.

use provisioner_policy::how_many;

use super::Finding;
use super::aws::{self, BOUND};
use crate::config::{Config, QueueSection};
use crate::intake::queue::{DeadLettersUnseen, FEWEST_RECEIVES, Queue, QueueError, Redrive, account_in, region_in};

const CHECK: &str = "queue";
const KEY: &str = "queue_key";
const DEAD_LETTERS: &str = "dead_letters";

/// More than a burst of sign-ups leaves waiting.
const MANY: u64 = 1000;

/// Asks the queue about itself. No message is received.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let Some(configured) = &config.queue else {
        let text = "no [queue] is configured: accounts come from the pool's listing and the roster alone";
        return vec![Finding::pass(CHECK, text)];
    };
    let pool_region = config.cognito.as_ref().map(|cognito| cognito.region.as_str());
    let queue = Queue::connect(&configured.url, configured.endpoint_url.as_deref(), pool_region).await;
    let of_queue = async { tokio::try_join!(queue.queue_depth(), queue.own_key(), queue.redrive()) };
    let (state, dead) =
        tokio::join!(tokio::time::timeout(BOUND, of_queue), tokio::time::timeout(BOUND, queue.dead_letter_depth()));
    let elsewhere = region_in(&configured.url).zip(pool_region).filter(|(queue, pool)| queue != pool);
    let (depth, key, redrive) = match state {
        Ok(Ok(state)) => state,
        Ok(Err(error)) => return alone(failed(&error, configured, elsewhere)),
        Err(_) => return alone(silent(CHECK, configured)),
    };
    let elsewhere = elsewhere.map(|(queue, pool)| {
        let mend = "mend queue.url, unless the forwarder is meant to send to another region";
        Finding::warn(CHECK, format!("the queue is in {queue}, and the pool in {pool}"), mend)
    });
    let dead = match dead {
        Ok(Ok(depth)) => dead_letters(depth),
        Ok(Err(error)) => dead_letters_failed(&error),
        Err(_) => silent(DEAD_LETTERS, configured),
    };
    let key = key.map(|key| encrypted(&key, depth));
    let too_soon = redrive.is_too_soon().then(|| given_up_too_soon(redrive));
    [waiting(depth)].into_iter().chain(elsewhere).chain(key).chain([dead]).chain(too_soon).collect()
}

/// Only a receive shows whether the key may be used, and none is tried here: each counts towards the dead letters.
fn encrypted(key: &str, depth: u64) -> Finding {
    if depth == 0 {
        let text =
            format!("the queue is encrypted with the key {key}; nothing waits in it, so the key seems to be usable");
        return Finding::pass(KEY, text);
    }
    Finding::warn(
        KEY,
        format!("the queue is encrypted with the key {key}, and messages wait in it"),
        "if they go on waiting: give the role of the service kms:Decrypt on that key (and let the key's own policy allow it), and the \
         forwarder's kms:GenerateDataKey and kms:Decrypt (deploy/forwarder/policy-key.json)",
    )
}

fn given_up_too_soon(redrive: Redrive) -> Finding {
    let after = match redrive {
        Redrive::After(1) => "one receive".to_owned(),
        Redrive::After(most) => format!("{most} receives"),
        Redrive::Never => "none".to_owned(),
    };
    Finding::warn(
        DEAD_LETTERS,
        format!(
            "the queue gives a message up after {after}: before the pool may know of the person, or at a restart of the service"
        ),
        format!("set maxReceiveCount in the RedrivePolicy of the queue to {FEWEST_RECEIVES} or more"),
    )
}

/// What is wrong with the queue, and that its dead letters wait for it.
fn alone(finding: Finding) -> Vec<Finding> {
    vec![finding, Finding::skip(DEAD_LETTERS, "needs the queue")]
}

fn waiting(depth: u64) -> Finding {
    if depth > MANY {
        return Finding::warn(
            CHECK,
            format!("the queue answers, and about {depth} messages wait in it"),
            "is `phenom-provisioner run` running? If it is, its log says what holds the messages up; if they grow fewer, \
             there is nothing to do",
        );
    }
    Finding::pass(
        CHECK,
        format!("the queue answers; about {} in it", how_many(depth, "message waits", "messages wait")),
    )
}

fn dead_letters(depth: Option<u64>) -> Finding {
    match depth {
        None => Finding::warn(
            DEAD_LETTERS,
            "the queue has no dead-letter queue: a message that always fails comes back until SQS drops it",
            "make a queue for dead letters, and set it in a RedrivePolicy of the queue, with maxReceiveCount 5",
        ),
        Some(0) => Finding::pass(DEAD_LETTERS, "the dead-letter queue is empty"),
        Some(depth) => Finding::warn(
            DEAD_LETTERS,
            format!("about {} in the dead-letter queue", how_many(depth, "message lies", "messages lie")),
            "SELECT * FROM provisioner.refused_messages says why those were refused that the service refused; purge them, or \
             once the cause is mended, redrive them to the queue (repeats do no harm)",
        ),
    }
}

/// The queue itself answered, so that this is about the other one.
fn dead_letters_failed(unseen: &DeadLettersUnseen) -> Finding {
    match unseen {
        DeadLettersUnseen::Missing(name) => Finding::fail(
            DEAD_LETTERS,
            format!(
                "the dead-letter queue {name} in the RedrivePolicy of the queue does not exist: what should go there is lost or stays"
            ),
            "create it, or mend the RedrivePolicy",
        ),
        DeadLettersUnseen::Denied { right, which, fault } => Finding::warn(
            DEAD_LETTERS,
            format!("the dead letters may not be looked at, and nobody is told of new ones: {fault}"),
            format!("give the role {right} on the {which}; it needs sqs:GetQueueUrl and sqs:GetQueueAttributes there"),
        ),
        DeadLettersUnseen::Queue(error) => {
            let text = format!("the dead-letter queue cannot be looked at: {}", error.chain());
            Finding::warn(DEAD_LETTERS, text, "ask again in a moment; if it lasts, see the code in the text")
        }
    }
}

fn silent(check: &'static str, configured: &QueueSection) -> Finding {
    Finding::fail(check, format!("SQS does not answer within {BOUND:?}"), way_to(configured))
}

fn way_to(configured: &QueueSection) -> String {
    aws::way_to("SQS", "queue", configured.endpoint_url.as_deref())
}

fn failed(error: &QueueError, configured: &QueueSection, elsewhere: Option<(String, &str)>) -> Finding {
    let found = Finding::of(CHECK, error);
    match error {
        QueueError::Unreachable(_) => found.mended_by(way_to(configured)),
        QueueError::NoSuchQueue(_) => {
            let text = format!("there is no queue {}", configured.url);
            let account = account_in(&configured.url).map(|account| format!("account {account}, "));
            let region = region_in(&configured.url).map(|region| format!("region {region}, "));
            let place = format!("{}{}name", region.unwrap_or_default(), account.unwrap_or_default());
            let mend = match elsewhere {
                Some((_, pool)) => format!("mend queue.url ({place}), or create the queue; the pool is in {pool}"),
                None => format!("mend queue.url ({place}), or create the queue"),
            };
            Finding::fail(CHECK, text, mend)
        }
        QueueError::Credentials(_) => {
            let of_another = account_in(&configured.url)
                .map(|account| format!("where the role is of another account than {account}, mend queue.url"));
            let mends: Vec<String> = found.mend.iter().cloned().chain(of_another).collect();
            found.mended_by(mends.join("; "))
        }
        QueueError::Throttled { .. } => aws::throttled(found),
        _ if found.mend.is_none() => {
            found.mended_by("mend queue.url and queue.endpoint_url; the code in the text says why")
        }
        _ => found,
    }
}
