//! How things are: what is wrong, what waits for somebody, what is enforced, and how each room stands.

use provisioner_policy::how_many;

use super::{approval, notices};
use crate::cli::page::{Page, Screen, Tone};
use crate::display_names::DisplayNames;
use crate::operations::{Status, StatusOfRoom};

/// How things are; `held` says since when something is.
pub(in crate::cli) fn status(
    status: &Status,
    paused: Option<&str>,
    held: Option<&str>,
    names: &DisplayNames,
    screen: Screen,
) -> String {
    let mut page = Page::new(screen);
    if let Some(paused) = paused {
        page.line(Tone::Warning, names.beside_ids(paused));
    }
    match status.wrong().count() {
        // Made by this process: another one may reconcile, or none.
        0 => page.line(Tone::Good, "Nothing is wrong. Whether the service runs, phenom-provisioner doctor says."),
        wrong => page.line(Tone::Bad, how_many(wrong, "thing is wrong:", "things are wrong:")),
    }
    status.trouble.iter().for_each(|trouble| page.line(Tone::Bad, format_args!("error: {trouble}")));
    notices(&mut page, &status.notices, names);
    notices(&mut page, &status.conditions, names);
    match status.held {
        0 => page.line(Tone::Plain, "Nothing is held."),
        count => page.line(Tone::Warning, format_args!("Held by the guard: {count}. See phenom-provisioner plan")),
    }
    if let Some(held) = held {
        page.line(Tone::Plain, names.beside_ids(held));
    }
    approval(&mut page, status.held_id.as_deref());
    page.line(Tone::Plain, status.modes_in_words());
    let of_rooms = status.rooms.iter().map(|StatusOfRoom { room, wanted, present, others, drift, state }| {
        let [wanted, present, others, drift] = [wanted, present, others, drift].map(usize::to_string);
        [room.clone(), wanted, present, others, drift, (*state).to_owned()]
    });
    let of_server = ["(server)", "", "", "", &status.server_drift.to_string(), ""].map(str::to_owned);
    page.blank();
    page.table(
        ["room", "wanted", "present", "others", "drift", ""],
        of_rooms.chain((status.server_drift > 0).then_some(of_server)),
    );
    page.into_text()
}

#[cfg(test)]
mod tests {
    use provisioner_policy::Mode;

    use super::*;

    const ADA: &str = "@4be7a1c0-93d2-4000-8000-0123456789ab:a.org";

    fn seen() -> Status {
        let room = |room: &str, others, state| StatusOfRoom {
            room: room.to_owned(),
            wanted: 12,
            present: 11,
            others,
            drift: 1,
            state,
        };
        Status {
            modes: vec![("joins", Mode::Enforce), ("removals", Mode::Observe)],
            rooms: vec![room("staff", 2, ""), room("the-room-of-all-analysts", 0, "not read")],
            server_drift: 2,
            held: 1,
            held_id: Some("3f9c01ab77".to_owned()),
            trouble: None,
            notices: vec![format!("{ADA} set the name otherwise")],
            conditions: vec!["the bot has level 10 in staff".to_owned()],
        }
    }

    fn shown(width: Option<usize>) -> String {
        let names = DisplayNames::new("a.org", &[ADA], [(ADA.to_owned(), "Ada".to_owned())]);
        anstream::adapter::strip_str(&status(&seen(), None, None, &names, Screen::of_width(width))).to_string()
    }

    #[test]
    fn a_status_at_80_columns() {
        insta::assert_snapshot!(shown(Some(80)), @r#"
        2 things are wrong:
        notice: @4be7a1c0-93d2-4000-8000-0123456789ab:a.org "Ada" set the name otherwise
        notice: the bot has level 10 in staff
        Held by the guard: 1. See phenom-provisioner plan
        If this is meant: phenom-provisioner apply --approve 3f9c01ab
        Enforced: joins. Only counted: removals.

         room                      wanted  present  others  drift
         staff                     12      11       2       1
         the-room-of-all-analysts  12      11       0       1      not read
         (server)                                           2
        "#);
    }

    #[test]
    fn a_status_in_a_pipe_is_the_same() {
        assert_eq!(shown(None), shown(Some(80)));
    }

    #[test]
    fn its_json_has_the_same() {
        let json = serde_json::to_value(seen()).unwrap();
        assert_eq!((&json["modes"]["joins"], &json["rooms"][0]["wanted"]), (&"enforce".into(), &12.into()));
    }
}
