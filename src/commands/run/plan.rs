//! `plan`: what would be done now, counted by room first.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use provisioner_policy::{BlockedView, Plan, RoomIx, World, how_many};

use super::CommandResult;
use super::grouped::{Counts, PlanLine, count_list, grouped, plan_lines};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Piece, Reply, code, strong, text};
use crate::reconcile::Freshness;

/// Lines of a short answer, and of a long one.
const SHORT: usize = 20;
const LONG: usize = 200;

struct PlanSummary {
    entries: Vec<PlanLine>,
    counts: Counts,
    /// Changes that cannot be made: some in words, and how many there are.
    stuck: Vec<BlockedView>,
    blocked: usize,
    held_id: Option<String>,
    held_words: Vec<String>,
    held_reasons: Vec<String>,
    profiles: Option<String>,
    notices: Vec<String>,
}

/// Sentences as the pieces of one line, the first of which says what matters.
pub(crate) fn sentences(sentences: &[String]) -> Vec<Piece> {
    let rest = |(number, sentence): (usize, &String)| match number {
        0 => strong(sentence),
        _ => text(format!(" {sentence}")),
    };
    sentences.iter().enumerate().map(rest).collect()
}

/// Why the guard holds what it holds, a sentence each; with the room where there is more than one.
pub(crate) fn held_because(world: &World, reasons: BTreeMap<Option<RoomIx>, BTreeSet<String>>) -> Vec<String> {
    let one_place = reasons.len() == 1;
    let sentence = |room: Option<RoomIx>, why: &str| match room.filter(|_| !one_place) {
        Some(room) => format!("Held in {}, because {why}.", room.key(world)),
        None => format!("Held, because {why}."),
    };
    reasons.iter().flat_map(|(room, texts)| texts.iter().map(|why| sentence(*room, why))).collect()
}

/// At most `limit` changes that cannot be made; those that somebody keeps undoing come first.
fn stuck(world: &World, plan: &Plan, limit: usize) -> Vec<BlockedView> {
    let blocked = plan.blocked.iter().map(|blocked| blocked.view(world));
    plan.fought_over_views(world).chain(blocked).take(limit).collect()
}

impl Desk {
    /// The plan for the world as it is now.
    pub(crate) async fn plan(&self, all: bool) -> CommandResult {
        let limit = if all { LONG } else { SHORT };
        let query = move |reconciler: &crate::reconcile::Reconciler, plan: &Plan| {
            let world = reconciler.world();
            let (entries, counts) = plan_lines(world, plan.actions.iter(), limit);
            let (held_id, notices) = (plan.held_id(world), plan.notices(world));
            let held_words = plan.held_sentences(world);
            let held_reasons = held_because(world, plan.held_reasons(world));
            let (stuck, blocked) = (stuck(world, plan, limit), plan.blocked.len() + plan.fought_over.len());
            let profiles = world.profile_counts().map(|counts| counts.text());
            PlanSummary { entries, counts, stuck, blocked, held_id, held_words, held_reasons, profiles, notices }
        };
        let shown = self.reconciler.query_plan(Freshness::Now, query).await?;
        let is_paused = self.store.paused().await.context("look at the brake")?.is_some();
        Ok(self.show_plan(&shown, is_paused, limit, all))
    }

    /// Whether somebody has to do something before they are made.
    fn when_made(&self, counts: &Counts, is_paused: bool) -> Vec<Piece> {
        let due = counts.keys().filter(|place| place.state.is_empty()).count();
        let all = due == counts.len();
        match (due, is_paused) {
            (0, _) => Vec::new(),
            (_, true) => vec![text(" None is made while the service is paused: "), code(self.typed("resume"))],
            _ if all => vec![text(" The next pass makes them; nobody has to approve.")],
            _ => vec![text(" The next pass makes those that are neither held nor only counted.")],
        }
    }

    fn show_plan(&self, shown: &PlanSummary, is_paused: bool, limit: usize, all: bool) -> Reply {
        let total: usize = shown.counts.values().sum();
        let lead = match total {
            0 => "Nothing to do.".to_owned(),
            _ => how_many(total, "change is planned.", "changes are planned."),
        };
        let mut lead = vec![strong(lead)];
        lead.extend(self.when_made(&shown.counts, is_paused));
        let mut reply = Reply::default().and_pieces(lead);
        if let Some(id) = &shown.held_id {
            reply = reply
                .and_pieces(sentences(&shown.held_words))
                .and([text("Nothing of it happens until somebody says: "), code(self.typed_apply(id))]);
        }
        // One entry says no more than the heading below.
        let counts = shown.counts.len();
        let left = limit.saturating_sub(counts).max(1);
        let entries = &shown.entries[..shown.entries.len().min(left)];
        let (more, room_left) = (total - entries.len(), left.saturating_sub(entries.len()));
        reply = reply.and_list(count_list(&shown.counts).filter(|_| counts > 1)).and_reply(grouped(entries, true));
        if more > 0 {
            let command = if all { "phenom-provisioner plan".to_owned() } else { self.typed("plan all") };
            reply = reply.and([text(format!("{more} more. All of them: ")), code(command)]);
        }
        reply = shown.held_reasons.iter().fold(reply, |reply, why| reply.and([text(why)]));
        let in_the_way = &shown.stuck[..shown.stuck.len().min(room_left)];
        let more = shown.blocked - in_the_way.len();
        reply = reply.and_list(in_the_way.iter().map(|BlockedView { kind, room, user, because }| {
            let mut entry = vec![text(format!("cannot {} ", kind.as_str().replace('_', " "))), code(user)];
            entry.extend(room.iter().flat_map(|room| [text(" in "), code(room)]));
            entry.push(text(": "));
            entry.extend(self.words(because));
            entry
        }));
        if more > 0 {
            let blocked = format!("{more} more cannot be done; ");
            reply = reply.and([text(blocked), code(self.typed("explain <user>")), text(" says why.")]);
        }
        let notices = shown.profiles.iter().chain(&shown.notices);
        reply.and_list(notices.take(5).map(|notice| self.words(notice)))
    }
}
