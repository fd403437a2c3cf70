//! `status`: what is wrong, what is held, modes, rooms and the last pass.

use anyhow::Context;
use chrono::{DateTime, Utc};
use provisioner_policy::{Plan, how_many};

use super::{CommandResult, counts};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Piece, Reply, code, strong, text};
use crate::operations::{self, Status, StatusOfRoom};
use crate::reconcile::{Freshness, QueueHealth, Reconciler, StatusSnapshot};
use crate::store::{HeldPlan, Paused};

impl Desk {
    /// The reply to `status`, what is wrong first. It costs Synapse no request, but for the names of those who paused or
    /// dismissed something.
    pub(crate) async fn status(&self) -> CommandResult {
        let look = |reconciler: &Reconciler, plan: &Plan| operations::status(reconciler, plan);
        let seen = self.reconciler.query_plan(Freshness::Now, look).await?;
        let paused = self.store.paused().await.context("look at the brake")?;
        let kept = self.store.held_plan().await.context("look at the held plan")?;
        let kept = kept.filter(|kept| Some(&kept.id) == seen.held_id.as_ref());
        let snapshot = self.reconciler.snapshot();
        let wrong = wrong(&seen, &snapshot);
        let decided_by = kept.as_ref().and_then(|kept| kept.decided_by.as_deref());
        self.learn_names(paused.iter().map(|paused| &*paused.paused_by).chain(decided_by)).await;
        let resume = self.typed("resume");
        let mut reply = lead(paused.as_ref(), &resume, wrong.len(), seen.held_id.is_some())
            .and_list(wrong.iter().map(|one| self.words(one)));
        if let Some(id) = &seen.held_id {
            reply = reply.and([
                strong(format!("Held by the guard: {}. ", seen.held)),
                text("See "),
                code(self.typed("plan")),
                text("; to carry it out: "),
                code(self.typed_apply(id)),
                text(held_since(kept.as_ref())),
            ]);
        }
        reply = reply.and([text(seen.modes_in_words())]);
        let server = vec![text(format!("accounts and admins: {} to do", seen.server_drift))];
        let server = (seen.server_drift > 0).then_some(server);
        reply = reply.and_list(seen.rooms.iter().map(of_room).chain(server));
        if let Some((at, report)) = &snapshot.last_pass {
            reply = reply.and([text(format!("Last pass: {}{}", when(*at), counts(report)))]);
        }
        if let Some(at) = snapshot.last_resync {
            reply = reply.and([text(format!("All rooms were read again: {}.", when(at)))]);
        }
        if let Some(queue) = &snapshot.queue {
            reply = reply.and([text(queue_line(queue))]);
        }
        if seen.held_id.is_none() && (paused.is_some() || !wrong.is_empty()) {
            reply = reply.and([text("Nothing is held.")]);
        }
        Ok(reply.asking_nothing())
    }
}

/// The first line: whether anything is written, and how many things are wrong.
fn lead(paused: Option<&Paused>, resume: &str, wrong: usize, holds: bool) -> Reply {
    let things = how_many(wrong, "thing is wrong:", "things are wrong:");
    match (paused, wrong) {
        (None, 0) if holds => Reply::line([strong("Running.")]),
        (None, 0) => Reply::line([strong("Running."), text(" Nothing is wrong, and nothing is held.")]),
        (None, _) => Reply::line([strong(format!("Running, but {things}"))]),
        (Some(paused), _) => {
            let reply = Reply::line([
                strong("Paused"),
                text(format!(" since {} by {}. ", when(paused.paused_at), paused.paused_by)),
                code(resume),
                text(" goes on."),
            ]);
            if wrong == 0 { reply } else { reply.and([strong(things)]) }
        }
    }
}

/// How many of those who belong are in a room, how many others are, and what is to do there.
fn of_room(StatusOfRoom { room, wanted, present, others, drift, state }: &StatusOfRoom) -> Vec<Piece> {
    let others = match others {
        0 => String::new(),
        others => format!(", and {}", how_many(*others, "who does not belong", "who do not belong")),
    };
    let state = if state.is_empty() { String::new() } else { format!(", {state}") };
    vec![code(room), text(format!(": {present} of {wanted} in it{others}, {drift} to do{state}"))]
}

/// What is wrong, each thing once, that of queue, events and the last pass too.
fn wrong(seen: &Status, snapshot: &StatusSnapshot) -> Vec<String> {
    let beside = snapshot.conditions_beside().lasting.into_iter().map(|condition| condition.text);
    // What is received and cannot be worked on; that nothing is received is a condition.
    let queue = snapshot.queue.as_ref().filter(|queue| queue.not_received.is_none());
    let queue = queue.and_then(|queue| queue.trouble.as_ref()).map(|trouble| format!("the queue: {trouble}"));
    let failed = snapshot.last_pass.as_ref().map_or(0, |(_, report)| report.failed.len());
    let failed =
        (failed > 0).then(|| format!("{failed} failed in the last pass and will be tried again; see `history`"));
    seen.wrong().cloned().chain(beside).chain(queue).chain(failed).collect()
}

/// What this replica has of the queue: others have messages of their own in flight.
fn queue_line(queue: &QueueHealth) -> String {
    let in_hand = match queue.in_flight {
        0 => "Queue: no message in hand here.".to_owned(),
        in_flight => format!("Queue: {in_flight} in hand here, the oldest for {} s.", queue.oldest.as_secs()),
    };
    queue.dead_letters.map_or(in_hand.clone(), |dead| format!("{in_hand} Dead letters: {dead}."))
}

/// Since when the plan is held, and who put it aside. The store is a pass behind at the most.
fn held_since(kept: Option<&HeldPlan>) -> String {
    let Some(kept) = kept else { return String::new() };
    match &kept.decided_by {
        Some(by) if !kept.is_open() => format!("; held since {}, dismissed by {by}", when(kept.created_at)),
        _ => format!("; held since {}", when(kept.created_at)),
    }
}

fn when(at: DateTime<Utc>) -> String {
    format!("{} UTC", at.format("%Y-%m-%d %H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::PassReport;

    fn seen(notices: Vec<String>, conditions: Vec<String>) -> Status {
        Status {
            modes: vec![],
            rooms: vec![],
            server_drift: 0,
            held: 0,
            held_id: None,
            trouble: None,
            notices,
            conditions,
        }
    }

    #[test]
    fn each_thing_that_is_wrong_is_counted_once() {
        assert_eq!(wrong(&seen(vec![], vec![]), &StatusSnapshot::default()), Vec::<String>::new());
        let queue =
            QueueHealth { dead_letters: Some(2), trouble: Some("no database".to_owned()), ..QueueHealth::default() };
        let mut snapshot = StatusSnapshot { queue: Some(queue), ..StatusSnapshot::default() };
        let notices = vec!["nothing is planned in room staff".to_owned()];
        let seen = seen(notices, vec!["the bot has level 0 in staff".to_owned()]);
        let of = |snapshot: &StatusSnapshot| wrong(&seen, snapshot);
        let all = of(&snapshot);
        let begins = [
            "nothing is planned",
            "the bot has level 0",
            "2 messages lie in the dead-letter queue",
            "the queue: no database",
        ];
        assert!(all.len() == 4 && all.iter().zip(begins).all(|(one, begin)| one.starts_with(begin)), "{all:#?}");
        // A queue that cannot be read is one thing.
        if let Some(queue) = &mut snapshot.queue {
            (queue.not_received, queue.dead_letters) = (queue.trouble.clone(), None);
        }
        assert_eq!(of(&snapshot).len(), 3);
    }

    #[test]
    fn what_failed_in_the_last_pass_is_wrong() {
        let failed =
            crate::reconcile::Failed { kind: "join".to_owned(), room: None, user: None, error: "no".to_owned() };
        let report = PassReport { failed: vec![failed], ..PassReport::default() };
        let snapshot = StatusSnapshot { last_pass: Some((Utc::now(), report)), ..StatusSnapshot::default() };
        assert_eq!(
            wrong(&seen(vec![], vec![]), &snapshot),
            ["1 failed in the last pass and will be tried again; see `history`"]
        );
    }

    #[test]
    fn a_room_says_how_many_of_those_who_belong_are_in_it_and_how_many_others() {
        let said = |others, drift, state| {
            let room = StatusOfRoom { room: "staff".to_owned(), wanted: 3, present: 2, others, drift, state };
            Reply::default().and_list([of_room(&room)]).render().plain
        };
        assert_eq!(said(0, 1, ""), "- staff: 2 of 3 in it, 1 to do");
        assert_eq!(said(1, 0, ""), "- staff: 2 of 3 in it, and 1 who does not belong, 0 to do");
        assert_eq!(said(2, 0, "replaced"), "- staff: 2 of 3 in it, and 2 who do not belong, 0 to do, replaced");
    }

    #[test]
    fn the_first_line_says_how_many_things_are_wrong() {
        let said = |paused, wrong| lead(paused, "!p resume", wrong, true).render().plain;
        assert_eq!(
            [0, 1, 2].map(|wrong| said(None, wrong)),
            ["Running.", "Running, but 1 thing is wrong:", "Running, but 2 things are wrong:"]
        );
        let paused = Paused {
            paused_at: DateTime::<Utc>::from_timestamp(1_796_000_000, 0).unwrap(),
            paused_by: "@a:a".to_owned(),
        };
        let first = "Paused since 2026-11-30 00:53:20 UTC by @a:a. !p resume goes on.";
        assert_eq!(
            [0, 2].map(|wrong| said(Some(&paused), wrong)),
            [first.to_owned(), format!("{first}\n2 things are wrong:")]
        );
    }
}
