//! One event by a member, in a small room and in large ones: how many requests the service makes for it, and how long it
//! takes, beside what Synapse itself takes for the event.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::json;

use super::Setup;
use super::crowd;
use super::figures::{Report, milliseconds, percentile, seconds};
use super::stack::{ManagedRoom, Stack, bound};
use crate::people::Admin;
use crate::process::random;
use crate::proxy::{Proxy, Recorded};
use crate::wait::watch_until;

/// Resyncs would read the room.
const SECTIONS: &str = "[mirror]\nresync_interval = \"12h\"\n";
const LOOK: Duration = Duration::from_millis(5);
/// No request for so long: what was asked for an event is answered.
const QUIET: Duration = Duration::from_millis(300);
/// More than these do not join one by one: Synapse would push to a service that does not run, and wait minutes before it tries again.
const JOINED: usize = 20;

/// What to do.
#[derive(Debug, Clone)]
pub struct Events {
    /// Members of each room, one after the other.
    pub members: Vec<usize>,
    /// Events of each kind.
    pub runs: usize,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A member deletes their own message.
    Deleted,
    /// A member takes another name.
    Renamed,
    /// Another server says that somebody joined: only Synapse knows whether that counts.
    Unclear,
}

/// What one event cost.
#[derive(Debug, Clone, Copy)]
pub struct EventCost {
    /// Of the service to Synapse.
    pub requests: usize,
    /// From the push's place in the inbox until it was handled, and its questions answered.
    pub service: Duration,
    /// What Synapse took to answer the member.
    pub synapse: Duration,
}

#[derive(Debug, Clone, Default)]
pub struct EventsFound {
    /// Members, kind, and each event.
    pub rooms: Vec<(usize, EventKind, Vec<EventCost>)>,
    /// From the start of the process until it was ready, for each room.
    pub starts: Vec<(usize, Duration)>,
}

impl Events {
    /// Sends events into rooms of these sizes, one event after the other.
    ///
    /// # Errors
    /// When anything does not start, or an event is not handled in time.
    pub async fn measure(self, setup: &Setup) -> Result<EventsFound> {
        let mut stack = Stack::start(setup).await?;
        let proxy = Proxy::start(&stack.synapse.url()).await?;
        stack.reach_synapse_by(proxy.url());
        let mut found = EventsFound::default();
        for &members in &self.members {
            (setup.tell)(&format!("a room of {members} members …"));
            let room = stack.room(&stack.bot).await?;
            let member = stack.person().await?;
            stack.bot.force_join(&room, &member.mxid).await?;
            let others = members.saturating_sub(2);
            if members > JOINED {
                crowd::fill(&stack.synapse, &room, others).await?;
            } else {
                let others = stack.people(others).await?;
                stack.join_all(&stack.bot, std::slice::from_ref(&room), &others).await?;
            }
            stack.fresh_database().await?;
            let began = Instant::now();
            stack.spawn_service(&[ManagedRoom { id: room.clone(), members: "\"everyone\"".to_owned() }], SECTIONS)?;
            watch_until("the service is ready", bound(members / 100), LOOK, async || stack.is_ready().await)
                .await
                .with_context(|| format!("the log of the service:\n{}", stack.service.log()))?;
            found.starts.push((members, began.elapsed()));
            until_quiet(&proxy, Duration::from_secs(15)).await?;
            for kind in [EventKind::Deleted, EventKind::Renamed, EventKind::Unclear] {
                let mut costs = Vec::new();
                for run in 0..self.runs {
                    costs.push(cost(&stack, &proxy, &room, &member, kind, run).await?);
                }
                found.rooms.push((members, kind, costs));
            }
            stack.stop_service().await?;
        }
        Ok(found)
    }
}

async fn cost(
    stack: &Stack,
    proxy: &Proxy,
    room: &str,
    member: &Admin,
    kind: EventKind,
    run: usize,
) -> Result<EventCost> {
    let word = random::word();
    let in_path = |id: &str| id.replace('!', "%21").replace(':', "%3A").replace('$', "%24");
    let path = |what: &str| format!("/_matrix/client/v3/rooms/{}/{what}", in_path(room));
    let id = |answer: serde_json::Value| answer["event_id"].as_str().map(str::to_owned).context("no event id");
    let message = match kind {
        EventKind::Deleted => {
            let body = json!({ "msgtype": "m.text", "body": "to be deleted" });
            Some(id(member.call(Method::PUT, &path(&format!("send/m.room.message/{word}")), Some(body)).await?)?)
        }
        EventKind::Renamed | EventKind::Unclear => None,
    };
    until_quiet(proxy, QUIET).await?;
    proxy.clear();
    let began = Instant::now();
    let event = match (kind, message) {
        (EventKind::Deleted, Some(message)) => {
            let redact = path(&format!("redact/{}/{word}r", in_path(&message)));
            id(member.call(Method::PUT, &redact, Some(json!({}))).await?)?
        }
        (EventKind::Renamed | EventKind::Deleted, _) => {
            let content = json!({ "membership": "join", "displayname": format!("name {run}") });
            member.send_state(room, "m.room.member", &member.mxid, content).await?
        }
        (EventKind::Unclear, _) => {
            let (event, user) = (format!("${word}"), format!("@{word}:elsewhere.test"));
            let pushed = json!({
                "event_id": event, "room_id": room, "type": "m.room.member", "sender": user, "state_key": user,
                "content": { "membership": "join" }, "origin_server_ts": 1, "unsigned": { "age": 1_000_000_000 },
            });
            stack.push(&word, &pushed).await?;
            event
        }
    };
    let synapse = began.elapsed();
    let mut handled = None;
    watch_until("the event is handled", bound(60), LOOK, async || {
        handled = stack.handled(&event).await.ok().flatten();
        handled.is_some()
    })
    .await?;
    until_quiet(proxy, QUIET).await?;
    let asked = proxy.requests();
    let answers: Duration = asked.iter().filter_map(|one: &Recorded| one.took).sum();
    Ok(EventCost { requests: asked.len(), service: handled.unwrap_or_default() + answers, synapse })
}

/// Until every request is answered and none came for so long.
async fn until_quiet(proxy: &Proxy, quiet: Duration) -> Result<()> {
    let (mut last, mut since) = (usize::MAX, Instant::now());
    watch_until("the service asks nothing", bound(240), LOOK, async || {
        let (now, open) = (proxy.requests().len(), proxy.count(|one| one.took.is_none()));
        if now != last || open > 0 {
            (last, since) = (now, Instant::now());
        }
        since.elapsed() > quiet
    })
    .await
}

impl EventsFound {
    /// For people to read.
    pub fn report(&self) -> Report {
        let row = |(members, kind, costs): &(usize, EventKind, Vec<EventCost>)| {
            let times = |of: fn(&EventCost) -> Duration| costs.iter().map(of).collect::<Vec<_>>();
            let (service, synapse) = (times(|one| one.service), times(|one| one.synapse));
            let requests: Vec<usize> = costs.iter().map(|one| one.requests).collect();
            let (least, most) = (requests.iter().min(), requests.iter().max());
            let count = |count: Option<&usize>| count.copied().unwrap_or_default().to_string();
            vec![
                match kind {
                    EventKind::Deleted => "a message deleted",
                    EventKind::Renamed => "a name changed",
                    EventKind::Unclear => "a join that another server tells of",
                }
                .to_owned(),
                members.to_string(),
                if least == most { count(most) } else { format!("{} to {}", count(least), count(most)) },
                milliseconds(percentile(&service, 0.5)),
                milliseconds(percentile(&service, 0.9)),
                milliseconds(percentile(&synapse, 0.5)),
            ]
        };
        let mut rows: Vec<_> = self.rooms.iter().map(row).collect();
        rows.sort_by(|one, other| one[0].cmp(&other[0]));
        let started =
            |(members, took): &(usize, Duration)| format!("{members} members: ready after {}", seconds(*took));
        Report {
            title: "One event, from the push until it is handled and its questions are answered".to_owned(),
            headings: vec!["event", "members", "requests", "p50", "p90", "Synapse's own part, p50"],
            rows,
            remarks: self.starts.iter().map(started).collect(),
        }
    }
}
