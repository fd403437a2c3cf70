//! Joins in bulk: rows are inserted and the service joins people, beside bare loops that make the same joins.
//!
//! There are two bare loops. One has the service's own token, in rooms like the service's: Synapse pushes every event there
//! to the application service, also those that it caused itself. The other is of a server admin in rooms that no application service is in:
//! what those pushes cost Synapse is the difference between the two.

mod report;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::calls::{self, Call, Mark, pause_between_joins};
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
}
