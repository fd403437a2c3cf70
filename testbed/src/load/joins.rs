//! Joins in bulk: rows are inserted and the service joins people, beside bare loops that make the same joins.
//!
//! There are two bare loops. One has the service's own token, in rooms like the service's: Synapse pushes every event there
//! to the application service, whoever caused it. The other is of a server admin in rooms that no application service is in:
//! what those pushes cost Synapse is the difference between the two.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::calls::{self, Call, Mark, pause_between_joins};
use super::figures::{Report, milliseconds, number, ratio, seconds};
use super::stack::{ManagedRoom, Stack, bound};
use super::{Setup, process};
use crate::people::Admin;

/// How often Synapse is looked at for the end of a turn that takes seconds.
const LOOK: Duration = Duration::from_millis(20);

/// What to do: in each round, `people` join each of `rooms` through the service, and as many others by each bare loop.
#[derive(Debug, Clone, Copy)]
pub struct Joins {
    pub people: usize,
    pub rooms: usize,
    pub rounds: usize,
}

/// Who joins people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Service,
    /// A bare loop with the service's token.
    Bot,
    /// A bare loop of a server admin, in rooms that no application service is in.
    Admin,
}

/// One turn of one of them.
#[derive(Debug, Clone)]
pub struct Turn {
    pub who: Who,
    /// From the webhook, or the loop's first call, until all are members by Synapse's own database.
    pub took: Duration,
    /// Calls that join somebody.
    pub joins: usize,
    /// All calls, until nothing more follows.
    pub calls: usize,
    /// What Synapse's main process used within `took`.
    pub synapse_cpu: Duration,
    /// How long Synapse had nothing to do between two joins of a room, on average.
    pub pause: Duration,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct JoinsFound {
    pub asked: Joins,
    /// Each round's turns, in the order they were taken.
    pub rounds: Vec<Vec<Turn>>,
    /// Joins that the service's ledger has as done.
    pub in_ledger: i64,
}

impl Joins {
    /// Runs all rounds, in fresh rooms with fresh people, and each of the three first in turn.
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

    async fn round(self, stack: &mut Stack, number: usize) -> Result<Vec<Turn>> {
        let team = format!("round-{number}");
        let rooms = stack.rooms(&stack.bot, self.rooms).await?;
        let people = stack.people(self.people).await?;
        let members = format!("{{ team = \"{team}\" }}");
        let managed: Vec<ManagedRoom> =
            rooms.iter().map(|id| ManagedRoom { id: id.clone(), members: members.clone() }).collect();
        // Started when they have accounts: the service reads the accounts at its start.
        stack.start_service(&managed, "").await?;
        let mut order = [Who::Service, Who::Bot, Who::Admin];
        order.rotate_left(number % 3);
        let mut turns = Vec::new();
        for who in order {
            turns.push(match who {
                Who::Service => self.by_service(stack, &rooms, &people, &team).await?,
                Who::Bot => self.by_hand(stack, who, &stack.bot).await?,
                Who::Admin => self.by_hand(stack, who, &stack.hand).await?,
            });
        }
        stack.stop_service().await?;
        Ok(turns)
    }

    async fn by_service(self, stack: &Stack, rooms: &[String], people: &[String], team: &str) -> Result<Turn> {
        let start = Start::now(stack).await?;
        stack.hasura.add_many(people, team).await?;
        let began = Instant::now();
        stack.webhook().await?;
        self.end(stack, rooms).await?;
        let (took, cpu) = (began.elapsed(), start.cpu(stack)?);
        let calls = calls::since_until_quiet(&stack.synapse, start.mark, &stack.bot.mxid).await?;
        turn(Who::Service, took, cpu, &calls)
    }

    async fn by_hand(self, stack: &Stack, who: Who, hand: &Admin) -> Result<Turn> {
        let (rooms, people) = (stack.rooms(hand, self.rooms).await?, stack.people(self.people).await?);
        let start = Start::now(stack).await?;
        let began = Instant::now();
        let ended = async {
            self.end(stack, &rooms).await?;
            Ok((began.elapsed(), start.cpu(stack)?))
        };
        let ((), (took, cpu)) = tokio::try_join!(stack.join_all(hand, &rooms, &people), ended)?;
        let calls = calls::joins_since(&stack.synapse, start.mark, &hand.mxid, self.people * self.rooms).await?;
        turn(who, took, cpu, &calls)
    }

    /// Waits until everybody is a member everywhere, beside the one who made the room.
    async fn end(self, stack: &Stack, rooms: &[String]) -> Result<()> {
        let joins = self.people * self.rooms;
        stack.truth.until_joined(rooms, joins + self.rooms, LOOK, bound(joins)).await
    }
}

/// What is noted before a turn.
struct Start {
    mark: Mark,
    cpu: Duration,
}

impl Start {
    async fn now(stack: &Stack) -> Result<Start> {
        stack.truth.until_settled().await?;
        Ok(Start { mark: calls::mark(&stack.synapse)?, cpu: process::cpu(stack.synapse.pid())? })
    }

    fn cpu(&self, stack: &Stack) -> Result<Duration> {
        Ok(process::cpu(stack.synapse.pid())?.saturating_sub(self.cpu))
    }
}

fn turn(who: Who, took: Duration, synapse_cpu: Duration, calls: &[Call]) -> Result<Turn> {
    let joins = calls.iter().filter(|call| call.is_join()).count();
    ensure!(joins > 0, "Synapse's log shows no join: {calls:?}");
    Ok(Turn { who, took, joins, calls: calls.len(), synapse_cpu, pause: pause_between_joins(calls) })
}

impl JoinsFound {
    /// The turns of one of the three, in the order of the rounds.
    pub fn of(&self, who: Who) -> impl Iterator<Item = &Turn> {
        self.rounds.iter().flatten().filter(move |turn| turn.who == who)
    }

    /// For people to read.
    pub fn report(&self) -> Report {
        let Joins { people, rooms, .. } = self.asked;
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (at, round) in self.rounds.iter().enumerate() {
            let first = round.first().map_or("", |turn| turn.who.word());
            let of = |who: Who| sum(round.iter().filter(|turn| turn.who == who));
            rows.push(row((at + 1).to_string(), first, [Who::Service, Who::Bot, Who::Admin].map(of)));
        }
        let all = [Who::Service, Who::Bot, Who::Admin].map(|who| sum(self.of(who)));
        let a_join =
            |turn: &Turn, what: Duration| milliseconds(what / u32::try_from(turn.joins.max(1)).unwrap_or(u32::MAX));
        let remarks = all.iter().map(|turn| {
            format!(
                "A join by the {}: {}, of them Synapse had nothing to do for {}; {} of Synapse's CPU.",
                turn.who.word(),
                a_join(turn, turn.took * u32::try_from(rooms).unwrap_or(u32::MAX)),
                milliseconds(turn.pause),
                a_join(turn, turn.synapse_cpu)
            )
        });
        let mut remarks: Vec<String> = remarks.collect();
        remarks.push(
            "The bot's loop has the service's token, and Synapse pushes its events to the service, too; the admin's has no\n\
             application service in its rooms. Times run from the webhook, or a loop's first call, until Synapse's database\n\
             has the last member. The service's calls are joins + all others, until five seconds passed without any."
                .to_owned(),
        );
        rows.push(row("all".to_owned(), "", all));
        Report {
            title: format!("{people} people join {rooms} invite-only room(s), in fresh rooms each round"),
            headings: vec![
                "round",
                "first",
                "service",
                "bot's loop",
                "admin's loop",
                "time/bot",
                "time/admin",
                "CPU/bot",
                "CPU/admin",
                "service's calls",
                "calls/bot",
            ],
            rows,
            remarks,
        }
    }
}

fn row(label: String, first: &str, [service, bot, admin]: [Turn; 3]) -> Vec<String> {
    let beside = |of: fn(&Turn) -> Duration, bare: &Turn| ratio(of(&service).as_secs_f64(), of(bare).as_secs_f64());
    vec![
        label,
        first.to_owned(),
        seconds(service.took),
        seconds(bot.took),
        seconds(admin.took),
        beside(|turn| turn.took, &bot),
        beside(|turn| turn.took, &admin),
        beside(|turn| turn.synapse_cpu, &bot),
        beside(|turn| turn.synapse_cpu, &admin),
        format!("{} + {}", service.joins, service.calls - service.joins),
        ratio(number(service.calls), number(bot.calls)),
    ]
}

impl Who {
    fn word(self) -> &'static str {
        match self {
            Who::Service => "service",
            Who::Bot => "bot",
            Who::Admin => "admin",
        }
    }
}

/// All of them as one; of the pauses the mean.
fn sum<'a>(turns: impl Iterator<Item = &'a Turn>) -> Turn {
    let turns: Vec<&Turn> = turns.collect();
    let add = |of: fn(&Turn) -> Duration| turns.iter().map(|turn| of(turn)).sum::<Duration>();
    let count = |of: fn(&Turn) -> usize| turns.iter().map(|turn| of(turn)).sum();
    Turn {
        who: turns.first().map_or(Who::Service, |turn| turn.who),
        took: add(|turn| turn.took),
        joins: count(|turn| turn.joins),
        calls: count(|turn| turn.calls),
        synapse_cpu: add(|turn| turn.synapse_cpu),
        pause: add(|turn| turn.pause) / u32::try_from(turns.len().max(1)).unwrap_or(u32::MAX),
    }
}
