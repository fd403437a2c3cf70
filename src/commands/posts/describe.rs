//! What a post about a held plan says: how many lose what, what each answer does, everybody who loses something and why, and
//! then why it is held. First come those whose loss is noticed first: who holds power or the admin flag, or may command here.

use provisioner_policy::{Action, Permission, Plan, UserIx, World, short_id};
use serde::{Deserialize, Serialize};

use crate::commands::room::dispatch::see;
use crate::commands::run::{PlanLine, grouped, held_because, plan_lines, sentences};
use crate::commands::text::reply::{Reply, code, strong, text};

/// Lines of the post itself, and of each message in its thread.
const NAMED: usize = 12;
const A_PAGE: usize = 50;
/// More are not read on a phone: nobody could judge them, so nothing is offered to tap on.
const MOST: usize = 500;

/// A held plan in words.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) id: String,
    pub(crate) first: Reply,
    /// The rest of the list.
    pub(crate) pages: Vec<Reply>,
    pub(crate) offers_approval: bool,
}

/// What `plan` holds, where it holds anything. `apply` is as for [`offer`].
pub(crate) fn describe(world: &World, plan: &Plan, apply: &str) -> Option<Description> {
    let id = plan.held_id(world)?;
    let held: usize = plan.held().map(Action::part_count).sum();
    let offers_approval = held <= MOST;
    let parts = plan.held().flat_map(Action::parts);
    let mut parts: Vec<Action> = parts.take(if offers_approval { MOST } else { NAMED }).collect();
    parts.sort_by_key(|part| !part.change.user().or(subject(part)).is_some_and(|user| is_noticed(world, user)));
    let (lines, _) = plan_lines(world, parts.iter(), MOST);
    let head = Reply::default().and_pieces(sentences(&plan.held_sentences(world)));
    let reasons = held_because(world, plan.held_reasons(world));
    let with = |named: usize| {
        let first = head.clone().and_reply(grouped(&lines[..named], false));
        let first = match held - named {
            0 => first,
            more if offers_approval => {
                let under =
                    format!("{more} more in the thread of this message, under the heading Plan {}.", short_id(&id));
                first.and([text(under)])
            }
            more => first.and([text(format!("{more} more: too many to be judged here."))]),
        };
        reasons.iter().fold(first, |first, why| first.and([text(why)]))
    };
    let headed = |first: usize, last: usize| heading(&id, first, last, held);
    let (first, pages) = divide(&lines, with, |shown| offer(shown, &id, offers_approval, apply), headed);
    Some(Description { id, first, pages, offers_approval })
}

/// What the first message shows, and the rest. Nobody is left out for want of room, however long their names are: what counts
/// is the message as it is sent, which `offered` makes of what it shows. `headed` is as for [`pages`].
fn divide(
    lines: &[PlanLine],
    with: impl Fn(usize) -> Reply,
    offered: impl Fn(Reply) -> Reply,
    headed: impl Fn(usize, usize) -> Reply,
) -> (Reply, Vec<Reply>) {
    let is_whole = |named: &usize| offered(with(*named)).is_whole();
    let named = (1..=lines.len().min(NAMED)).rev().find(is_whole).unwrap_or_default();
    (with(named), pages(&lines[named..], named, &headed))
}

/// What a page begins with: the thread of a message that was edited has the pages of earlier plans, too.
fn heading(held_id: &str, first: usize, last: usize, held: usize) -> Reply {
    let which = if first == last { first.to_string() } else { format!("{first} to {last}") };
    Reply::line([strong(format!("Plan {}: {which} of {held}", short_id(held_id)))])
}

/// The message: how many lose what, what each answer does, and then who and why. Nobody scrolls past those who lose something
/// to learn what a tap does. `apply` is that command as it is typed, without the id.
pub(super) fn offer(shown: Reply, held_id: &str, offers_approval: bool, apply: &str) -> Reply {
    let id = short_id(held_id);
    let (what, who_and_why) = shown.split_first();
    let no = [strong("❌ no:"), text(" nothing of it is done, and nobody is asked again until this list changes.")];
    let silence = [strong("No answer:"), text(" nothing of it is done.")];
    if !offers_approval {
        return what
            .and_list([no.to_vec(), silence.to_vec()])
            .and_reply(who_and_why)
            .and([text("Too many for a message. Look at all of it, and do it if it is meant, on the command line:")])
            .and([code("phenom-provisioner plan")])
            .and([code(format!("phenom-provisioner apply --approve {id}"))]);
    }
    let yes = [strong("✅ yes:"), text(" it is done at once, exactly as listed here.")];
    what.and_list([yes.to_vec(), no.to_vec(), silence.to_vec()])
        .and_reply(who_and_why)
        .and_reply(see("Instead of ✅: ", format!("{apply} {id}")))
}

/// As many messages as it takes, each whole. `headed` begins one with the numbers of its first and its last line; so many are
/// `before` them.
fn pages(lines: &[PlanLine], before: usize, headed: &impl Fn(usize, usize) -> Reply) -> Vec<Reply> {
    let page = headed(before + 1, before + lines.len()).and_reply(grouped(lines, false));
    match lines.len() {
        0 => Vec::new(),
        count if count > 1 && (count > A_PAGE || !page.is_whole()) => {
            let (one, other) = lines.split_at(count.div_ceil(2).min(A_PAGE));
            [pages(one, before, headed), pages(other, before + one.len(), headed)].concat()
        }
        _ => vec![page],
    }
}

/// Whose level a part of a room's levels is about.
fn subject(part: &Action) -> Option<UserIx> {
    part.change.counted().next().and_then(|key| key.user())
}

fn is_noticed(world: &World, user: UserIx) -> bool {
    let has_power = |room| {
        world.room(room).levels().is_ok_and(|levels| levels.of(&world.users.mxid(user)) > levels.default_level())
    };
    world.mirror.accounts.get(user).admin
        || world.may_command(user) != Permission::Denied
        || world.rooms().any(has_power)
}

#[cfg(test)]
mod tests {
    use provisioner_policy::Kind;

    use super::*;
    use crate::commands::run::GroupKey;

    #[test]
    fn with_what_each_answer_does_the_message_is_whole_and_everybody_is_in_it_or_in_a_page() {
        for length in (0..1000).step_by(5) {
            let line = |number: usize| PlanLine {
                key: GroupKey { room: "staff".to_owned(), kind: Kind::Remove, state: "held" },
                user: format!("@u{number}:a.org"),
                because: format!("{number} {}", "ë".repeat(length)),
            };
            let lines: Vec<PlanLine> = (0..30).map(line).collect();
            let with = |named: usize| Reply::line([strong("30 people")]).and_reply(grouped(&lines[..named], false));
            let offered = |shown: Reply| offer(shown, "0123456789", true, "!provisioner apply");
            let (first, pages) = divide(&lines, with, offered, |first, last| heading("0123456789", first, last, 30));
            let message = offered(first);
            assert!(message.is_whole(), "{length}");
            let all: String = std::iter::once(&message).chain(&pages).map(|one| one.render().plain).collect();
            assert!((0..30).all(|number| all.contains(&format!("@u{number}:"))), "{length}");
        }
    }

    #[test]
    fn however_long_their_names_are_everybody_is_in_some_page() {
        let long = "x".repeat(290);
        let line = |number: usize| PlanLine {
            key: GroupKey { room: long.clone(), kind: Kind::Remove, state: "held" },
            user: format!("@u{number}:{long}"),
            because: format!("{number} {long}"),
        };
        let lines: Vec<PlanLine> = (0..120).map(line).collect();
        let pages = pages(&lines, 0, &|first, last| heading("0123456789", first, last, 120));
        assert!(pages.iter().all(Reply::is_whole));
        let all: String = pages.iter().map(|page| page.render().plain).collect();
        assert!((0..120).all(|number| all.contains(&format!("@u{number}:"))));
    }

    #[test]
    fn a_page_says_which_plan_it_is_of_and_which_lines_it_has() {
        let line = |number: usize| PlanLine {
            key: GroupKey { room: "staff".to_owned(), kind: Kind::Remove, state: "held" },
            user: format!("@u{number}:a.org"),
            because: "went".to_owned(),
        };
        let lines: Vec<PlanLine> = (1..=100).map(line).collect();
        let headed = |first, last| heading("3f9c01ab77", first, last, 100);
        let begin = |lines: &[PlanLine], before: usize| -> Vec<String> {
            let plain = pages(lines, before, &headed).into_iter().map(|page| page.render().plain);
            plain.map(|plain| plain.lines().next().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(begin(&lines[12..], 12), ["Plan 3f9c01ab: 13 to 56 of 100", "Plan 3f9c01ab: 57 to 100 of 100"]);
        assert_eq!(begin(&lines[99..], 99), ["Plan 3f9c01ab: 100 of 100"]);
        assert_eq!(begin(&[], 100), Vec::<String>::new());
    }
}
