//! `plan`: what would be done now, counted by room first.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use provisioner_policy::{BlockedView, Plan, RoomIx, World, how_many, short_id};

use super::CommandResult;
use super::grouped::{Counts, PlanLine, count_list, grouped, plan_lines};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Piece, Reply, code, strong, text};
use crate::reconcile::Freshness;

/// Lines of a short answer, and of a long one.
const SHORT: usize = 20;
const LONG: usize = 200;

/// So many of the lines are for what cannot be done, however much is planned.
const STUCK: usize = 5;

/// Notices of an answer; `status` has them all.
const NOTICED: usize = 5;

struct PlanSummary {
    /// Whether everything could be read: where not, there may be more to do.
    is_read: bool,
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

fn limit(all: bool) -> usize {
    if all { LONG } else { SHORT }
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
        let limit = limit(all);
        let query = move |reconciler: &crate::reconcile::Reconciler, plan: &Plan| {
            let world = reconciler.world();
            let (entries, counts) = plan_lines(world, plan.actions.iter(), limit);
            let (held_id, notices) = (plan.held_id(world), plan.notices(world));
            let held_words = plan.held_sentences(world);
            let held_reasons = held_because(world, plan.held_reasons(world));
            let (stuck, blocked) = (stuck(world, plan, limit), plan.blocked.len() + plan.fought_over.len());
            let profiles = world.profile_counts().map(|counts| counts.text());
            let is_read = reconciler.unread(plan).is_empty();
            PlanSummary {
                is_read,
                entries,
                counts,
                stuck,
                blocked,
                held_id,
                held_words,
                held_reasons,
                profiles,
                notices,
            }
        };
        let shown = self.reconciler.query_plan(Freshness::Now, query).await?;
        let is_paused = self.store.paused().await.context("look at the brake")?.is_some();
        Ok(show(&shown, is_paused, all, |command| self.typed(command), |words| self.words(words)))
    }
}

/// Whether somebody has to do something before they are made.
fn when_made(counts: &Counts, is_paused: bool, resume: &str) -> Vec<Piece> {
    let due = counts.keys().filter(|place| place.state.is_empty()).count();
    let all = due == counts.len();
    match (due, is_paused) {
        (0, _) => Vec::new(),
        (_, true) => vec![text(" None is made while the service is paused: "), code(resume)],
        _ if all => vec![text(" The next pass makes them; nobody has to approve.")],
        _ => vec![text(" The next pass makes those that are neither held nor only counted.")],
    }
}

/// The reply. `typed` is what somebody types to give a command, and `words` does the same to words of the service's own.
fn show(
    shown: &PlanSummary,
    is_paused: bool,
    all: bool,
    typed: impl Fn(&str) -> String,
    words: impl Fn(&str) -> Vec<Piece>,
) -> Reply {
    let total: usize = shown.counts.values().sum();
    let lead = match total {
        0 if shown.is_read => "Nothing to do.".to_owned(),
        0 => "Nothing to do, as far as could be read.".to_owned(),
        _ => how_many(total, "change is planned.", "changes are planned."),
    };
    let mut lead = vec![strong(lead)];
    lead.extend(when_made(&shown.counts, is_paused, &typed("resume")));
    let mut reply = Reply::default().and_pieces(lead);
    if let Some(id) = &shown.held_id {
        reply = reply.and_pieces(sentences(&shown.held_words)).and([
            text("Nothing of it happens until somebody says: "),
            code(typed(&format!("apply {}", short_id(id)))),
        ]);
    }
    let all_of_it = if all { "phenom-provisioner plan --all".to_owned() } else { typed("plan all") };
    // One entry says no more than the heading below.
    let counts = shown.counts.len();
    let kept = shown.stuck.len().min(STUCK);
    let left = limit(all).saturating_sub(counts + kept).max(1);
    let entries = &shown.entries[..shown.entries.len().min(left)];
    let (more, room_left) = (total - entries.len(), left - entries.len() + kept);
    reply = reply.and_list(count_list(&shown.counts).filter(|_| counts > 1)).and_reply(grouped(entries, true));
    if more > 0 {
        reply = reply.and([text(format!("{more} more. All of them: ")), code(&all_of_it)]);
    }
    reply = shown.held_reasons.iter().fold(reply, |reply, why| reply.and([text(why)]));
    let in_the_way = &shown.stuck[..shown.stuck.len().min(room_left)];
    let more = shown.blocked - in_the_way.len();
    reply = reply.and_list(in_the_way.iter().map(|BlockedView { kind, room, user, because }| {
        let mut entry = vec![text(format!("cannot {} ", kind.as_str().replace('_', " "))), code(user)];
        entry.extend(room.iter().flat_map(|room| [text(" in "), code(room)]));
        entry.push(text(": "));
        entry.extend(words(because));
        entry
    }));
    if more > 0 {
        reply = reply.and([text(format!("{more} more cannot be done. All of them: ")), code(&all_of_it)]);
    }
    let notices = shown.profiles.iter().chain(shown.notices.iter().take(NOTICED));
    reply = reply.and_list(notices.map(|notice| words(notice)));
    match shown.notices.len().saturating_sub(NOTICED) {
        0 => reply,
        more => reply.and([text(format!("{more} more: ")), code(typed("status"))]),
    }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::Kind;

    use super::*;
    use crate::commands::run::GroupKey;
    use crate::commands::text::reply::marked;

    /// So many joins, removals that cannot be made, and notices.
    fn shown(joins: usize, stuck: usize, notices: usize, all: bool) -> String {
        let key = GroupKey { room: "staff".to_owned(), kind: Kind::Join, state: "" };
        let line = |number: usize| PlanLine {
            key: key.clone(),
            user: format!("j{number}"),
            because: format!("because of {number}"),
        };
        let in_the_way = |number: usize| BlockedView {
            kind: Kind::Remove,
            room: Some("staff".to_owned()),
            user: format!("s{number}"),
            because: "say `rejoin`".to_owned(),
        };
        let summary = PlanSummary {
            is_read: notices == 0,
            entries: (0..joins.min(limit(all))).map(line).collect(),
            counts: [(key.clone(), joins)].into_iter().filter(|(_, count)| *count > 0).collect(),
            stuck: (0..stuck.min(limit(all))).map(in_the_way).collect(),
            blocked: stuck,
            held_id: None,
            held_words: Vec::new(),
            held_reasons: Vec::new(),
            profiles: None,
            notices: (0..notices).map(|number| format!("notice {number}")).collect(),
        };
        let typed = |command: &str| format!("!p {command}");
        show(&summary, false, all, typed, |words| marked(words, typed)).render().plain
    }

    fn count(text: &str, begin: &str) -> usize {
        text.lines().filter(|line| line.starts_with(begin)).count()
    }

    #[test]
    fn however_much_is_planned_some_of_what_cannot_be_done_is_shown_with_the_way_to_the_rest() {
        for (all, lines, rest) in [(false, SHORT, "!p plan all"), (true, LONG, "phenom-provisioner plan --all")] {
            let long = shown(lines + 10, STUCK + 2, 0, all);
            assert_eq!((count(&long, "- j"), count(&long, "- cannot")), (lines - 1 - STUCK, STUCK), "{long}");
            assert!(long.contains(&format!("\n{} more. All of them: {rest}\n", 11 + STUCK)), "{long}");
            assert!(long.ends_with(&format!("\n2 more cannot be done. All of them: {rest}")), "{long}");
        }
        let short = shown(2, STUCK + 2, 0, false);
        assert_eq!((count(&short, "- j"), count(&short, "- cannot")), (2, STUCK + 2), "{short}");
        assert!(short.contains("\n- cannot remove s0 in staff: say !p rejoin\n"), "{short}");
    }

    #[test]
    fn notices_that_are_left_out_are_counted_and_what_was_not_read_is_in_the_first_line() {
        assert_eq!(shown(0, 0, 0, false), "Nothing to do.");
        let all = "Nothing to do, as far as could be read.\n- notice 0\n- notice 1\n- notice 2\n- notice 3\n- notice 4";
        assert_eq!(shown(0, 0, NOTICED, false), all);
        assert_eq!(shown(0, 0, NOTICED + 2, false), format!("{all}\n2 more: !p status"));
    }
}
