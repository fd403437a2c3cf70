//! A flood of chat in a managed room while people join it: is anything lost, and how long does a join take then?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use reqwest::Method;
use serde_json::json;
use tokio::sync::mpsc;

use super::figures::{Report, milliseconds, number, percentile, ratio, seconds};
use super::stack::{ManagedRoom, Stack, bound};
use super::{Setup, process};
use crate::people::{Admin, Person};
use crate::wait::wait_until;

/// People who chat, each with one message on its way at a time. More of them make Synapse no faster.
const SENDERS: usize = 8;

/// How often Synapse is looked at for one person.
const LOOK: Duration = Duration::from_millis(5);
const TEAM: &str = "flood";

/// A push that found nobody is tried again after at most a minute.
const PROBES: usize = 30;

/// What to do: while so many messages are sent, so many people join through the service, evenly spread, and after each of
/// them somebody by a bare call.
#[derive(Debug, Clone, Copy)]
pub struct Flood {
    pub messages: usize,
    pub members: usize,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct FloodFound {
    pub asked: Flood,
    /// From the first message until the last was answered.
    pub took: Duration,
    /// From then until the service had been told of all.
    pub behind: Duration,
    /// From the webhook until the person is a member.
    pub by_service: Vec<Duration>,
    /// From the bare call until the person is a member.
    pub bare: Vec<Duration>,
    /// How many of both were members before the last message was sent.
    pub joined_meanwhile: usize,
    /// Messages in Synapse's database.
    pub stored: i64,
    /// Messages the service has been told of.
    pub told: f64,
    /// Messages in the service's inbox, where none belongs.
    pub kept: i64,
    /// Joins the service's ledger has as done.
    pub in_ledger: i64,
    /// The exit code of `plan` at the end: 0 if nothing is left.
    pub plan: Option<i32>,
    pub synapse_cpu: Duration,
    pub service_cpu: Duration,
    /// Resident memory of the service at the end, in bytes.
    pub service_memory: u64,
}

impl Flood {
    /// Runs it.
    ///
    /// # Errors
    /// When anything does not start, a message is refused, or somebody is not joined in time.
    pub async fn measure(self, setup: &Setup) -> Result<FloodFound> {
        let mut stack = Stack::start(setup).await?;
        let room = stack.room(&stack.bot).await?;
        let (people, others) = (stack.people(self.members).await?, stack.people(self.members).await?);
        let senders = try_join_all((0..SENDERS).map(|_| sender(&stack, &room))).await?;
        let managed = ManagedRoom { id: room.clone(), members: "\"everyone\"".to_owned() };
        stack.start_service(&[managed], "").await?;
        stack.truth.until_settled().await?;
        until_pushed(&stack, &senders[0], &room).await?;
        let (synapse, service) = (process::cpu(stack.synapse.pid())?, process::cpu(stack.service.pid())?);

        (setup.tell)(&format!("{} messages by {SENDERS} people, while {} join …", self.messages, self.members));
        let (next, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (signal, signals) = mpsc::unbounded_channel();
        let began = Instant::now();
        let chatting = async {
            let chats = senders.iter().map(|hands| self.chat(hands, &room, &next, signal.clone(), setup.tell));
            try_join_all(chats).await?;
            ended.store(1, Ordering::Release);
            drop(signal);
            Ok(began.elapsed())
        };
        let joining = self.join(&stack, &room, (&people, &others), signals, &ended);
        let both = async { tokio::try_join!(chatting, joining) };
        let (took, (by_service, bare, joined_meanwhile)) =
            tokio::time::timeout(bound(self.messages), both).await.context("the flood took too long")??;

        let after = Instant::now();
        let wanted = number(self.messages);
        let heard =
            async || stack.metric("provisioner_events_total{type=\"m.room.message\"}").await.unwrap_or_default();
        // What does not arrive shows in the figures.
        let waited = wait_until("the service was told of all", bound(self.messages), async || heard().await >= wanted);
        waited.await.ok();
        let behind = after.elapsed();
        let plan = stack.service.run_cli(&["plan"]).await?;
        Ok(FloodFound {
            asked: self,
            took,
            behind,
            by_service,
            bare,
            joined_meanwhile,
            stored: stack.truth.messages(&room).await?,
            told: heard().await,
            kept: stack.chat_in_inbox().await?,
            in_ledger: stack.done_joins().await?,
            plan: plan.status,
            synapse_cpu: process::cpu(stack.synapse.pid())?.saturating_sub(synapse),
            service_cpu: process::cpu(stack.service.pid())?.saturating_sub(service),
            service_memory: process::memory(stack.service.pid())?,
        })
    }

    /// Sends messages until all are sent, and signals whenever it is the next person's turn to join.
    async fn chat(
        self,
        hands: &Admin,
        room: &str,
        next: &AtomicUsize,
        signal: mpsc::UnboundedSender<()>,
        tell: fn(&str),
    ) -> Result<()> {
        let (a_join, a_tenth) = ((self.messages / self.members).max(1), (self.messages / 10).max(1));
        loop {
            let message = next.fetch_add(1, Ordering::Relaxed);
            if message >= self.messages {
                return Ok(());
            }
            if message.is_multiple_of(a_join) && message / a_join < self.members {
                signal.send(()).ok();
            }
            if message.is_multiple_of(a_tenth) {
                tell(&format!("{message} messages sent"));
            }
            hands.send_text(room, &message.to_string(), &format!("message {message}")).await?;
        }
    }

    /// Joins somebody at every signal, through the service and then somebody else by a bare call.
    async fn join(
        self,
        stack: &Stack,
        room: &str,
        (people, others): (&[String], &[String]),
        mut signals: mpsc::UnboundedReceiver<()>,
        ended: &AtomicUsize,
    ) -> Result<(Vec<Duration>, Vec<Duration>, usize)> {
        let (mut by_service, mut bare, mut meanwhile) = (Vec::new(), Vec::new(), 0);
        for (sub, other) in people.iter().zip(others) {
            // Without a signal the flood is over, or has failed: the remaining people join now.
            signals.recv().await;
            stack.hasura.add(sub, TEAM, "member").await?;
            by_service.push(stack.timed(room, sub, LOOK, stack.webhook()).await?);
            let mxid = stack.synapse.mxid(other);
            let call = stack.bot.force_join(room, &mxid);
            bare.push(stack.timed(room, other, LOOK, call).await?);
            if ended.load(Ordering::Acquire) == 0 {
                meanwhile += 2;
            }
        }
        Ok((by_service, bare, meanwhile))
    }
}

/// Waits until Synapse pushes at once. Where a push has found nobody, because the service was just starting, what happens in
/// the moment in which Synapse has sent what it kept and has not noted it yet stays behind until the next failure
/// (`on_recovered` of its scheduler.py): that is not what is measured here.
async fn until_pushed(stack: &Stack, hands: &Admin, room: &str) -> Result<()> {
    let heard = async || stack.metric("provisioner_transactions_total").await.unwrap_or_default();
    let mut in_a_row = 0;
    for probe in 0..PROBES {
        let before = heard().await;
        let room = room.replace('!', "%21").replace(':', "%3A");
        let path = format!("/_matrix/client/v3/rooms/{room}/send/testbed.probe/probe-{probe}");
        hands.call(Method::PUT, &path, Some(json!({}))).await?;
        let pushed = wait_until("the probe is pushed", Duration::from_secs(3), async || heard().await > before).await;
        in_a_row = if pushed.is_ok() { in_a_row + 1 } else { 0 };
        if in_a_row == 2 {
            return Ok(());
        }
    }
    bail!("Synapse does not push what happens in {room}")
}

/// Somebody who chats: logged in, in the room, and as raw hands, so that sending costs this process next to nothing.
async fn sender(stack: &Stack, room: &str) -> Result<Admin> {
    let sub = stack.people(1).await?.remove(0);
    let person = Person::login(&stack.synapse, &sub).await?;
    stack.bot.force_join(room, &person.mxid).await?;
    let token = person.client.access_token().context("a login gives an access token")?;
    Ok(stack.bot.with_token(&person.mxid, &token))
}

impl FloodFound {
    /// For people to read.
    pub fn report(&self) -> Report {
        let Flood { messages, members } = self.asked;
        let row = |what: &str, samples: &[Duration]| {
            let [p50, p99] = [0.5, 0.99].map(|part| milliseconds(percentile(samples, part)));
            vec![what.to_owned(), samples.len().to_string(), p50, p99]
        };
        let beside = [0.5, 0.99].map(|part| {
            ratio(percentile(&self.by_service, part).as_secs_f64(), percentile(&self.bare, part).as_secs_f64())
        });
        let [p50, p99] = beside;
        let a_second = number(messages) / self.took.as_secs_f64();
        let processor = |used: Duration| 100.0 * used.as_secs_f64() / (self.took + self.behind).as_secs_f64();
        Report {
            title: format!("{messages} messages by {SENDERS} people in a managed room while {members} members join it"),
            headings: vec!["joins during the flood", "joined", "p50", "p99"],
            rows: vec![
                row("bare: join", &self.bare),
                row("webhook → joined", &self.by_service),
                vec!["beside bare".to_owned(), String::new(), p50, p99],
            ],
            remarks: vec![
                format!(
                    "Messages: {} stored by Synapse in {}, {a_second:.1} a second; the service was told of {}, the last {} \
                     after the flood, and kept {} of them.",
                    self.stored,
                    seconds(self.took),
                    self.told,
                    seconds(self.behind),
                    self.kept
                ),
                format!(
                    "Joins: {} in the ledger as done; {} of all {} were members before the last message was sent; the plan at \
                     the end is {}.",
                    self.in_ledger,
                    self.joined_meanwhile,
                    self.by_service.len() + self.bare.len(),
                    if self.plan == Some(0) { "empty" } else { "NOT EMPTY" }
                ),
                format!(
                    "Of one processor Synapse used {:.0} %, the service {:.1} %; the service's memory at the end is {:.1} MB.",
                    processor(self.synapse_cpu),
                    processor(self.service_cpu),
                    // A few million bytes: exact as a float.
                    self.service_memory as f64 / 1e6
                ),
            ],
        }
    }
}
