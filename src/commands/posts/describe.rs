//! What a post about a held plan says: how many of what and why, and everybody whom it takes something from. First come those
//! whose loss is noticed first: who holds power or the admin flag, or may command here.

use provisioner_policy::{Action, Permission, Plan, UserIx, World, short_id};
use serde::{Deserialize, Serialize};

use crate::commands::run::{PlanLine, count_table, plan_lines};
use crate::commands::text::reply::{Reply, Table, code, strong, text};

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
    let (_, counted) = plan_lines(world, plan.held(), 0);
    let counted = counted.into_iter().map(|((room, kind, _), count)| ((room, kind, ""), count)).collect();
    let mut reasons: Vec<&str> = lines.iter().filter_map(|one| one.held_because.as_deref()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let (named, rest) = lines.split_at(lines.len().min(NAMED));
    let mut first =
        Reply::line([strong(format!("The guard holds {held}")), text(" as plan "), code(short_id(&id)), text(":")])
            .and_table(count_table(&counted))
            .and_list(reasons.iter().map(|reason| vec![text(format!("held because {reason}"))]))
            .and_table(table(named));
    let pages: Vec<Reply> = rest.chunks(A_PAGE).map(|page| Reply::default().and_table(table(page))).collect();
    match held - named.len() {
        0 => {}
        more if offers_approval => first = first.and([text(format!("{more} more are in the thread of this message."))]),
        more => first = first.and([text(format!("{more} more: too many to be judged here."))]),
    }
    Some(Description { id, first, pages, offers_approval })
}

fn table(lines: &[PlanLine]) -> Table {
    let mut table = Table::new(["change", "room", "user", "because"]);
    for one in lines {
        table.row([text(one.kind), code(&one.room), code(&one.user), text(&one.because)]);
    }
    table
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
