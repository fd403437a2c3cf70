//! Prints plans, reports and the ledger as tables for people. Nothing is decided here.

use std::collections::BTreeMap;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use provisioner_policy::{BlockedView, PlanView, short_id};

use super::print::{self, push_line};
use crate::reconcile::PassReport;
use crate::store::HistoryLine;

/// A plan: counts first, then every action, what is in the way, and what should be known.
pub(super) fn plan(view: &PlanView) -> String {
    let mut text = String::new();
    if view.actions.is_empty() {
        text.push_str("Nothing to do.\n");
    } else {
        push_line(&mut text, format_args!("Plan {}: {}", view.plan_id, counts(view)));
        let mut table = table(["", "room", "user", "mode", "because"]);
        for action in &view.actions {
            let mode = if action.held { "held".to_owned() } else { action.mode.as_str().to_owned() };
            push_row(
                &mut table,
                [
                    action.kind.as_str(),
                    action.room.as_deref().unwrap_or(""),
                    action.user.as_deref().unwrap_or(""),
                    &mode,
                    &action.because,
                ],
            );
        }
        push_table(&mut text, &table);
        let held: BTreeMap<&str, usize> = view.actions.iter().filter_map(|action| action.held_because.as_deref()).fold(
            BTreeMap::new(),
            |mut held, why| {
                *held.entry(why).or_default() += 1;
                held
            },
        );
        for (why, count) in held {
            push_line(&mut text, format_args!("Held: {count} because {why}."));
        }
        approval(&mut text, view.held_id.as_deref());
    }
    if !view.blocked.is_empty() {
        text.push('\n');
        push_line(&mut text, format_args!("Blocked: {}", view.blocked.len()));
        let mut table = table(["", "room", "user", "because"]);
        for BlockedView { kind, room, user, because } in &view.blocked {
            push_row(&mut table, [kind.as_str(), room.as_deref().unwrap_or(""), user, because]);
        }
        push_table(&mut text, &table);
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
        not_due,
        paused,
        errors,
        notices: known,
    } = report;
    let mut text = String::new();
    push_line(
        &mut text,
        format_args!(
            "Plan {plan_id}: {done} done, {already_so} already so, {} failed, {held} held, {observed} observed, {blocked} blocked, {waiting} waiting, {settling} settling",
            failed.len()
        ),
    );
    if let Some(paused) = paused {
        push_line(&mut text, format_args!("{paused}"));
    }
    if *not_due > 0 {
        push_line(&mut text, format_args!("Of what was approved, {not_due} is no longer due and was left alone."));
    }
    for one in failed {
        let (room, user) = (one.room.as_deref().unwrap_or("-"), one.user.as_deref().unwrap_or("-"));
        push_line(&mut text, format_args!("failed: {} {room} {user}: {}", one.kind, one.error));
    }
    for why in held_because {
        push_line(&mut text, format_args!("held: {why}"));
    }
    approval(&mut text, held_id.as_deref());
    for error in errors {
        push_line(&mut text, format_args!("error: {error}"));
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
        push_row(
            &mut table,
            [
                &line.at.format("%Y-%m-%d %H:%M:%S").to_string(),
                &line.pass.to_string(),
                &line.kind,
                line.room_key.as_deref().unwrap_or(""),
                line.user_id.as_deref().unwrap_or(""),
                &outcome,
                &line.cause,
            ],
        );
    }
    format!("{table}\n")
}

/// A row whose cells are harmless: a table is as wide as they are, so it is too late once it is drawn.
fn push_row<const N: usize>(table: &mut Table, cells: [&str; N]) {
    table.add_row(cells.map(print::cell));
}

fn push_table(text: &mut String, table: &Table) {
    text.push_str(&format!("{table}\n"));
}

fn approval(text: &mut String, held_id: Option<&str>) {
    if let Some(id) = held_id {
        push_line(text, format_args!("If this is meant: phenom-provisioner apply --approve {}", short_id(id)));
    }
}

fn notices(text: &mut String, notices: &[String]) {
    for notice in notices {
        push_line(text, format_args!("notice: {notice}"));
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
