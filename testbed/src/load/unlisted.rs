//! Where Synapse is the limit: what a join costs it in an invite-only room, and in a public room that no directory lists.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::figures::{Report, milliseconds, number, ratio, seconds};
use super::stack::{ManagedRoom, Stack, bound};
use super::{Setup, process};
use crate::people::NewRoom;

const LOOK: Duration = Duration::from_millis(20);

/// What to do: so many people join a room of each kind through the service, in so many steps.
#[derive(Debug, Clone, Copy)]
pub struct Unlisted {
    pub people: usize,
    pub steps: usize,
}

/// A kind of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `join_rule = "invite"`
    InviteOnly,
    /// `join_rule = "public"`, and in no room directory: who knows its id may join.
    PublicUnlisted,
}

/// One step in one room.
#[derive(Debug, Clone)]
pub struct Step {
    pub kind: Kind,
    pub joins: usize,
    /// Members at the end, the bot included.
    pub members: usize,
    /// From the webhook until the last is a member.
    pub took: Duration,
    /// From then until the user directory had caught up.
    pub behind: Duration,
    /// Membership events of the room.
    pub events: i64,
    /// Rows the user directory wrote about pairs of users who share a room.
    pub rows: i64,
    /// What Synapse used until the directory had caught up; Postgres's part is not in it.
    pub synapse_cpu: Duration,
}

#[derive(Debug, Clone)]
pub struct UnlistedFound {
    pub asked: Unlisted,
    /// The kinds in turn, step by step.
    pub steps: Vec<Step>,
}

impl Unlisted {
    /// Fills a room of each kind.
    ///
    /// # Errors
    /// When anything does not start, or somebody is not joined in time.
    pub async fn measure(self, setup: &Setup) -> Result<UnlistedFound> {
        let mut stack = Stack::start(setup).await?;
        let private = stack.room(&stack.bot).await?;
        let preset = Some("public_chat".to_owned());
        let public = stack.bot.create_room(NewRoom { preset, ..NewRoom::default() }).await?;
        let kinds = [(Kind::InviteOnly, "private", private), (Kind::PublicUnlisted, "public", public)];
        let a_step = (self.people / self.steps).max(1);
        let mut people = stack.people(2 * a_step * self.steps).await?;
        let managed = kinds.each_ref().map(|(_, team, id)| {
            let members = format!("{{ team = \"{team}\" }}");
            ManagedRoom { id: id.clone(), members }
        });
        stack.start_service(&managed, "").await?;
        let mut steps = Vec::new();
        for number in 1..=self.steps {
            (setup.tell)(&format!("step {number} of {}: {a_step} people join a room of each kind …", self.steps));
            for (kind, team, room) in &kinds {
                let people = people.split_off(people.len() - a_step);
                steps.push(step(&stack, *kind, team, room, &people, number * a_step + 1).await?);
            }
        }
        Ok(UnlistedFound { asked: self, steps })
    }
}

async fn step(stack: &Stack, kind: Kind, team: &str, room: &str, people: &[String], members: usize) -> Result<Step> {
    let rooms = [room.to_owned()];
    stack.truth.until_settled().await?;
    let (events, rows) = (stack.truth.membership_events(&rooms).await?, stack.truth.directory_rows().await?);
    stack.hasura.add_many(people, team).await?;
    let (began, cpu) = (Instant::now(), process::cpu(stack.synapse.pid())?);
    stack.webhook().await?;
    stack.truth.until_joined(&rooms, members, LOOK, bound(people.len())).await?;
    let took = began.elapsed();
    stack.truth.until_settled().await?;
    Ok(Step {
        kind,
        joins: people.len(),
        members,
        took,
        behind: began.elapsed().saturating_sub(took),
        events: stack.truth.membership_events(&rooms).await? - events,
        rows: stack.truth.directory_rows().await? - rows,
        synapse_cpu: process::cpu(stack.synapse.pid())?.saturating_sub(cpu),
    })
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Kind::InviteOnly => "invite-only",
            Kind::PublicUnlisted => "public, unlisted",
        }
    }
}

impl UnlistedFound {
    /// For people to read.
    pub fn report(&self) -> Report {
        let a_join = |step: &Step, what: Duration| milliseconds(what / u32::try_from(step.joins).unwrap_or(u32::MAX));
        let mut steps: Vec<&Step> = self.steps.iter().collect();
        steps.sort_by_key(|step| (step.kind == Kind::PublicUnlisted, step.members));
        let rows = steps.iter().map(|step| {
            vec![
                step.kind.words().to_owned(),
                format!("{} → {}", step.members - step.joins, step.members),
                a_join(step, step.took),
                format!("{:.2}", step.events as f64 / number(step.joins)),
                a_join(step, step.synapse_cpu),
                step.rows.to_string(),
                seconds(step.behind),
            ]
        });
        let all = |kind: Kind| self.steps.iter().filter(move |step| step.kind == kind);
        let took = |kind| all(kind).map(|step| step.took).sum::<Duration>().as_secs_f64();
        let cpu = |kind| all(kind).map(|step| step.synapse_cpu).sum::<Duration>().as_secs_f64();
        Report {
            title: format!("{} people join a room of each kind through the service", self.asked.people),
            headings: vec!["room", "members", "a join", "events a join", "CPU a join", "directory rows", "directory behind"],
            rows: rows.collect(),
            remarks: vec![
                format!(
                    "All joins of the public, unlisted room beside those of the invite-only one: {} the time, {} Synapse's CPU.",
                    ratio(took(Kind::PublicUnlisted), took(Kind::InviteOnly)),
                    ratio(cpu(Kind::PublicUnlisted), cpu(Kind::InviteOnly))
                ),
                "CPU is that of Synapse's main process until its user directory has caught up; Postgres's is not in it."
                    .to_owned(),
                "Directory rows are pairs of people who share a non-public room, and people in public rooms.".to_owned(),
            ],
        }
    }
}
