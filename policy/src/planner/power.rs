//! Power levels of a room: one event with all that changes in it.

use hashbrown::HashSet;

use crate::level_of::LevelOf;
use crate::levels::{Levels, POWER_LEVELS};
use crate::needs::Act;
use crate::obstacle::Obstacle;
use crate::plan::{Because, Blocked, Change, Kind, Plan, PowerEdit};
use crate::policy::RoomIx;
use crate::power::PowerVerdict;
use crate::rewrite::Rewrite;
use crate::users::UserIx;
use crate::world::World;

/// The planned edit or obstacle of one user's level.
#[derive(Clone, Debug)]
pub(super) struct Levelled {
    pub(super) user: UserIx,
    verdict: Result<PowerEdit, Obstacle>,
}

/// Plans the room's levels and returns what is planned for each single one.
pub(super) fn plan_power(world: &World, room: RoomIx, plan: &mut Plan) -> Vec<Levelled> {
    if !world.policy.rooms[room.index()].decides_levels() {
        return Vec::new();
    }
    let levelled = world.room(room).levels().map(|levels| {
        let candidates = candidates(world, room, &levels).into_iter();
        candidates.filter_map(|user| level(world, room, user, &levels)).collect::<Vec<_>>()
    });
    let levelled = levelled.unwrap_or_default();
    plan_levels(world, room, &levelled, plan);
    levelled
}

/// Compares one user's level with what it should be. Only users that the room's levels list or a grant matches can differ.
pub(super) fn level(world: &World, room: RoomIx, user: UserIx, levels: &Levels<'_>) -> Option<Levelled> {
    let verdict = match world.evaluate_power(room, user, levels).verdict {
        PowerVerdict::LeftAlone | PowerVerdict::Right | PowerVerdict::ByDefault => return None,
        PowerVerdict::Edit(edit) => Ok(edit),
        PowerVerdict::Blocked(obstacle) => Err(obstacle),
    };
    Some(Levelled { user, verdict })
}

/// Whether a user's level can differ from what it should be: the room's levels list them, or a grant matches.
pub(super) fn is_candidate(world: &World, room: RoomIx, user: UserIx, levels: &Levels<'_>) -> bool {
    let grants = &world.power[room.index()];
    let mut granted = grants.iter().flat_map(|(_, selectors)| selectors);
    !grants.is_empty()
        && (granted.any(|selector| world.matches(*selector, user))
            || levels.explicit(&world.users.mxid(user)).is_some())
}

/// One event with the edits of all users, in the order of their names.
pub(super) fn plan_levels(world: &World, room: RoomIx, levelled: &[Levelled], plan: &mut Plan) {
    let mut block = |user: UserIx, obstacle: Obstacle| {
        let because = Because::Obstacle(obstacle);
        plan.blocked.push(Blocked { kind: Kind::SetPowerLevels, room: Some(room), user, because });
    };
    let Ok(levels) = world.room(room).levels() else {
        return block(world.bot(), Obstacle::Unreadable);
    };
    let now = world.room(room).content(POWER_LEVELS);
    let mut edits = Vec::new();
    for of_room in world.evaluate_default(room, &levels).into_iter().chain(world.evaluate_room_levels(room, &levels)) {
        match of_room {
            Ok(edit) => edits.push(edit),
            Err(obstacle) => block(world.bot(), obstacle),
        }
    }
    for Levelled { user, verdict } in levelled {
        match verdict {
            Ok(edit) => edits.push(*edit),
            Err(obstacle) => block(*user, *obstacle),
        }
    }
    if edits.is_empty() {
        return;
    }
    let (bot, needed) = (levels.of(&world.policy.bot), Act::SetLevels.takes(&levels));
    if bot < needed {
        return block(world.bot(), Obstacle::BotLacks { event_type: POWER_LEVELS, needed, bot });
    }
    let named = |edit: &PowerEdit| edit.user().is_none_or(|user| levels.explicit(&world.users.mxid(user)).is_some());
    // Where the event would be too large, users that it lists already can still be changed, and lowering must not wait. The
    // default waits for as long as somebody with a grant would lose by it.
    let some_hang = edits.iter().any(PowerEdit::hangs_on_default);
    let is_free = |edit: &PowerEdit| !(some_hang && (edit.of == LevelOf::Everybody || edit.hangs_on_default()));
    let is_listed = |edit: &PowerEdit| named(edit) && is_free(edit);
    let narrower: [&dyn Fn(&PowerEdit) -> bool; 3] =
        [&|_| true, &is_listed, &|edit| edit.lowers || edit.user().is_none()];
    let mut told = false;
    for keep in narrower {
        edits.retain(keep);
        match world.rewrite_levels(room, now, &edits) {
            Rewrite::Write(_) => {
                let change = Change::SetPowerLevels { room, edits: edits.into() };
                return plan.push(world, change, Because::Grants);
            }
            Rewrite::AlreadySo | Rewrite::Outdated => return,
            Rewrite::Refused(Obstacle::TooLarge { .. }) if told => {}
            Rewrite::Refused(obstacle) => {
                block(world.bot(), obstacle);
                told = matches!(obstacle, Obstacle::TooLarge { .. });
                if !told {
                    return;
                }
            }
        }
    }
}

/// Every user that [`is_candidate`] accepts, in the order of their names.
pub(super) fn candidates(world: &World, room: RoomIx, levels: &Levels<'_>) -> Vec<UserIx> {
    // Without grants nobody's own level is decided.
    if world.power[room.index()].is_empty() {
        return Vec::new();
    }
    let mut found: HashSet<UserIx> = levels.entries().filter_map(|(mxid, _)| world.users.get(mxid)).collect();
    let selectors = world.power[room.index()].iter().flat_map(|(_, selectors)| selectors);
    found.extend(selectors.flat_map(|selector| world.selected(*selector)));
    let mut found: Vec<UserIx> = found.into_iter().collect();
    found.sort_by_key(|user| world.users.key(*user));
    found
}
