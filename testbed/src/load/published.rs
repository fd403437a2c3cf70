//! A long ledger that is published to a topic: what it takes until a subscriber has all of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};

use super::figures::{Report, milliseconds, number, seconds};
use super::stack::{ManagedRoom, Stack, bound};
use super::{Setup, process};
use crate::aws::{QueueOptions, Sqs};
use crate::proxy::Proxy;
use crate::wait::watch_until;

/// How often the count of published events is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Resyncs are told apart from publishing by being far away.
const SECTIONS: &str = "[mirror]\nresync_interval = \"12h\"\n";

/// What the service counts of it.
const PUBLISHED: &str = "provisioner_events_published_total{type=\"member.joined\"}";

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// Lines of the ledger, each an event of its own.
    pub lines: usize,
    /// How long the service has nothing to do, with a topic and without.
    pub quiet: Duration,
}

#[derive(Debug, Clone)]
pub struct PublishedFound {
    pub asked: Published,
    /// From the first request until the last event was taken.
    pub took: Duration,
    /// Requests to SNS.
    pub requests: usize,
    /// Transactions of the service in its own database meanwhile: a statement each.
    pub statements: i64,
    pub cpu: Duration,
    /// Resident at the end, in bytes.
    pub memory: u64,
    /// Events that the subscriber has, and how many of them are distinct.
    pub received: [usize; 2],
    /// Transactions while nothing happened: without a topic, and with one.
    pub idle: [i64; 2],
    /// Requests to SNS while nothing happened.
    pub idle_requests: usize,
}

impl Published {
    /// Writes the lines at once, and waits until all are published.
    ///
    /// # Errors
    /// When anything does not start, or something is missing at the end.
    pub async fn measure(self, setup: &Setup) -> Result<PublishedFound> {
        let mut stack = Stack::start(setup).await?;
        let sqs = Sqs::start().await?;
        let topic = sqs.create_topic("events").await?;
        let options = QueueOptions { dead_letter: None, visibility_timeout: Duration::from_secs(600) };
        let queue = sqs.create_queue("subscriber", options).await?;
        topic.subscribe(&queue, None).await?;
        let sns = Proxy::start(&topic.endpoint).await?;
        let id = stack.room(&stack.bot).await?;
        let rooms = [ManagedRoom { id: id.clone(), members: "{ team = \"nobody\" }".to_owned() }];

        stack.start_service(&rooms, SECTIONS).await?;
        let without = self.quiet_transactions(setup, &stack, "without a topic").await?;
        stack.stop_service().await?;
        let events = format!("{SECTIONS}[events]\ntopic_arn = \"{}\"\nendpoint_url = \"{}\"\n", topic.arn, sns.url());
        stack.start_service(&rooms, &events).await?;
        let with = self.quiet_transactions(setup, &stack, "with a topic").await?;
        let idle_requests = sns.requests().len();

        (setup.tell)(&format!("publishing {} lines …", self.lines));
        let (before, cpu) = (stack.transactions().await?[0], process::cpu(stack.service.pid())?);
        self.write(&stack, &id).await?;
        watch_until("it begins", bound(0), LOOK, async || sns.requests().len() > idle_requests).await?;
        let began = Instant::now();
        let all = number(self.lines);
        watch_until("all are published", bound(self.lines), LOOK, async || {
            stack.metric(PUBLISHED).await.is_ok_and(|count| count >= all)
        })
        .await?;
        let took = began.elapsed();
        let statements = stack.transactions().await?[0] - before;
        let notices = queue.take_notices().await?;
        let mut ids: Vec<String> = notices.iter().map(|notice| notice.event["id"].to_string()).collect();
        let received = ids.len();
        ids.sort();
        ids.dedup();
        ensure!(ids.len() == self.lines, "{} of {} events arrived", ids.len(), self.lines);
        Ok(PublishedFound {
            asked: self,
            took,
            requests: sns.requests().len() - idle_requests,
            statements,
            cpu: process::cpu(stack.service.pid())?.saturating_sub(cpu),
            memory: process::memory(stack.service.pid())?,
            received: [received, ids.len()],
            idle: [without, with],
            idle_requests,
        })
    }

    async fn quiet_transactions(self, setup: &Setup, stack: &Stack, how: &str) -> Result<i64> {
        // A start reads, and counts a little later once more.
        tokio::time::sleep(Duration::from_secs(15)).await;
        (setup.tell)(&format!("leaving the service alone for {} s, {how} …", self.quiet.as_secs()));
        let before = stack.transactions().await?[0];
        tokio::time::sleep(self.quiet).await;
        Ok(stack.transactions().await?[0] - before)
    }

    async fn write(self, stack: &Stack, room: &str) -> Result<()> {
        let mut connection =
            PgConnection::connect(stack.database()).await.context("connect to the service's database")?;
        let sql = "INSERT INTO provisioner.ledger
                       (pass, seq, kind, user_id, room_id, room_key, before, after, cause, because, mode, outcome)
                   SELECT nextval('provisioner.pass'), 0, 'join', '@' || md5(n::text)::uuid || ':phenom.test', $1, 'room-0',
                          '\"leave\"', '\"join\"', 'everyone has an account', 'selector', 'enforce', 'done'
                   FROM generate_series(1, $2) AS n";
        let lines = i32::try_from(self.lines).context("count lines")?;
        sqlx::query(sql).bind(room).bind(lines).execute(&mut connection).await.context("write the ledger").map(drop)
    }
}

impl PublishedFound {
    /// For people to read.
    pub fn report(&self) -> Report {
        let minutes = self.asked.quiet.as_secs_f64() / 60.0;
        let a_minute = |count: i64| format!("{:.1} a minute", count as f64 / minutes);
        let row = |what: &str, figure: String| vec![what.to_owned(), figure];
        let lines = number(self.asked.lines);
        Report {
            title: format!("{} lines of the ledger, published", self.asked.lines),
            headings: vec!["what", "figure"],
            rows: vec![
                row("from the first request to the last answer", seconds(self.took)),
                row("events a second", format!("{:.0}", lines / self.took.as_secs_f64())),
                row("requests to SNS", self.requests.to_string()),
                row("transactions in its own database", self.statements.to_string()),
                row("CPU", milliseconds(self.cpu)),
                row("resident memory at the end", format!("{:.1} MB", self.memory as f64 / 1e6)),
                row("received, and distinct", format!("{}, {}", self.received[0], self.received[1])),
                row("idle without a topic, transactions", a_minute(self.idle[0])),
                row("idle with a topic, transactions", a_minute(self.idle[1])),
                row("idle with a topic, requests to SNS", self.idle_requests.to_string()),
            ],
            remarks: vec!["SNS and SQS are ministack's, on the same machine.".to_owned()],
        }
    }
}
