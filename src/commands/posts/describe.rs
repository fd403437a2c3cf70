//! What a post about a held plan says: how many lose what, everybody who does and why, and then why it is held. First come
//! those whose loss is noticed first: who holds power or the admin flag, or may command here.

use provisioner_policy::{Action, Permission, Plan, UserIx, World};
use serde::{Deserialize, Serialize};

use crate::commands::run::{PlanLine, grouped, held_because, plan_lines, sentences};
use crate::commands::text::reply::{Reply, text};

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

/// What `plan` holds, where it holds anything.
pub(crate) fn describe(world: &World, plan: &Plan) -> Option<Description> {
    let id = plan.held_id(world)?;
    let held: usize = plan.held().map(|action| action.change.parts().count()).sum();
    let offers_approval = held <= MOST;
    let parts = plan
        .held()
        .flat_map(|action| action.change.parts().map(|part| Action { change: part.into_owned(), ..action.clone() }));
    let mut parts: Vec<Action> = parts.take(if offers_approval { MOST } else { NAMED }).collect();
    parts.sort_by_key(|part| !part.change.user().or(subject(part)).is_some_and(|user| is_noticed(world, user)));
    let (lines, _) = plan_lines(world, parts.iter(), MOST);
    let head = Reply::default().and_pieces(sentences(&plan.held_sentences(world)));
    let reasons = held_because(world, plan.held_reasons(world));
    let with = |named: usize| {
        let first = head.clone().and_reply(grouped(&lines[..named], false));
        let first = match held - named {
            0 => first,
            more if offers_approval => first.and([text(format!("{more} more in the thread of this message."))]),
            more => first.and([text(format!("{more} more: too many to be judged here."))]),
        };
        reasons.iter().fold(first, |first, why| first.and([text(why)]))
    };
    // Nobody is left out for want of room: however long their names are.
    let named = (1..=lines.len().min(NAMED)).rev().find(|named| with(*named).is_whole()).unwrap_or_default();
    let (first, pages) = (with(named), pages(&lines[named..]));
    Some(Description { id, first, pages, offers_approval })
}

/// As many messages as it takes, each whole.
fn pages(lines: &[PlanLine]) -> Vec<Reply> {
    let page = grouped(lines, false);
    match lines.len() {
        0 => Vec::new(),
        count if count > 1 && (count > A_PAGE || !page.is_whole()) => {
            let (one, other) = lines.split_at(count.div_ceil(2).min(A_PAGE));
            [pages(one), pages(other)].concat()
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
    fn however_long_their_names_are_everybody_is_in_some_page() {
        let long = "x".repeat(290);
        let line = |number: usize| PlanLine {
            key: GroupKey { room: long.clone(), kind: Kind::Remove, state: "held" },
            user: format!("@u{number}:{long}"),
            because: format!("{number} {long}"),
        };
        let lines: Vec<PlanLine> = (0..120).map(line).collect();
        let pages = pages(&lines);
        assert!(pages.iter().all(Reply::is_whole));
        let all: String = pages.iter().map(|page| page.render().plain).collect();
        assert!((0..120).all(|number| all.contains(&format!("@u{number}:"))));
    }
}
