//! A service that has nothing to do: how soon it is ready, and what it costs to let it be.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::figures::{Report, milliseconds, number, percentile};
use super::stack::{ManagedRoom, Stack, bound};
use super::{Setup, process};
use crate::proxy::Proxy;
use crate::wait::watch_until;

const TEAM: &str = "idle";
const ROOMS: usize = 4;
const PEOPLE: usize = 25;

/// How often a service that starts is asked whether it is ready.
const LOOK: Duration = Duration::from_millis(1);

/// Resyncs are told apart from idling by being far away.
const SECTIONS: &str = "[mirror]\nresync_interval = \"12h\"\n";

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    /// How long it has nothing to do.
    pub quiet: Duration,
    /// How often it is started on a database that was used before.
    pub starts: usize,
}

#[derive(Debug, Clone)]
pub struct IdleFound {
    pub asked: Idle,
    /// From the start of the process until `/readyz` says 200, on a database without any table.
    pub first_start: Duration,
    /// The same afterwards.
    pub starts: Vec<Duration>,
    /// While it was quiet: what Synapse was asked.
    pub requests: Vec<String>,
    /// Transactions, by Postgres's own count, in the service's database and in that of the roster.
    pub transactions: [i64; 2],
    pub cpu: Duration,
    /// Resident, in bytes, when it was ready and at the end.
    pub memory: [u64; 2],
    pub threads: usize,
}

impl Idle {
    /// Starts it again and again, and lets it be.
    ///
    /// # Errors
    /// When anything does not start.
    pub async fn measure(self, setup: &Setup) -> Result<IdleFound> {
        let mut stack = Stack::start(setup).await?;
        let rooms = stack.rooms(&stack.bot, ROOMS).await?;
        let people = stack.people(PEOPLE).await?;
        stack.hasura.add_many(&people, TEAM).await?;
        let members = format!("{{ team = \"{TEAM}\" }}");
        let managed: Vec<_> = rooms.iter().map(|id| ManagedRoom { id: id.clone(), members: members.clone() }).collect();
        (setup.tell)(&format!("starting the service {} times …", self.starts + 1));
        let first_start = start(&mut stack, &managed, "").await?;
        let members = ROOMS * (PEOPLE + 1);
        stack.truth.until_joined(&rooms, members, LOOK, bound(members)).await?;
        let mut starts = Vec::new();
        for _ in 0..self.starts {
            stack.stop_service().await?;
            starts.push(start(&mut stack, &managed, "").await?);
        }
        stack.stop_service().await?;
        let proxy = Proxy::start(&stack.synapse.url()).await?;
        stack.reach_synapse_by(proxy.url());
        start(&mut stack, &managed, SECTIONS).await?;
        let ready = process::memory(stack.service.pid())?;
        until_settled(&stack, &proxy).await?;
        (setup.tell)(&format!("leaving the service alone for {} s …", self.quiet.as_secs()));
        proxy.clear();
        let (transactions, cpu) = (stack.transactions().await?, process::cpu(stack.service.pid())?);
        tokio::time::sleep(self.quiet).await;
        let after = stack.transactions().await?;
        Ok(IdleFound {
            asked: self,
            first_start,
            starts,
            requests: proxy.requests().into_iter().map(|one| format!("{} {}", one.method, one.path)).collect(),
            transactions: [after[0] - transactions[0], after[1] - transactions[1]],
            cpu: process::cpu(stack.service.pid())?.saturating_sub(cpu),
            memory: [ready, process::memory(stack.service.pid())?],
            threads: process::threads(stack.service.pid())?,
        })
    }
}

/// Starts the service and waits until it is ready; answers how long that took.
async fn start(stack: &mut Stack, rooms: &[ManagedRoom], sections: &str) -> Result<Duration> {
    let began = Instant::now();
    stack.spawn_service(rooms, sections)?;
    watch_until("the service is ready", bound(0), LOOK, async || stack.is_ready().await).await?;
    Ok(began.elapsed())
}

/// Until nothing was asked for ten seconds: a start counts the members again a little later.
async fn until_settled(stack: &Stack, proxy: &Proxy) -> Result<()> {
    let (mut last, mut since) = (usize::MAX, Instant::now());
    watch_until("the service is quiet", bound(PEOPLE), Duration::from_millis(100), async || {
        let now = proxy.requests().len();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        since.elapsed() > Duration::from_secs(10) && stack.service.running()
    })
    .await
}

impl IdleFound {
    /// For people to read.
    pub fn report(&self) -> Report {
        let minutes = self.asked.quiet.as_secs_f64() / 60.0;
        let a_minute = |count: i64| format!("{count} ({:.0} a minute)", count as f64 / minutes);
        let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        let row = |what: &str, figure: String| vec![what.to_owned(), figure];
        let mut rows = vec![
            row("start → ready, on an empty database", milliseconds(self.first_start)),
            row("start → ready, p50", milliseconds(percentile(&self.starts, 0.5))),
            row("start → ready, p99", milliseconds(percentile(&self.starts, 0.99))),
            row("resident memory when ready", megabytes(self.memory[0])),
            row("resident memory at the end", megabytes(self.memory[1])),
            row("threads", self.threads.to_string()),
            row("CPU while quiet", milliseconds(self.cpu)),
            row("transactions in its own database", a_minute(self.transactions[0])),
            row("transactions in the roster's database", a_minute(self.transactions[1])),
            row("requests to Synapse", self.requests.len().to_string()),
        ];
        rows.extend(self.requests.iter().take(20).map(|request| row("", request.clone())));
        Report {
            title: format!("A service with {ROOMS} rooms and {PEOPLE} people in each, quiet for {minutes:.1} minutes"),
            headings: vec!["what", "figure"],
            rows,
            remarks: vec![format!(
                "{:.0} starts on a database that was used before; resyncs are {} apart.",
                number(self.starts.len()),
                "12 hours"
            )],
        }
    }
}
