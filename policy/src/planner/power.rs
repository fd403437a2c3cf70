//! Power levels of a room: one event with all that changes in it.

use std::collections::BTreeMap;

use crate::levels::{Levels, POWER_LEVELS};
use crate::obstacle::Obstacle;
use crate::overwritten::Overwritten;
use crate::plan::{Because, Blocked, Change, Kind, Plan, PowerEdit};
use crate::power::PowerVerdict;
use crate::rewrite::Rewrite;
use crate::users::UserIx;
use crate::world::{Matcher, RoomIx, World};

pub(super) fn plan_power(world: &World, room: RoomIx, plan: &mut Plan) {
    if world.power[room.index()].is_empty() {
        return;
    }
    let mirror = world.room(room);
    let now = mirror.content(POWER_LEVELS);
    let restores = mirror.to_restore();
    // What was overwritten counts as being there: grants are judged beside it, and one event does both.
    let restored = now.cloned().map(|mut content| {
        restores.iter().for_each(|one| one.restore(&mut content));
        content
    });
    let mut block = |user: UserIx, obstacle: Obstacle| {
        let because = Because::Obstacle(obstacle);
        plan.blocked.push(Blocked { kind: Kind::SetPowerLevels, room: Some(room), user, because });
    };
    let Ok(levels) = Levels::read(restored.as_ref(), mirror.creators()) else {
        return block(world.bot(), Obstacle::Unreadable);
    };
    let mut edits = Vec::new();
    for user in candidates(world, room, &levels) {
        match world.judge_power(room, user, &levels).verdict {
            PowerVerdict::LeftAlone | PowerVerdict::Right => {}
            PowerVerdict::Edit(edit) => edits.push(edit),
            PowerVerdict::Blocked(obstacle) => block(user, obstacle),
        }
    }
    if edits.is_empty() && restores.is_empty() {
        return;
    }
    let (bot, needed) = (levels.of(&world.policy.bot), levels.to_send(POWER_LEVELS));
    if bot < needed {
        return block(world.bot(), Obstacle::BotLacks { event_type: POWER_LEVELS, needed, bot });
    }
    let mut rewrite = world.rewrite_levels(room, now, &edits, &restores);
    if let Rewrite::Refused(obstacle @ Obstacle::TooLarge { .. }) = rewrite {
        block(world.bot(), obstacle);
        // Whom the room names already can be changed still, and lowering must not wait.
        edits.retain(|edit| levels.explicit(&world.users.mxid(edit.user)).is_some());
        rewrite = world.rewrite_levels(room, now, &edits, &restores);
    }
    match rewrite {
        Rewrite::Write(_) => push(world, room, edits, restores, plan),
        Rewrite::AlreadySo | Rewrite::Outdated => {}
        Rewrite::Refused(obstacle) => block(world.bot(), obstacle),
    }
}

fn push(world: &World, room: RoomIx, edits: Vec<PowerEdit>, restores: Vec<Overwritten>, plan: &mut Plan) {
    let change = Change::SetPowerLevels { room, edits: edits.into(), restores: restores.into() };
    plan.push(world, change, Because::Grants);
}

/// Everybody who may have another level than they should, in the order of their names: those whom the room names, and those
/// whom a grant may mean.
fn candidates<'a>(world: &'a World, room: RoomIx, levels: &Levels<'_>) -> impl Iterator<Item = UserIx> + use<'a> {
    let named = levels.entries().filter_map(|(mxid, _)| world.users.get(mxid));
    let mut found: BTreeMap<&str, UserIx> = named.map(|user| (world.users.key(user), user)).collect();
    let mut add = |users: &mut dyn Iterator<Item = UserIx>| {
        found.extend(users.map(|user| (world.users.key(user), user)));
    };
    let selectors: Vec<Matcher> =
        world.power[room.index()].iter().flat_map(|(_, selectors)| selectors).copied().collect();
    let has = |wanted: fn(&Matcher) -> bool| selectors.iter().any(wanted);
    if has(|selector| *selector == Matcher::Everyone) {
        add(&mut world.users.iter().filter(|user| world.facts.is_active(*user)));
    } else if has(|selector| matches!(selector, Matcher::Team(_) | Matcher::TeamRole(..))) {
        add(&mut world
            .facts
            .places
            .people()
            .filter(|user| selectors.iter().any(|selector| world.matches(*selector, *user))));
    }
    for selector in &selectors {
        match selector {
            Matcher::Group(group) => add(&mut world.facts.groups.get(group).into_iter().flatten().copied()),
            Matcher::Subject(user) => add(&mut std::iter::once(*user)),
            Matcher::Everyone | Matcher::Team(_) | Matcher::TeamRole(..) => {}
        }
    }
    found.into_values()
}
