//! `status`: modes, rooms, last pass, and what is held.

use anyhow::Context;
use chrono::{DateTime, Utc};
use provisioner_policy::{Plan, short_id};

use super::{CommandResult, counts};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::operations::{self, StatusOfRoom};
use crate::reconcile::{Freshness, QueueHealth, Reconciler};
use crate::store::HeldPlan;

impl Desk {
    /// The reply to `status`. It costs Synapse no request, however often somebody looks.
    pub(crate) async fn status(&self) -> CommandResult {
        let look = |reconciler: &Reconciler, plan: &Plan| operations::status(reconciler, plan);
        let seen = self.reconciler.query_plan(Freshness::Now, look).await?;
        let paused = self.store.paused().await.context("look at the brake")?;
        let mut reply = match paused {
            Some(paused) => Reply::line([
                strong("Paused"),
                text(format!(" since {} by {}. ", when(paused.paused_at), paused.paused_by)),
                code(self.typed("resume")),
                text(" goes on."),
            ]),
            None => Reply::line([strong("Running.")]),
        };
        reply = reply.and([text(seen.modes_in_words())]);
        let room = |StatusOfRoom { room, wanted, present, drift, state }: &StatusOfRoom| {
            let state = if state.is_empty() { String::new() } else { format!(", {state}") };
            let people = match present > wanted {
                true => format!("{present} are in it, {wanted} belong"),
                false => format!("{present} of {wanted} are in it"),
            };
            vec![code(room), text(format!(": {people}, {drift} to do{state}"))]
        };
        let server = vec![text(format!("accounts and admins: {} to do", seen.server_drift))];
        let server = (seen.server_drift > 0).then_some(server);
        reply = reply.and_list(seen.rooms.iter().map(room).chain(server));
        let snapshot = self.reconciler.snapshot();
        if let Some((at, report)) = &snapshot.last_pass {
            reply = reply.and([text(format!("Last pass: {}{}", when(*at), counts(report)))]);
        }
        if let Some(at) = snapshot.last_resync {
            reply = reply.and([text(format!("All rooms were read again: {}.", when(at)))]);
        }
        if let Some(queue) = &snapshot.queue {
            reply = reply.and([text(queue_line(queue))]);
        }
        let kept = self.store.held_plan().await.context("look at the held plan")?;
        reply = match &seen.held_id {
            Some(id) => reply.and([
                strong(format!("Held by the guard: {}. ", seen.held)),
                text("See "),
                code(self.typed("plan")),
                text("; to carry it out: "),
                code(self.typed(&format!("apply {}", short_id(id)))),
                text(held_since(kept.as_ref(), id)),
            ]),
            None => reply.and([text("Nothing is held.")]),
        };
        let notices = seen.trouble.iter().chain(&seen.notices).map(|notice| vec![text(notice)]);
        Ok(reply.and_list(notices).asking_nothing())
    }
}

/// The state of the queue, as far as this replica knows: others have messages of their own in flight.
fn queue_line(queue: &QueueHealth) -> String {
    let QueueHealth { oldest, in_flight, trouble, dead_letters, unseen, is_polled: _, not_received: _, is_counted: _ } =
        queue;
    let mut line = match in_flight {
        0 => "Queue: no message in hand here.".to_owned(),
        _ => format!("Queue: {in_flight} in hand here, the oldest for {} s.", oldest.as_secs()),
    };
    if let Some(dead) = dead_letters {
        line.push_str(&format!(" Dead letters: {dead}."));
    }
    if let Some(unseen) = unseen {
        line.push_str(&format!(" Dead letters cannot be counted: {}.", unseen.why));
    }
    if let Some(trouble) = trouble {
        line.push_str(&format!(" Trouble: {trouble}"));
    }
    line
}

/// Since when the plan is held, and who put it aside. The store is a pass behind at the most.
fn held_since(kept: Option<&HeldPlan>, id: &str) -> String {
    let Some(kept) = kept.filter(|kept| kept.id == id) else { return String::new() };
    match &kept.decided_by {
        Some(by) if !kept.is_open() => format!("; held since {}, dismissed by {by}", when(kept.created_at)),
        _ => format!("; held since {}", when(kept.created_at)),
    }
}

fn when(at: DateTime<Utc>) -> String {
    format!("{} UTC", at.format("%Y-%m-%d %H:%M:%S"))
}
