//! One person at a time: how long from the webhook, or from the confirmation on the queue, until they are in the room,
//! beside the calls that this needs on Synapse.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::Setup;
use super::cloud::Cloud;
use super::figures::{Report, milliseconds, percentile, ratio};
use super::stack::{ManagedRoom, Stack};
use crate::aws::NewUser;
use crate::process::random;

/// How often Synapse is looked at for one person. One look is a lookup by an index.
const LOOK: Duration = Duration::from_millis(1);
/// The longest SQS allows.
const LONG_POLL: Duration = Duration::from_secs(20);
const TEAM: &str = "latency";

/// How often each way is gone.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    pub runs: usize,
}

/// What was found, in the order of the runs.
#[derive(Debug, Clone, Default)]
pub struct LatencyFound {
    /// The person has an account; the row is there; from the webhook on.
    pub webhook: Vec<Duration>,
    /// The join alone.
    pub join: Vec<Duration>,
    /// The person is confirmed in the pool; from the sending to the queue on.
    pub confirmation: Vec<Duration>,
    /// Account and join alone.
    pub create_and_join: Vec<Duration>,
    /// The same after a message of one's own was received and the pool asked.
    pub all_calls: Vec<Duration>,
}

impl Latency {
    /// Goes each way so often, in turn.
    ///
    /// # Errors
    /// When anything does not start, or somebody is not joined in time.
    pub async fn measure(self, setup: &Setup) -> Result<LatencyFound> {
        let mut stack = Stack::start(setup).await?;
        let mut found = LatencyFound::default();
        (setup.tell)(&format!("{} rows, one at a time …", self.runs));
        self.rows(&mut stack, &mut found).await?;
        (setup.tell)("starting moto and ministack …");
        let cloud = Cloud::start().await?;
        (setup.tell)(&format!("{} confirmations, one at a time …", self.runs));
        self.confirmations(&mut stack, &cloud, &mut found).await?;
        Ok(found)
    }

    async fn rows(self, stack: &mut Stack, found: &mut LatencyFound) -> Result<()> {
        let (room, by_hand) = (stack.room(&stack.bot).await?, stack.room(&stack.hand).await?);
        let (people, others) = (stack.people(self.runs).await?, stack.people(self.runs).await?);
        let members = format!("{{ team = \"{TEAM}\" }}");
        stack.start_service(&[ManagedRoom { id: room.clone(), members }], "").await?;
        for (sub, other) in people.iter().zip(&others) {
            let by_service = async {
                stack.hasura.add(sub, TEAM, "member").await?;
                stack.timed(&room, sub, LOOK, stack.webhook()).await
            };
            found.webhook.push(by_service.await?);
            found.join.push(stack.timed(&by_hand, other, LOOK, stack.join(&by_hand, other)).await?);
        }
        stack.stop_service().await
    }

    async fn confirmations(self, stack: &mut Stack, cloud: &Cloud, found: &mut LatencyFound) -> Result<()> {
        // Those of the rows are not in this pool.
        stack.hasura.empty().await?;
        stack.fresh_database().await?;
        let room = stack.room(&stack.bot).await?;
        let (by_hand, by_hand_after) = (stack.room(&stack.hand).await?, stack.room(&stack.hand).await?);
        let managed = ManagedRoom { id: room.clone(), members: "\"everyone\"".to_owned() };
        stack.start_service(&[managed], &cloud.aws.sections()).await?;
        for _ in 0..self.runs {
            // Like the service's, this receive waits before the message is sent.
            let waiting = cloud.beside.clone();
            let received = tokio::spawn(async move { waiting.receive(LONG_POLL).await });
            let sub = random::sub();
            cloud.aws.pool.import(&[NewUser::with_sub(&sub)]).await?;
            let message = [cloud.aws.pool.event(&sub).await?.to_string()];
            let sent = cloud.aws.queue.send(&message);
            found.confirmation.push(stack.timed(&room, &sub, LOOK, sent).await?);

            let sub = random::sub();
            let calls = create_and_join(stack, &by_hand, &sub);
            found.create_and_join.push(stack.timed(&by_hand, &sub, LOOK, calls).await?);

            let sub = random::sub();
            let all_calls = async {
                cloud.beside.send(&message).await?;
                received.await.context("receive the message")??;
                // Asking costs the same for every user.
                cloud.aws.pool.call("ListUsers", cloud.question()).await?;
                create_and_join(stack, &by_hand_after, &sub).await
            };
            found.all_calls.push(stack.timed(&by_hand_after, &sub, LOOK, all_calls).await?);
        }
        stack.stop_service().await
    }
}

async fn create_and_join(stack: &Stack, room: &str, sub: &str) -> Result<()> {
    stack.hand.put_user(&stack.synapse.mxid(sub), json!({})).await.context("make the account")?;
    stack.join(room, sub).await
}

impl LatencyFound {
    /// For people to read.
    pub fn report(&self) -> Report {
        let row = |what: &str, samples: &[Duration], bare: Option<&[Duration]>| {
            let beside = |part: f64| {
                bare.map_or_else(String::new, |bare| {
                    ratio(percentile(samples, part).as_secs_f64(), percentile(bare, part).as_secs_f64())
                })
            };
            let more = bare.map_or_else(String::new, |bare| {
                milliseconds(percentile(samples, 0.5).saturating_sub(percentile(bare, 0.5)))
            });
            let (p50, p99) = (milliseconds(percentile(samples, 0.5)), milliseconds(percentile(samples, 0.99)));
            vec![what.to_owned(), p50, p99, beside(0.5), beside(0.99), more]
        };
        Report {
            title: format!("One person joins one invite-only room, {} times each way", self.webhook.len()),
            headings: vec!["way", "p50", "p99", "p50 beside bare", "p99 beside bare", "p50 above bare"],
            rows: vec![
                row("bare: join", &self.join, None),
                row("webhook → joined", &self.webhook, Some(&self.join)),
                row("bare: create account, join", &self.create_and_join, None),
                row("confirmation → joined", &self.confirmation, Some(&self.create_and_join)),
                row("bare: send, receive, ask the pool, create, join", &self.all_calls, Some(&self.create_and_join)),
            ],
            remarks: vec![
                "All end when Synapse's database has the member; it is asked every millisecond, on both sides.".to_owned(),
                "The last row is the same work by hand with the emulators of SQS and Cognito: what of the row above is theirs."
                    .to_owned(),
            ],
        }
    }
}
