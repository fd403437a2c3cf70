//! Joins in bulk: rows are inserted and the service joins people, beside a bare loop that makes the same joins.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::calls::{self, Mark};
use super::figures::{Report, milliseconds, number, ratio, seconds};
use super::stack::{ManagedRoom, Stack, bound};
use super::{Setup, process};

/// How often Synapse is looked at for the end of a turn that takes seconds.
const LOOK: Duration = Duration::from_millis(20);

/// What to do: in each round, `people` join each of `rooms` through the service, and as many others by the bare loop.
#[derive(Debug, Clone, Copy)]
pub struct Joins {
    pub people: usize,
    pub rooms: usize,
    pub rounds: usize,
}

/// One turn of one side.
#[derive(Debug, Clone)]
pub struct Side {
    /// From the webhook, or the loop's first call, until all are members by Synapse's own database.
    pub took: Duration,
    /// Calls that join somebody.
    pub joins: usize,
    /// All calls, until nothing more follows.
    pub calls: usize,
    /// What Synapse's main process used within `took`.
    pub synapse_cpu: Duration,
}

#[derive(Debug, Clone)]
pub struct Round {
    pub bare_first: bool,
    pub bare: Side,
    pub service: Side,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct JoinsFound {
    pub asked: Joins,
    pub rounds: Vec<Round>,
    /// Joins that the service's ledger has as done.
    pub in_ledger: i64,
}

impl Joins {
    /// Runs all rounds, each in fresh rooms with fresh people, and each side first in turn.
    ///
    /// # Errors
    /// When anything does not start, or somebody is not joined in time.
    pub async fn measure(self, setup: &Setup) -> Result<JoinsFound> {
        let mut stack = Stack::start(setup).await?;
        let mut rounds = Vec::new();
        for round in 0..self.rounds {
            (setup.tell)(&format!(
                "round {} of {}: {} people, {} rooms …",
                round + 1,
                self.rounds,
                self.people,
                self.rooms
            ));
            rounds.push(self.round(&mut stack, round).await?);
        }
        let in_ledger = stack.done_joins().await?;
        Ok(JoinsFound { asked: self, rounds, in_ledger })
    }

    async fn round(self, stack: &mut Stack, number: usize) -> Result<Round> {
        let team = format!("round-{number}");
        let rooms = stack.rooms(&stack.bot, self.rooms).await?;
        let by_hand = stack.rooms(&stack.hand, self.rooms).await?;
        let (people, others) = (stack.people(self.people).await?, stack.people(self.people).await?);
        let members = format!("{{ team = \"{team}\" }}");
        let managed: Vec<ManagedRoom> =
            rooms.iter().map(|id| ManagedRoom { id: id.clone(), members: members.clone() }).collect();
        // Started when everybody has an account: the service reads the accounts at its start.
        stack.start_service(&managed, "").await?;
        let bare_first = number % 2 == 1;
        let (bare, service) = if bare_first {
            let bare = self.by_hand(stack, &by_hand, &others).await?;
            (bare, self.by_service(stack, &rooms, &people, &team).await?)
        } else {
            let service = self.by_service(stack, &rooms, &people, &team).await?;
            (self.by_hand(stack, &by_hand, &others).await?, service)
        };
        stack.stop_service().await?;
        Ok(Round { bare_first, bare, service })
    }

    async fn by_service(self, stack: &Stack, rooms: &[String], people: &[String], team: &str) -> Result<Side> {
        let turn = Turn::begin(stack).await?;
        stack.hasura.add_many(people, team).await?;
        let began = Instant::now();
        stack.webhook().await?;
        self.end(stack, rooms).await?;
        turn.end(stack, began.elapsed(), &stack.bot.mxid).await
    }

    async fn by_hand(self, stack: &Stack, rooms: &[String], people: &[String]) -> Result<Side> {
        let turn = Turn::begin(stack).await?;
        let began = Instant::now();
        let ended = async {
            self.end(stack, rooms).await?;
            Ok(began.elapsed())
        };
        let ((), took) = tokio::try_join!(stack.join_by_hand(rooms, people), ended)?;
        turn.end(stack, took, &stack.hand.mxid).await
    }

    /// Waits until everybody is a member everywhere, beside the one who made the room.
    async fn end(self, stack: &Stack, rooms: &[String]) -> Result<()> {
        let joins = self.people * self.rooms;
        stack.truth.until_joined(rooms, joins + self.rooms, LOOK, bound(joins)).await
    }
}

/// What is noted at the beginning of a turn.
struct Turn {
    mark: Mark,
    cpu: Duration,
}

impl Turn {
    async fn begin(stack: &Stack) -> Result<Turn> {
        stack.truth.until_settled().await?;
        Ok(Turn { mark: calls::mark(&stack.synapse)?, cpu: process::cpu(stack.synapse.pid())? })
    }

    async fn end(self, stack: &Stack, took: Duration, user: &str) -> Result<Side> {
        let synapse_cpu = process::cpu(stack.synapse.pid())?.saturating_sub(self.cpu);
        let calls = calls::since_until_quiet(&stack.synapse, self.mark, user).await?;
        let joins = calls.iter().filter(|call| call.is_join()).count();
        ensure!(joins > 0, "Synapse's log shows no join by {user}: {calls:?}");
        Ok(Side { took, joins, calls: calls.len(), synapse_cpu })
    }
}

impl JoinsFound {
    /// For people to read.
    pub fn report(&self) -> Report {
        let Joins { people, rooms, .. } = self.asked;
        let row = |label: String, first: &str, bare: &Side, service: &Side| {
            vec![
                label,
                first.to_owned(),
                seconds(bare.took),
                seconds(service.took),
                ratio(service.took.as_secs_f64(), bare.took.as_secs_f64()),
                bare.calls.to_string(),
                format!("{} + {}", service.joins, service.calls - service.joins),
                ratio(number(service.calls), number(bare.calls)),
                ratio(service.synapse_cpu.as_secs_f64(), bare.synapse_cpu.as_secs_f64()),
            ]
        };
        let mut rows = Vec::new();
        for (at, round) in self.rounds.iter().enumerate() {
            let first = if round.bare_first { "bare" } else { "service" };
            rows.push(row((at + 1).to_string(), first, &round.bare, &round.service));
        }
        let (bare, service) =
            (sum(self.rounds.iter().map(|round| &round.bare)), sum(self.rounds.iter().map(|round| &round.service)));
        rows.push(row("all".to_owned(), "", &bare, &service));
        let a_join =
            |side: &Side, what: Duration| milliseconds(what / u32::try_from(side.joins.max(1)).unwrap_or(u32::MAX));
        Report {
            title: format!("{people} people join {rooms} invite-only room(s), in fresh rooms each round"),
            headings: vec![
                "round",
                "first",
                "bare loop",
                "service",
                "time",
                "bare calls",
                "service's calls",
                "calls",
                "Synapse's CPU",
            ],
            rows,
            remarks: vec![
                format!(
                    "A join took {} by the bare loop and {} through the service; of Synapse's CPU {} and {}.",
                    a_join(&bare, bare.took),
                    a_join(&service, service.took),
                    a_join(&bare, bare.synapse_cpu),
                    a_join(&service, service.synapse_cpu)
                ),
                "Times run from the webhook, or the loop's first call, until Synapse's database has the last member."
                    .to_owned(),
                "The service's calls are joins + all others, until five seconds passed without any.".to_owned(),
            ],
        }
    }
}

fn sum<'a>(sides: impl Iterator<Item = &'a Side>) -> Side {
    let none = Side { took: Duration::ZERO, joins: 0, calls: 0, synapse_cpu: Duration::ZERO };
    sides.fold(none, |all, one| Side {
        took: all.took + one.took,
        joins: all.joins + one.joins,
        calls: all.calls + one.calls,
        synapse_cpu: all.synapse_cpu + one.synapse_cpu,
    })
}
