//! Prints plans, reports and the ledger as tables for people, with the names of the users in them. Nothing is decided here.

use std::collections::BTreeMap;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use provisioner_policy::{BlockedView, PlanView, short_id};

use super::print::{self, push_line};
use crate::display_names::DisplayNames;
use crate::operations::{Status, StatusOfRoom};
use crate::reconcile::PassReport;
use crate::store::HistoryLine;

/// What is shown of a plan and may name somebody.
pub(super) fn texts_of_plan(view: &PlanView) -> impl Iterator<Item = &str> {
    let actions = view.actions.iter().flat_map(|action| action.user.iter().chain([&action.because]));
    let blocked = view.blocked.iter().flat_map(|blocked| [&blocked.user, &blocked.because]);
    actions.chain(blocked).chain(&view.notices).map(String::as_str)
}

/// A plan: counts first, then every action, what is in the way, and what should be known.
pub(super) fn plan(view: &PlanView, names: &DisplayNames) -> String {
    let mut text = String::new();
    if view.actions.is_empty() {
        text.push_str("Nothing to do.\n");
    } else {
        push_line(&mut text, format_args!("Plan {}: {}", view.plan_id, counts(view)));
        let rows = view.actions.iter().map(|action| {
            let mode = if action.held { "held" } else { action.mode.as_str() };
            let [room, user] = [&action.room, &action.user].map(|one| one.as_deref().unwrap_or_default());
            [action.kind.as_str(), room, user, mode, &action.because].map(str::to_owned)
        });
        push_table(&mut text, &table(["", "room", "user", "mode", "because"], rows.collect(), names));
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
        let rows = view.blocked.iter().map(|BlockedView { kind, room, user, because }| {
            [kind.as_str(), room.as_deref().unwrap_or_default(), user, because].map(str::to_owned)
        });
        push_table(&mut text, &table(["", "room", "user", "because"], rows.collect(), names));
    }
    notices(&mut text, &view.notices, names);
    text
}

fn counts(view: &PlanView) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for action in &view.actions {
        *counts.entry(action.kind.as_str()).or_default() += 1;
    }
    counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// What is shown of a report and may name somebody.
pub(super) fn texts_of_report(report: &PassReport) -> impl Iterator<Item = &str> {
    let failed = report.failed.iter().flat_map(|one| one.user.iter().chain([&one.error]));
    let texts = failed.chain(&report.paused).chain(&report.held_because).chain(&report.errors).chain(&report.notices);
    texts.map(String::as_str)
}

/// What came of a pass.
pub(super) fn report(report: &PassReport, names: &DisplayNames) -> String {
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
        push_line(&mut text, format_args!("{}", names.beside_ids(paused)));
    }
    if *not_due > 0 {
        push_line(&mut text, format_args!("Of what was approved, {not_due} is no longer due and was left alone."));
    }
    for one in failed {
        let (room, user) = (one.room.as_deref().unwrap_or("-"), one.user.as_deref().unwrap_or("-"));
        let (user, error) = (names.beside_ids(user), names.beside_ids(&one.error));
        push_line(&mut text, format_args!("failed: {} {room} {user}: {error}", one.kind));
    }
    for why in held_because {
        push_line(&mut text, format_args!("held: {}", names.beside_ids(why)));
    }
    approval(&mut text, held_id.as_deref());
    for error in errors {
        push_line(&mut text, format_args!("error: {}", names.beside_ids(error)));
    }
    notices(&mut text, known, names);
    text
}

/// What is shown of a line of the ledger and may name somebody.
pub(super) fn texts_of_line(line: &HistoryLine) -> impl Iterator<Item = &str> {
    [line.user_id.as_deref(), line.detail.as_deref(), Some(&*line.cause)].into_iter().flatten()
}

/// Lines of the ledger.
pub(super) fn history(lines: &[HistoryLine], names: &DisplayNames) -> String {
    if lines.is_empty() {
        return "The ledger has no such line.\n".to_owned();
    }
    let rows = lines.iter().map(|line| {
        let outcome = match &line.detail {
            Some(detail) => format!("{}: {detail}", line.outcome),
            None => line.outcome.clone(),
        };
        let [room, user] = [&line.room_key, &line.user_id].map(|one| one.clone().unwrap_or_default());
        let time = line.at.format("%Y-%m-%d %H:%M:%S").to_string();
        [time, line.pass.to_string(), line.kind.clone(), room, user, outcome, line.cause.clone()]
    });
    let header = ["when (UTC)", "pass", "", "room", "user", "outcome", "cause"];
    format!("{}\n", table(header, rows.collect(), names))
}

/// How things are.
pub(super) fn status(status: &Status, paused: Option<&str>, names: &DisplayNames) -> String {
    let mut text = String::new();
    push_line(&mut text, format_args!("{}", paused.map_or("Running.".to_owned(), |paused| names.beside_ids(paused))));
    push_line(&mut text, format_args!("{}", status.modes_in_words()));
    let of_rooms = status.rooms.iter().map(|StatusOfRoom { room, wanted, present, drift, state }| {
        [room.clone(), wanted.to_string(), present.to_string(), drift.to_string(), (*state).to_owned()]
    });
    let of_server =
        ["(server)".to_owned(), String::new(), String::new(), status.server_drift.to_string(), String::new()];
    let rows = of_rooms.chain((status.server_drift > 0).then_some(of_server)).collect();
    push_table(&mut text, &table(["room", "wanted", "present", "drift", "state"], rows, names));
    match status.held {
        0 => push_line(&mut text, format_args!("Nothing is held.")),
        held => push_line(&mut text, format_args!("Held by the guard: {held}. See phenom-provisioner plan")),
    }
    approval(&mut text, status.held_id.as_deref());
    status.trouble.iter().for_each(|trouble| push_line(&mut text, format_args!("error: {trouble}")));
    notices(&mut text, &status.notices, names);
    text
}

fn push_table(text: &mut String, table: &Table) {
    text.push_str(&format!("{table}\n"));
}

fn approval(text: &mut String, held_id: Option<&str>) {
    if let Some(id) = held_id {
        push_line(text, format_args!("If this is meant: phenom-provisioner apply --approve {}", short_id(id)));
    }
}

fn notices(text: &mut String, notices: &[String], names: &DisplayNames) {
    for notice in notices {
        push_line(text, format_args!("notice: {}", names.beside_ids(notice)));
    }
}

/// A table as wide as the terminal, or as its content where there is none, so that it can be searched. Only reasons and names
/// are wrapped: ids stay in one piece, to be copied. Names have a column of their own where any is known.
///
/// Cells are made harmless before they are drawn: a table is as wide as they are.
fn table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>, names: &DisplayNames) -> Table {
    let users = header.iter().position(|name| *name == "user");
    let named = |row: &[String; N]| users.and_then(|users| names.user(&row[users]));
    let has_names = rows.iter().any(|row| named(row).is_some());
    let mut table = Table::new();
    let mut titles = header.to_vec();
    if let Some(users) = users.filter(|_| has_names) {
        titles.insert(users + 1, "name");
    }
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(titles);
    for row in &rows {
        let mut cells = Vec::with_capacity(N + 1);
        for (column, cell) in row.iter().enumerate() {
            let is_user = Some(column) == users;
            cells.push(print::cell(if is_user { cell.clone() } else { names.beside_ids(cell) }));
            if is_user && has_names {
                cells.push(print::cell(named(row).map_or("", |user| &*user.name)));
            }
        }
        table.add_row(cells);
    }
    if let Some(users) = users.and_then(|users| table.column_mut(users)) {
        users.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
}

#[cfg(test)]
mod tests {
    use provisioner_policy::Mode;

    use super::*;

    const ADA: &str = "@4be7a1c0-93d2-4000-8000-0123456789ab:a.org";

    fn ada_alone() -> DisplayNames {
        DisplayNames::new("a.org", &[ADA], [(ADA.to_owned(), "Ada".to_owned())])
    }

    #[test]
    fn names_have_a_column_where_any_is_known_and_ids_stay_whole() {
        let rows = || vec![[ADA, "x"].map(str::to_owned), ["@ben:a.org".to_owned(), format!("asked by {ADA}")]];
        let drawn = |names: &DisplayNames| table(["user", "because"], rows(), names).force_no_tty().to_string();
        assert!(!drawn(&DisplayNames::default()).contains("name"));
        let drawn = drawn(&ada_alone());
        let lines: Vec<&str> = drawn.lines().map(|line| line.trim_matches(['│', ' '])).collect();
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["user", "name", "because"]);
        assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), [ADA, "Ada", "x"]);
        assert!(
            lines[4].starts_with("@ben:a.org ") && lines[4].ends_with(&format!("asked by {ADA} \"Ada\"")),
            "{drawn}"
        );
    }

    #[test]
    fn a_status_says_what_is_done_and_how_the_rooms_stand() {
        let room = StatusOfRoom { room: "staff".to_owned(), wanted: 12, present: 11, drift: 1, state: "" };
        let seen = Status {
            modes: vec![("joins", Mode::Enforce), ("removals", Mode::Observe)],
            rooms: vec![room],
            server_drift: 2,
            held: 1,
            held_id: Some("3f9c01ab77".to_owned()),
            trouble: None,
            notices: vec![format!("{ADA} set the name otherwise")],
        };
        let text = status(&seen, None, &ada_alone());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["Running.", "Enforced: joins. Only counted: removals."]);
        assert!(lines[5].contains("staff") && lines[6].contains("(server)"), "{text}");
        assert_eq!(
            lines[8..],
            [
                "Held by the guard: 1. See phenom-provisioner plan",
                "If this is meant: phenom-provisioner apply --approve 3f9c01ab",
                &format!("notice: {ADA} \"Ada\" set the name otherwise"),
            ]
        );
        let json = serde_json::to_value(&seen).unwrap();
        assert_eq!((&json["modes"]["joins"], &json["rooms"][0]["wanted"]), (&"enforce".into(), &12.into()));
    }
}
