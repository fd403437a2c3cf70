//! Who should have which level in a room, and what that means for the level they have: one person at a time.

use crate::entitlement::{Entitlement, Freeze};
use crate::level_of::LevelOf;
use crate::levels::{Levels, POWER_LEVELS};
use crate::mirror::Membership;
use crate::obstacle::Obstacle;
use crate::plan::PowerEdit;
use crate::policy::RoomIx;
use crate::selector::Matcher;
use crate::users::UserIx;
use crate::world::World;

/// How many users' reasons one line tells.
const MOST_NAMED: usize = 20;

/// A grant that matches somebody: its level, its place among the room's grants, and which of its selectors matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) level: i64,
    pub(crate) grant: usize,
    pub(crate) selector: usize,
}

/// What is planned for one person's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PowerVerdict {
    /// Never touched: the bot, exempt users, creators, and MXIDs that two subjects fold to.
    LeftAlone,
    /// As it should be.
    Right,
    Edit(PowerEdit),
    Blocked(Obstacle),
    /// They have it by the raised default alone, which is the room's to mend: nothing is written for them.
    ByDefault,
}

/// One person's level beside what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evaluated {
    pub(crate) desired: i64,
    pub(crate) observed: i64,
    pub(crate) verdict: PowerVerdict,
}

impl World {
    /// The highest grant that this user has in the room. A grant counts for users that are in the room or belong to it.
    pub(crate) fn granted(&self, room: RoomIx, user: UserIx) -> Option<Granted> {
        self.matching_grant(room, user).filter(|_| {
            self.room(room).membership(user) == Membership::Join
                || matches!(self.entitlement(room, user), Entitlement::By(_))
        })
    }

    /// The highest grant with a matching selector, whether the user belongs to the room or not.
    fn matching_grant(&self, room: RoomIx, user: UserIx) -> Option<Granted> {
        if !self.users.is_local(user) || !self.may_belong(user) || self.facts.is_folded(user) {
            return None;
        }
        let grants = self.power[room.index()].iter().enumerate();
        let matching = grants.filter_map(|(grant, (level, selectors))| {
            let selector = selectors.iter().position(|selector| self.matches(*selector, user))?;
            Some(Granted { level: *level, grant, selector })
        });
        matching.max_by_key(|granted| granted.level)
    }

    /// Why nothing can be concluded from it that no grant of the room names this person.
    pub(crate) fn freeze_of_grants(&self, room: RoomIx, user: UserIx) -> Option<Freeze> {
        if self.is_closed_by_pool(user) {
            return self.pool_freeze();
        }
        let selectors: Vec<Matcher> =
            self.power[room.index()].iter().flat_map(|(_, selectors)| selectors).copied().collect();
        self.freeze_of_any(&selectors)
    }

    /// Why this person's level in the room may not be lowered for now.
    pub fn power_freeze(&self, room: RoomIx, user: UserIx) -> Option<Freeze> {
        let freeze = self.freeze_of_grants(room, user);
        if self.is_closed_by_pool(user) {
            return freeze;
        }
        let unconfirmed = || self.is_unconfirmed(user).then_some(Freeze::Unread("the pool's word on this account"));
        freeze.or_else(unconfirmed).or_else(|| {
            // A grant matches, and only the place is missing: that it is lost must be as certain.
            self.matching_grant(room, user)?;
            let suspicion = || self.roster_suspicion(room).map(|hold| Freeze::Row(hold.text(self)));
            self.freeze(room).or_else(suspicion)
        })
    }

    /// Compares one person's level with what the grants say.
    pub(crate) fn evaluate_power(&self, room: RoomIx, user: UserIx, levels: &Levels<'_>) -> Evaluated {
        let mxid = self.users.mxid(user);
        let (observed, own) = (levels.of(&mxid), levels.own(&mxid));
        // Judged by the default that will be: what is given and taken beside it is in one event with it.
        let (now, default) = (levels.default_level(), self.default_to_be(room, levels));
        let as_it_is = |verdict| Evaluated { desired: observed, observed, verdict };
        if self.is_exempt(user) || levels.is_above_all(&mxid) || self.facts.is_folded(user) {
            return as_it_is(PowerVerdict::LeftAlone);
        }
        let granted = self.granted(room, user).map(|granted| granted.level);
        if own.is_none() && self.is_raised(room, levels) {
            let desired = granted.unwrap_or(0);
            // A grant below a default that stays would put its people below everybody else.
            let stays = default == now;
            if granted.is_none() || desired == default || stays && desired < default {
                return Evaluated { desired, observed, verdict: PowerVerdict::ByDefault };
            }
        }
        let desired = match granted {
            Some(level) => level,
            // A level below the default is a moderator's silencing, not power.
            None if observed <= default => return as_it_is(PowerVerdict::Right),
            None => default,
        };
        let had = own.unwrap_or(default);
        if had == desired {
            return as_it_is(PowerVerdict::Right);
        }
        // Where the default changes beside it, the level is written, so that it is right whichever of the two comes first.
        let after = (desired != default || default != now).then_some(desired);
        let edit = PowerEdit {
            of: user.into(),
            before: Some(observed),
            after,
            lowers: desired < had && (own.is_some() || default == now),
        };
        let bot = levels.of(&self.policy.bot);
        let verdict = if edit.lowers && self.power_freeze(room, user).is_some() {
            PowerVerdict::Blocked(Obstacle::Frozen { from: observed, to: desired })
        } else if own.is_some_and(|own| own >= bot) {
            PowerVerdict::Blocked(Obstacle::AtTheBots { level: observed, bot })
        } else if desired >= bot {
            PowerVerdict::Blocked(Obstacle::GrantTooHigh { level: desired, bot })
        } else {
            PowerVerdict::Edit(edit)
        };
        Evaluated { desired, observed, verdict }
    }

    /// Why somebody has, or is to have, the level that the policy gives them.
    pub(crate) fn power_words(&self, room: RoomIx, user: UserIx) -> String {
        let Some(Granted { level, grant, selector }) = self.granted(room, user) else {
            return self.no_grant_words(room, user);
        };
        let selector = &self.policy.rooms[room.index()].power[grant].grant[selector];
        let row = self.roster_words(user).map(|row| format!(" ({row})")).unwrap_or_default();
        format!("level {level} by {selector} of power {level}{row}")
    }

    fn no_grant_words(&self, room: RoomIx, user: UserIx) -> String {
        let asked: Vec<Matcher> = self.power[room.index()].iter().flat_map(|(_, grant)| grant).copied().collect();
        match self.loss_words(None, user, &asked) {
            Some(lost) => lost,
            None => "no grant of the room matches".to_owned(),
        }
    }

    /// What has the level, as plan and ledger name it.
    pub(crate) fn level_name(&self, room: RoomIx, of: LevelOf) -> String {
        match of {
            LevelOf::User(user) => self.users.mxid(user),
            LevelOf::Everybody => "users_default".to_owned(),
            LevelOf::Room(position) => self.policy.rooms[room.index()].levels[usize::from(position)].0.name(),
        }
    }

    /// What has the level that plan and ledger name so; nothing where the policy says nothing of it.
    pub fn level_by_name(&mut self, room: RoomIx, name: &str) -> Option<LevelOf> {
        match name {
            "users_default" => Some(LevelOf::Everybody),
            mxid if mxid.starts_with('@') => Some(self.intern(mxid).into()),
            _ => {
                let position =
                    self.policy.rooms[room.index()].levels.iter().position(|(level, _)| level.name() == name)?;
                u16::try_from(position).ok().map(LevelOf::Room)
            }
        }
    }

    /// Why levels change, one by one.
    pub(crate) fn levels_cause(&self, room: RoomIx, edits: &[PowerEdit]) -> String {
        let last = self.room(room).state(POWER_LEVELS);
        let last = last.map(|last| last.sender.as_str()).filter(|sender| !sender.is_empty());
        let by = last.map(|sender| format!(" (the levels were last set by {sender})")).unwrap_or_default();
        let level_words =
            |level: Option<i64>, none: &str| level.map_or_else(|| none.to_owned(), |level| level.to_string());
        let edited = edits.iter().map(|edit| match edit.of {
            LevelOf::User(user) => {
                let by = if edit.lowers { by.as_str() } else { "" };
                let (before, after) = (level_words(edit.before, "none"), level_words(edit.after, "the default"));
                format!("{} from {before} to {after}: {}{by}", self.users.mxid(user), self.power_words(room, user))
            }
            of @ (LevelOf::Everybody | LevelOf::Room(_)) => {
                let (before, after) = (level_words(edit.before, "none"), level_words(edit.after, "0"));
                format!("{}: {before} → {after}{by}", self.level_name(room, of))
            }
        });
        let mut words: Vec<String> = edited.take(MOST_NAMED).collect();
        let more = edits.len().saturating_sub(words.len());
        words.extend((more > 0).then(|| format!("and {more} more")));
        words.join("; ")
    }
}
