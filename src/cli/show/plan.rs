//! A plan: what waits for somebody first, then room by room how many of what, and each change with its reason.

use std::collections::BTreeMap;

use provisioner_policy::{ActionView, BlockedView, Kind, Mode, PlanView, how_many};

use super::{approval, notices};
use crate::cli::page::{Page, Screen, Tone};
use crate::display_names::DisplayNames;

/// Reasons stand so far in below the people they are about.
const INDENT: usize = 6;

/// What is shown of a plan and may name somebody.
pub(in crate::cli) fn texts_of_plan(view: &PlanView) -> impl Iterator<Item = &str> {
    let actions = view.actions.iter().flat_map(|action| action.user.iter().chain([&action.because]));
    let blocked = view.blocked.iter().flat_map(|blocked| [&blocked.user, &blocked.because]);
    actions.chain(blocked).chain(&view.notices).map(String::as_str)
}

/// A plan for people; `all` leaves nothing out. Where not everything `is_read`, there may be more to do.
pub(in crate::cli) fn plan(view: &PlanView, names: &DisplayNames, screen: Screen, all: bool, is_read: bool) -> String {
    let mut page = Page::new(screen);
    match parts(&view.actions) {
        0 if is_read => page.line(Tone::Heading, "Nothing to do."),
        0 => page.line(Tone::Bad, "Nothing to do, as far as could be read."),
        count => {
            let planned = how_many(count, "change is planned", "changes are planned");
            page.line(Tone::Heading, format_args!("{planned} (plan {}).", view.plan_id));
        }
    }
    held(&mut page, view);
    for (room, actions) in by_room(&view.actions, |action| action.room.as_deref()) {
        group(&mut page, room, &actions, names, all);
    }
    for (room, blocked) in by_room(&view.blocked, |blocked| blocked.room.as_deref()) {
        cannot(&mut page, room, &blocked, names, all);
    }
    if !view.notices.is_empty() || view.profiles.is_some() {
        page.blank();
    }
    if let Some(profiles) = &view.profiles {
        page.line(Tone::Plain, profiles.text());
    }
    notices(&mut page, &view.notices, names);
    page.into_text()
}

/// How many changes these are: each level of a room is one.
fn parts<'a>(actions: impl IntoIterator<Item = &'a ActionView>) -> usize {
    actions.into_iter().map(|action| action.part_count).sum()
}

/// What the guard holds, in the sentence that matters, why, and what to type.
fn held(page: &mut Page, view: &PlanView) {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for action in &view.actions {
        if let Some(why) = action.held_because.as_deref() {
            *reasons.entry(why).or_default() += action.part_count;
        }
    }
    if reasons.is_empty() {
        return;
    }
    page.blank();
    if let Some(words) = &view.held_words {
        page.line(Tone::Warning, format_args!("Held for approval: {words}"));
    }
    for (why, count) in reasons {
        page.line(Tone::Plain, format_args!("Held: {count} because {why}."));
    }
    approval(page, view.held_id.as_deref());
}

/// In the order in which the rooms come first.
fn by_room<'a, T>(all: &'a [T], room: impl Fn(&'a T) -> Option<&'a str>) -> Vec<(Option<&'a str>, Vec<&'a T>)> {
    let mut rooms: Vec<(Option<&str>, Vec<&T>)> = Vec::new();
    for one in all {
        let its = room(one);
        match rooms.iter_mut().find(|(known, _)| *known == its) {
            Some((_, entries)) => entries.push(one),
            None => rooms.push((its, vec![one])),
        }
    }
    rooms
}

fn group(page: &mut Page, room: Option<&str>, actions: &[&ActionView], names: &DisplayNames, all: bool) {
    let mut counts: BTreeMap<(Kind, &str), usize> = BTreeMap::new();
    for action in actions {
        *counts.entry((action.kind, state(action))).or_default() += action.part_count;
    }
    let counts: Vec<String> =
        counts.iter().map(|((kind, state), count)| format!("{count} {}{state}", kind.as_str())).collect();
    page.blank();
    page.line(Tone::Heading, format_args!("{}: {}", room.unwrap_or("server"), counts.join(", ")));
    let shown = page.screen().shown(all);
    let kinds = actions.iter().take(shown).map(|action| action.kind.as_str().len());
    let width = kinds.max().unwrap_or_default();
    for action in actions.iter().take(shown) {
        let user = names.beside_ids(action.user.as_deref().unwrap_or_default());
        let because = names.beside_ids(&action.because);
        let lead = format!("  {:width$}  ", action.kind.as_str());
        let (text, more) = if user.is_empty() { (&*because, "") } else { (&*user, &*because) };
        page.entry(tone(action), &lead, INDENT, text, &[more]);
    }
    more(page, parts(actions.iter().skip(shown).copied()));
}

fn cannot(page: &mut Page, room: Option<&str>, blocked: &[&BlockedView], names: &DisplayNames, all: bool) {
    page.blank();
    page.line(Tone::Heading, format_args!("{}: {} blocked", room.unwrap_or("server"), blocked.len()));
    let shown = page.screen().shown(all);
    for one in blocked.iter().take(shown) {
        let (user, because) = (names.beside_ids(&one.user), names.beside_ids(&one.because));
        page.entry(Tone::Warning, &format!("  cannot {}  ", one.kind.as_str()), INDENT, &user, &[&because]);
    }
    more(page, blocked.len().saturating_sub(shown));
}

fn more(page: &mut Page, left: usize) {
    if left > 0 {
        page.line(Tone::Faint, format_args!("  {left} more: phenom-provisioner plan --all"));
    }
}

/// What keeps it from being done, after its kind.
fn state(action: &ActionView) -> &'static str {
    match (action.held, action.mode) {
        (true, _) => " held",
        (false, Mode::Observe) => " only counted",
        (false, Mode::Enforce) => "",
    }
}

fn tone(action: &ActionView) -> Tone {
    match (action.held, action.mode) {
        (true, _) => Tone::Warning,
        (false, Mode::Observe) => Tone::Faint,
        (false, Mode::Enforce) if action.kind == Kind::Remove => Tone::Bad,
        (false, Mode::Enforce) => Tone::Good,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::page::Screen;

    const ADA: &str = "@4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app";
    const BEN: &str = "@9d2f6a10-1c55-4000-8000-0123456789ab:thephenom.app";

    fn action(kind: Kind, user: &str, held: bool, because: &str) -> ActionView {
        ActionView {
            kind,
            room: Some("staff".to_owned()),
            user: Some(user.to_owned()),
            mode: Mode::Enforce,
            held,
            part_count: 1,
            because: because.to_owned(),
            before: json!("join"),
            after: json!("leave"),
            held_because: held
                .then(|| "2 removals of 8 members would exceed guard.max_fraction = 0.2 of the room".to_owned()),
        }
    }

    fn view() -> PlanView {
        let gone = "was member of staff until 2026-11-29 12:49 UTC, when the row went (joined by the service on 2026-03-14 09:00 UTC)";
        let stranger =
            format!("no source names this user, and they were never seen in any team (came by invitation of {ADA})");
        let account = ActionView {
            room: None,
            held_because: None,
            ..action(Kind::CreateAccount, BEN, false, "the account is confirmed, and Synapse has no such account")
        };
        PlanView {
            plan_id: "61c0a7f2".to_owned(),
            held_id: Some("3f9c01ab77".to_owned()),
            held_words: Some("2 people would be removed from staff. The sources say so for 1 of them since 2026-11-29 12:49 UTC. If nobody does anything, nothing of it happens.".to_owned()),
            actions: vec![
                account,
                action(Kind::Join, BEN, false, "the roster says member of staff; the room is for members of team staff"),
                action(Kind::Remove, ADA, true, gone),
                action(Kind::Remove, BEN, true, &stranger),
            ],
            blocked: vec![BlockedView {
                kind: Kind::Join,
                room: Some("staff".to_owned()),
                user: BEN.to_owned(),
                because: "left by choice; `rejoin` brings them back".to_owned(),
            }],
            profiles: None,
            notices: vec!["the roster cannot be read, nobody is removed because of it: the database of roster.url cannot be reached".to_owned()],
        }
    }

    fn names() -> DisplayNames {
        DisplayNames::new("thephenom.app", &[ADA, BEN], [(ADA.to_owned(), "Ada".to_owned())])
    }

    fn shown(width: Option<usize>) -> String {
        anstream::adapter::strip_str(&plan(&view(), &names(), Screen::of_width(width), false, true)).to_string()
    }

    #[test]
    fn a_plan_at_80_columns() {
        insta::assert_snapshot!(shown(Some(80)), @r#"
        4 changes are planned (plan 61c0a7f2).

        Held for approval: 2 people would be removed from staff. The sources say so for
          1 of them since 2026-11-29 12:49 UTC. If nobody does anything, nothing of it
          happens.
        Held: 2 because 2 removals of 8 members would exceed guard.max_fraction = 0.2 of
          the room.
        If this is meant: phenom-provisioner apply --approve 3f9c01ab

        server: 1 create_account
          create_account  @9d2f6a10-1c55-4000-8000-0123456789ab:thephenom.app
              the account is confirmed, and Synapse has no such account

        staff: 1 join, 2 remove held
          join    @9d2f6a10-1c55-4000-8000-0123456789ab:thephenom.app
              the roster says member of staff; the room is for members of team staff
          remove  @4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app "Ada"
              was member of staff until 2026-11-29 12:49 UTC, when the row went (joined
              by the service on 2026-03-14 09:00 UTC)
          remove  @9d2f6a10-1c55-4000-8000-0123456789ab:thephenom.app
              no source names this user, and they were never seen in any team (came by
              invitation of @4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app "Ada")

        staff: 1 blocked
          cannot join  @9d2f6a10-1c55-4000-8000-0123456789ab:thephenom.app
              left by choice; `rejoin` brings them back

        notice: the roster cannot be read, nobody is removed because of it: the database
          of roster.url cannot be reached
        "#);
    }

    #[test]
    fn a_plan_in_a_pipe() {
        insta::assert_snapshot!(shown(None), @r#"
        4 changes are planned (plan 61c0a7f2).

        Held for approval: 2 people would be removed from staff. The sources say so for 1 of them since 2026-11-29 12:49 UTC. If nobody does anything, nothing of it happens.
        Held: 2 because 2 removals of 8 members would exceed guard.max_fraction = 0.2 of the room.
        If this is meant: phenom-provisioner apply --approve 3f9c01ab

        server: 1 create_account
          create_account  @9d2f6a10-1c55-4000-8000-0123456789ab:thephenom.app  the account is confirmed, and Synapse has no such account

        staff: 1 join, 2 remove held
          join    @9d2f6a10-1c55-4000-8000-0123456789ab:thephenom.app  the roster says member of staff; the room is for members of team staff
          remove  @4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app "Ada"  was member of staff until 2026-11-29 12:49 UTC, when the row went (joined by the service on 2026-03-14 09:00 UTC)
          remove  @9d2f6a10-1c55-4000-8000-0123456789ab:thephenom.app  no source names this user, and they were never seen in any team (came by invitation of @4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app "Ada")

        staff: 1 blocked
          cannot join  @9d2f6a10-1c55-4000-8000-0123456789ab:thephenom.app  left by choice; `rejoin` brings them back

        notice: the roster cannot be read, nobody is removed because of it: the database of roster.url cannot be reached
        "#);
    }

    #[test]
    fn levels_of_a_room_count_as_many_as_they_are() {
        let mut view = view();
        view.blocked.clear();
        view.notices.clear();
        let because = format!("{ADA} from 50 to the default: no grant; {BEN} from 50 to the default: no grant");
        view.actions =
            vec![ActionView { user: None, part_count: 2, ..action(Kind::SetPowerLevels, "", true, &because) }];
        let shown = plan(&view, &names(), Screen::of_width(None), false, true);
        let shown = anstream::adapter::strip_str(&shown).to_string();
        for line in ["2 changes are planned (plan 61c0a7f2).", "staff: 2 set_power_levels held"] {
            assert!(shown.lines().any(|its| its == line), "{line} in {shown}");
        }
        assert!(shown.contains("\nHeld: 2 because "), "{shown}");
    }

    #[test]
    fn long_lists_are_cut_on_a_terminal_and_the_command_that_shows_the_rest_is_named() {
        let mut view = view();
        view.actions = vec![action(Kind::Join, BEN, false, "the room is for everybody with an active account"); 25];
        let shown = |width, all| plan(&view, &names(), Screen::of_width(width), all, true);
        assert!(shown(Some(80), false).contains("5 more: phenom-provisioner plan --all"));
        let count = |text: String| text.matches(BEN).count();
        assert_eq!(
            (count(shown(Some(80), false)), count(shown(Some(80), true)), count(shown(None, false))),
            (21, 26, 26)
        );
    }
}
