//! Lines of the ledger, newest first: when, what, where and how it ended, then who and why.

use crate::cli::page::{Page, Screen, Tone};
use crate::display_names::DisplayNames;
use crate::store::HistoryLine;

/// Who and why stand so far in below what was done.
const INDENT: usize = 4;

/// What is shown of a line of the ledger and may name somebody.
pub(in crate::cli) fn texts_of_line(line: &HistoryLine) -> impl Iterator<Item = &str> {
    [line.user_id.as_deref(), line.detail.as_deref(), Some(&*line.cause)].into_iter().flatten()
}

/// Lines of the ledger.
pub(in crate::cli) fn history(lines: &[HistoryLine], names: &DisplayNames, screen: Screen) -> String {
    let mut page = Page::new(screen);
    if lines.is_empty() {
        page.line(Tone::Plain, "The ledger has no such line.");
    }
    for line in lines {
        let time = line.at.format("%Y-%m-%d %H:%M:%S").to_string();
        let room = line.room_key.as_deref().map_or_else(String::new, |room| format!(" in {room}"));
        let outcome = line.outcome.replace('_', " ");
        let head = format!("{}{room}: {outcome} (pass {})", line.kind, line.pass);
        let user = line.user_id.as_deref().map(|user| names.beside_ids(user));
        let detail = line.detail.as_deref().map(|detail| format!("{outcome}: {}", names.beside_ids(detail)));
        let cause = Some(names.beside_ids(&line.cause)).filter(|cause| !cause.is_empty());
        let told: Vec<String> = [user, cause, detail].into_iter().flatten().collect();
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        page.entry(tone(line), &format!("{time}  "), INDENT, &head, &told);
    }
    page.into_text()
}

fn tone(line: &HistoryLine) -> Tone {
    match line.outcome.as_str() {
        "done" => Tone::Good,
        "failed" | "unknown" | "interrupted" => Tone::Bad,
        "held" => Tone::Warning,
        _ => Tone::Faint,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    const ADA: &str = "@4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app";

    fn line(kind: &str, outcome: &str, user: Option<&str>, cause: &str, detail: Option<&str>) -> HistoryLine {
        HistoryLine {
            at: DateTime::<Utc>::from_timestamp(1_796_000_000, 0).unwrap(),
            pass: 12,
            kind: kind.to_owned(),
            user_id: user.map(str::to_owned),
            room_key: user.map(|_| "staff".to_owned()),
            before: None,
            after: None,
            cause: cause.to_owned(),
            mode: "enforce".to_owned(),
            outcome: outcome.to_owned(),
            detail: detail.map(str::to_owned),
        }
    }

    fn shown(width: Option<usize>) -> String {
        let gone = "was member of staff until 2026-11-29 12:49 UTC, when the row went (joined by the service on 2026-03-14 09:00 UTC)";
        let lines = [
            line("remove", "done", Some(ADA), gone, None),
            line(
                "join",
                "failed",
                Some(ADA),
                "the room is for everybody with an active account",
                Some("Synapse answers 403 M_FORBIDDEN: no"),
            ),
            line("pause", "done", None, "command of ada on the command line", None),
        ];
        let names = DisplayNames::new("thephenom.app", &[ADA], [(ADA.to_owned(), "Ada".to_owned())]);
        anstream::adapter::strip_str(&history(&lines, &names, Screen::of_width(width))).to_string()
    }

    #[test]
    fn a_history_at_80_columns() {
        insta::assert_snapshot!(shown(Some(80)), @r#"
        2026-11-30 00:53:20  remove in staff: done (pass 12)
            @4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app "Ada"
            was member of staff until 2026-11-29 12:49 UTC, when the row went (joined by
            the service on 2026-03-14 09:00 UTC)
        2026-11-30 00:53:20  join in staff: failed (pass 12)
            @4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app "Ada"
            the room is for everybody with an active account
            failed: Synapse answers 403 M_FORBIDDEN: no
        2026-11-30 00:53:20  pause: done (pass 12)
            command of ada on the command line
        "#);
    }

    #[test]
    fn a_history_in_a_pipe() {
        insta::assert_snapshot!(shown(None), @r#"
        2026-11-30 00:53:20  remove in staff: done (pass 12)  @4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app "Ada"  was member of staff until 2026-11-29 12:49 UTC, when the row went (joined by the service on 2026-03-14 09:00 UTC)
        2026-11-30 00:53:20  join in staff: failed (pass 12)  @4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app "Ada"  the room is for everybody with an active account  failed: Synapse answers 403 M_FORBIDDEN: no
        2026-11-30 00:53:20  pause: done (pass 12)  command of ada on the command line
        "#);
    }
}
