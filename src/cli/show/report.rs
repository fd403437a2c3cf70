//! What came of a pass: what failed and what waits for somebody first, and how much of what there was.

use super::{approval, not_noticed, notices};
use crate::cli::page::{Page, Screen, Tone};
use crate::display_names::DisplayNames;
use crate::reconcile::PassReport;

/// What is shown of a report and may name somebody.
pub(in crate::cli) fn texts_of_report(report: &PassReport) -> impl Iterator<Item = &str> {
    let failed = report.failed.iter().flat_map(|one| one.user.iter().chain([&one.error]));
    let texts = failed.chain(&report.paused).chain(&report.held_because).chain(&report.errors).chain(&report.notices);
    texts.map(String::as_str)
}

/// What came of a pass.
pub(in crate::cli) fn report(report: &PassReport, names: &DisplayNames, screen: Screen) -> String {
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
        later,
        failed,
        not_due,
        paused,
        errors,
        notices: known,
    } = report;
    let mut page = Page::new(screen);
    let counts = [
        (*done, "done"),
        (failed.len(), "failed"),
        (*held, "held"),
        (*already_so, "already so"),
        (*waiting, "waiting"),
        (*settling, "settling"),
        (*observed, "only counted"),
        (*blocked, "blocked"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let tone = if failed.is_empty() && errors.is_empty() { Tone::Heading } else { Tone::Bad };
    match counts.is_empty() {
        true => page.line(tone, "Nothing to do."),
        false => page.line(tone, format_args!("{} (plan {plan_id}).", counts.join(", "))),
    }
    if let Some(paused) = paused {
        page.line(Tone::Warning, names.beside_ids(paused));
    }
    if *not_due > 0 {
        page.line(Tone::Plain, format_args!("Of what was approved, {not_due} is no longer due and was left alone."));
    }
    if *later > 0 {
        page.line(
            Tone::Plain,
            format_args!("Names and pictures that come later: {later}. A few at once, as each costs an event a room."),
        );
    }
    for one in failed {
        let (room, user) = (one.room.as_deref().unwrap_or("-"), one.user.as_deref().unwrap_or("-"));
        let (user, error) = (names.beside_ids(user), names.beside_ids(&one.error));
        page.line(Tone::Bad, format_args!("failed: {} {room} {user}: {error}", one.kind));
    }
    for why in held_because {
        page.line(Tone::Warning, format_args!("held: {}", names.beside_ids(why)));
    }
    approval(&mut page, held_id.as_deref());
    for error in not_noticed(errors, known.iter()) {
        page.line(Tone::Bad, format_args!("error: {}", names.beside_ids(error)));
    }
    notices(&mut page, known, names);
    page.into_text()
}
