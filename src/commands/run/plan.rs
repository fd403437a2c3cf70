//! `plan`: what would be done now, counted by room first.

use std::collections::BTreeMap;

use provisioner_policy::{Action, BlockedView, Kind, Mode, Plan, World, short_id};

use super::CommandResult;
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Piece, Reply, Table, code, strong, text};
use crate::reconcile::Freshness;

/// Lines of a short answer, and of a long one.
const SHORT: usize = 20;
const LONG: usize = 200;

/// One action in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanLine {
    pub(crate) room: String,
    pub(crate) kind: &'static str,
    pub(crate) user: String,
    pub(crate) state: &'static str,
    pub(crate) because: String,
    pub(crate) held_because: Option<String>,
}

/// How many actions of each room, kind and state there are.
pub(crate) type Counts = BTreeMap<(String, &'static str, &'static str), usize>;

/// At most so many of `actions` in words, and how many there are of each room, kind and state.
pub(crate) fn plan_lines<'a>(
    world: &World,
    actions: impl Iterator<Item = &'a Action>,
    limit: usize,
) -> (Vec<PlanLine>, Counts) {
    let (mut entries, mut counts) = (Vec::new(), Counts::new());
    for action in actions {
        let room = action.change.room().map_or_else(String::new, |room| room.key(world).to_owned());
        let kind = action.change.kind().as_str();
        let state = match (action.mode, action.held) {
            (Mode::Observe, _) => "observed only",
            (Mode::Enforce, Some(_)) => "held",
            (Mode::Enforce, None) => "due",
        };
        *counts.entry((room.clone(), kind, state)).or_default() += 1;
        if entries.len() < limit {
            let view = action.view(world);
            entries.push(PlanLine {
                room,
                kind,
                user: view.user.unwrap_or_default(),
                state,
                because: view.because,
                held_because: view.held_because,
            });
        }
    }
    (entries, counts)
}

/// The counts, a room and kind a row.
pub(crate) fn count_table(counts: &Counts) -> Table {
    let mut table = Table::new(["room", "change", "state"]).plain_without([1, 2]);
    for ((room, kind, state), count) in counts {
        let room = if room.is_empty() { text("(server)") } else { code(room) };
        table.row([room, text(format!("{count} {kind}")), text(*state)]);
    }
    table
}

/// A change as an entry of a list, with its room where the list has more than one.
pub(crate) fn plan_entry(line: &PlanLine, with_room: bool) -> Vec<Piece> {
    let mut entry = vec![strong(line.kind)];
    if !line.user.is_empty() {
        entry.extend([text(" "), code(&line.user)]);
    }
    if with_room && !line.room.is_empty() {
        entry.extend([text(" in "), code(&line.room)]);
    }
    entry.extend([text(": "), text(&line.because)]);
    entry
}

/// Changes room by room, in the order in which the plan has them.
fn by_room(mut reply: Reply, lines: &[PlanLine]) -> Reply {
    for of_room in lines.chunk_by(|one, next| one.room == next.room) {
        let room = of_room.first().map(|line| line.room.as_str()).filter(|room| !room.is_empty());
        let heading = room.map_or_else(|| strong("server"), code);
        reply = reply.and([heading, text(":")]).and_list(of_room.iter().map(|line| plan_entry(line, false)));
    }
    reply
}

struct PlanSummary {
    entries: Vec<PlanLine>,
    counts: Counts,
    /// Changes that cannot be made: some in words, and how many there are.
    stuck: Vec<Stuck>,
    blocked: usize,
    held_id: Option<String>,
    held_words: Vec<String>,
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

struct Stuck {
    kind: &'static str,
    room: String,
    user: String,
    because: String,
}

/// At most `limit` changes that cannot be made; those that somebody keeps undoing come first.
fn stuck(world: &World, plan: &Plan, limit: usize) -> Vec<Stuck> {
    let blocked = plan.blocked.iter().map(|blocked| blocked.view(world));
    let stuck = |BlockedView { kind, room, user, because }| Stuck {
        kind: Kind::as_str(kind),
        room: room.unwrap_or_default(),
        user,
        because,
    };
    plan.fought_over_views(world).chain(blocked).take(limit).map(stuck).collect()
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
            let (stuck, blocked) = (stuck(world, plan, limit), plan.blocked.len() + plan.fought_over.len());
            let profiles = world.profile_counts().map(|counts| counts.text());
            PlanSummary { entries, counts, stuck, blocked, held_id, held_words, profiles, notices }
        };
        let shown = self.reconciler.query_plan(Freshness::Now, query).await?;
        Ok(self.show_plan(&shown, limit, all))
    }

    fn show_plan(&self, shown: &PlanSummary, limit: usize, all: bool) -> Reply {
        let total: usize = shown.counts.values().sum();
        let mut reply = match total {
            0 => Reply::line([strong("Nothing to do.")]),
            1 => Reply::line([strong("1 change is planned.")]),
            _ => Reply::line([strong(format!("{total} changes are planned."))]),
        };
        if let Some(id) = &shown.held_id {
            reply = reply
                .and_pieces(sentences(&shown.held_words))
                .and([text("To do what is held: "), code(self.typed(&format!("apply {}", short_id(id))))]);
        }
        let table = count_table(&shown.counts);
        let left = limit.saturating_sub(table.len()).max(1);
        let entries = &shown.entries[..shown.entries.len().min(left)];
        let (more, room_left) = (total - entries.len(), left.saturating_sub(entries.len()));
        reply = by_room(reply.and_table(table), entries);
        if more > 0 {
            let command = if all { "phenom-provisioner plan".to_owned() } else { self.typed("plan all") };
            reply = reply.and([text(format!("{more} more. All of them: ")), code(command)]);
        }
        let in_the_way = &shown.stuck[..shown.stuck.len().min(room_left)];
        let more = shown.blocked - in_the_way.len();
        reply = reply.and_list(in_the_way.iter().map(|Stuck { kind, room, user, because }| {
            let mut entry = vec![text(format!("cannot {kind} ")), code(user)];
            if !room.is_empty() {
                entry.extend([text(" in "), code(room)]);
            }
            entry.extend([text(": "), text(because)]);
            entry
        }));
        if more > 0 {
            let blocked = format!("{more} more should be so and cannot be made so; ");
            reply = reply.and([text(blocked), code(self.typed("explain <user>")), text(" says why.")]);
        }
        let notices = shown.profiles.iter().chain(&shown.notices);
        reply.and_list(notices.take(5).map(|notice| vec![text(notice)]))
    }
}
