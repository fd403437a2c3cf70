//! Prints plans, reports and the ledger as tables for people. Nothing is decided here.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use provisioner_policy::{BlockedView, PlanView};

use crate::reconcile::PassReport;
use crate::store::HistoryLine;

/// A plan: counts first, then every action, what is in the way, and what should be known.
pub(super) fn plan(view: &PlanView) -> String {
    let mut text = String::new();
    if view.actions.is_empty() {
        text.push_str("Nothing to do.\n");
    } else {
        let _ = writeln!(text, "Plan {}: {}", view.plan_id, counts(view));
        let mut table = table(["", "room", "user", "mode", "because"]);
        for action in &view.actions {
            let mode = if action.held { "held".to_owned() } else { action.mode.as_str().to_owned() };
            table.add_row([
                action.kind.as_str(),
                action.room.as_deref().unwrap_or(""),
                action.user.as_deref().unwrap_or(""),
                &mode,
                &action.because,
            ]);
        }
        let _ = writeln!(text, "{table}");
        let held: BTreeMap<&str, usize> = view.actions.iter().filter_map(|action| action.held_because.as_deref()).fold(
            BTreeMap::new(),
            |mut held, why| {
                *held.entry(why).or_default() += 1;
                held
            },
        );
        for (why, count) in held {
            let _ = writeln!(text, "Held: {count} because {why}.");
        }
        approval(&mut text, view.held_id.as_deref());
    }
    if !view.blocked.is_empty() {
        let _ = writeln!(text, "\nBlocked: {}", view.blocked.len());
        let mut table = table(["", "room", "user", "because"]);
        for BlockedView { kind, room, user, because } in &view.blocked {
            table.add_row([kind.as_str(), room.as_deref().unwrap_or(""), user, because]);
        }
        let _ = writeln!(text, "{table}");
    }
    notices(&mut text, &view.notices);
    text
}

fn counts(view: &PlanView) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for action in &view.actions {
        *counts.entry(action.kind.as_str()).or_default() += 1;
    }
    counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// What came of a pass.
pub(super) fn report(report: &PassReport) -> String {
    let PassReport {
        plan_id,
        done,
        already_so,
        observed,
        held,
        held_id,
        held_because,
        blocked,
        waiting,
        settling,
        failed,
        paused,
        errors,
        notices: known,
    } = report;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "Plan {plan_id}: {done} done, {already_so} already so, {} failed, {held} held, {observed} observed, {blocked} blocked, {waiting} waiting, {settling} settling",
        failed.len()
    );
    if let Some(paused) = paused {
        let _ = writeln!(text, "{paused}");
    }
    for one in failed {
        let (room, user) = (one.room.as_deref().unwrap_or("-"), one.user.as_deref().unwrap_or("-"));
        let _ = writeln!(text, "failed: {} {room} {user}: {}", one.kind, one.error);
    }
    for why in held_because {
        let _ = writeln!(text, "held: {why}");
    }
    approval(&mut text, held_id.as_deref());
    for error in errors {
        let _ = writeln!(text, "error: {error}");
    }
    notices(&mut text, known);
    text
}

/// Lines of the ledger.
pub(super) fn history(lines: &[HistoryLine]) -> String {
    if lines.is_empty() {
        return "The ledger has no such line.\n".to_owned();
    }
    let mut table = table(["when (UTC)", "pass", "", "room", "user", "outcome", "cause"]);
    for line in lines {
        let outcome = match &line.detail {
            Some(detail) => format!("{}: {detail}", line.outcome),
            None => line.outcome.clone(),
        };
        table.add_row([
            &line.at.format("%Y-%m-%d %H:%M:%S").to_string(),
            &line.pass.to_string(),
            &line.kind,
            line.room_key.as_deref().unwrap_or(""),
            line.user_id.as_deref().unwrap_or(""),
            &outcome,
            &line.cause,
        ]);
    }
    format!("{table}\n")
}

fn approval(text: &mut String, held_id: Option<&str>) {
    if let Some(id) = held_id {
        let _ = writeln!(text, "If this is meant: phenom-provisioner apply --approve {id}");
    }
}

fn notices(text: &mut String, notices: &[String]) {
    for notice in notices {
        let _ = writeln!(text, "notice: {notice}");
    }
}

/// A table as wide as the terminal, or as its content where there is none, so that it can be searched. Only reasons are
/// wrapped: ids stay in one piece, to be copied.
fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    let users = header.iter().position(|name| *name == "user").and_then(|position| table.column_mut(position));
    if let Some(users) = users {
        users.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
}
