//! Who belongs where: selectors applied to facts, and when the facts are too poor to take anything away.

use std::fmt;

use crate::facts::{AccountsFrom, SourceState, THE_ROSTER};
use crate::ids::mxid_of_subject;
use crate::mirror::Membership;
use crate::names::NameIx;
use crate::policy::{Policy, RoomIx, Unlisted};
use crate::selector::{Matcher, SelectorSource};
use crate::users::UserIx;
use crate::world::WorldState;

/// Whether somebody belongs in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entitlement {
    /// By this selector, counted from 0 in the room's `members`.
    By(u16),
    /// By none.
    Not,
    /// Two subjects fold to this MXID: nothing is concluded.
    InDoubt,
}

/// Why nobody may be removed from a room for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freeze {
    /// A source that a selector of the room depends on was never read.
    Unread(&'static str),
    /// Its last reading failed.
    Failing { source: &'static str, reason: String },
    /// A row that names nobody may mean somebody in this room.
    Row(String),
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(source) => write!(f, "{source} has not been read yet"),
            Self::Failing { source, reason } => write!(f, "{source} cannot be read: {reason}"),
            Self::Row(trouble) => f.write_str(trouble),
        }
    }
}

impl WorldState {
    pub(crate) fn matches(&self, matcher: Matcher, user: UserIx) -> bool {
        let places = || self.facts.teams.get(user).unwrap_or_default();
        match matcher {
            Matcher::Everyone => self.facts.is_active(user),
            Matcher::Team(team) => places().iter().any(|(its, _)| *its == team),
            Matcher::TeamRole { team, role } => places().contains(&(team, Some(role))),
            Matcher::Group(group) => self.facts.groups.get(&group).is_some_and(|group| group.contains(&user)),
            Matcher::Subject(subject) => subject == user,
        }
    }

    /// Everybody that a selector names, as far as a source names anybody.
    pub(crate) fn selected(&self, selector: Matcher) -> Box<dyn Iterator<Item = UserIx> + '_> {
        let facts = &self.facts;
        match selector.source() {
            SelectorSource::Accounts => Box::new(self.users.iter().filter(|user| facts.is_active(*user))),
            SelectorSource::Roster(_) => {
                Box::new(facts.teams.people().filter(move |user| self.matches(selector, *user)))
            }
            SelectorSource::Group(group) => Box::new(facts.groups.get(group).into_iter().flatten().copied()),
            SelectorSource::Itself => Box::new(selector.subject().copied().into_iter()),
        }
    }

    /// Whether `user` belongs in `room`, by the first of the room's selectors that matches.
    pub fn entitlement(&self, room: RoomIx, user: UserIx) -> Entitlement {
        if self.facts.is_folded(user) {
            return Entitlement::InDoubt;
        }
        if !self.users.is_local(user) || !self.may_belong(user) {
            return Entitlement::Not;
        }
        let selectors = &self.members[room.index()];
        match selectors.iter().position(|selector| self.matches(*selector, user)) {
            Some(position) => Entitlement::By(u16::try_from(position).expect("a room has fewer than 65,536 selectors")),
            None => Entitlement::Not,
        }
    }

    /// With a pool, an account that the pool does not call active belongs nowhere. Without one, a selector is enough.
    pub(crate) fn may_belong(&self, user: UserIx) -> bool {
        match self.facts.accounts_from {
            AccountsFrom::Pool => self.facts.is_active(user),
            AccountsFrom::Named => true,
        }
    }

    /// Whether the pool has not said yet whether it has the account of a user that a source names, or who is in a room from
    /// which they would be removed: somebody who signed up since the last listing, say, or confirmed since they were denied. Until
    /// it has been asked, they are neither let in nor taken anything from.
    pub(crate) fn is_unconfirmed(&self, user: UserIx) -> bool {
        self.facts.accounts_from == AccountsFrom::Pool
            && self.facts.is_unsaid(user)
            && (self.is_named(user) || self.is_unknown_member(user))
    }

    /// Whether a source or a selector names the user.
    pub(crate) fn is_named(&self, user: UserIx) -> bool {
        self.facts.teams.contains(user)
            || self.facts.groups.values().any(|group| group.contains(&user))
            || self.is_selected(user)
    }

    /// Whether the pool has not said yet whether it has the account of a user of our own server, by a name that it could have,
    /// who is in a room that removes who is not listed.
    pub(crate) fn is_unknown_member(&self, user: UserIx) -> bool {
        let is_in = |room: RoomIx| matches!(self.room(room).membership(user), Membership::Join | Membership::Invite);
        let Policy { server_name, bot, .. } = &self.policy;
        self.facts.accounts_from == AccountsFrom::Pool
            && self.facts.is_unsaid(user)
            && self.users.is_local(user)
            && !self.is_exempt(user)
            && self.mirror.accounts.get(user).present
            && self.rooms().any(|room| self.removes_unlisted(room) && is_in(room))
            // No subject folds to capitals.
            && mxid_of_subject(self.users.key(user), server_name, bot).is_ok_and(|mxid| mxid == self.users.mxid(user))
    }

    /// Why nobody may be removed from `room`, or `None` where everything it depends on was read whole.
    pub fn freeze(&self, room: RoomIx) -> Option<Freeze> {
        self.freeze_of_any(&self.members[room.index()])
    }

    /// Why nothing may be taken away from anyone because none of `selectors` matches them.
    pub(crate) fn freeze_of_any(&self, selectors: &[Matcher]) -> Option<Freeze> {
        self.pool_freeze().or_else(|| selectors.iter().find_map(|selector| self.freeze_of(*selector)))
    }

    /// Why the pool's word on who is gone cannot be taken.
    pub(crate) fn pool_freeze(&self) -> Option<Freeze> {
        match self.facts.accounts_from {
            AccountsFrom::Pool => frozen_by("the pool's listing", &self.facts.pool),
            AccountsFrom::Named => None,
        }
    }

    /// Whether the pool itself says that the account is disabled or deleted. No roster and no group could give its owner
    /// anything then, so the pool's word is all that what they have depends on.
    pub(crate) fn is_closed_by_pool(&self, user: UserIx) -> bool {
        self.facts.account(user).is_closed()
    }

    /// Why `user` may not be removed from `room` for now.
    pub(crate) fn freeze_of_member(&self, room: RoomIx, user: UserIx) -> Option<Freeze> {
        if self.is_closed_by_pool(user) { self.pool_freeze() } else { self.freeze(room) }
    }

    pub(crate) fn freeze_of(&self, selector: Matcher) -> Option<Freeze> {
        match selector.source() {
            SelectorSource::Accounts => match self.facts.accounts_from {
                AccountsFrom::Pool => None,
                AccountsFrom::Named => self.roster_freeze(None),
            },
            SelectorSource::Roster(team) => self.roster_freeze(team.copied()),
            SelectorSource::Group(group) => match self.facts.group_states.get(group) {
                Some(state) => frozen_by("the group's listing", state),
                None => Some(Freeze::Unread("the group's listing")),
            },
            SelectorSource::Itself => None,
        }
    }

    fn roster_freeze(&self, team: Option<NameIx>) -> Option<Freeze> {
        frozen_by(THE_ROSTER, &self.facts.roster).or_else(|| {
            let first = self.facts.hiding.first(team)?;
            Some(Freeze::Row(self.facts.roster_trouble[first].to_string()))
        })
    }

    /// Whether somebody loses something because the roster no longer names them.
    pub(crate) fn depend_on_roster(&self, selectors: &[Matcher]) -> bool {
        selectors.iter().any(|selector| match selector.source() {
            SelectorSource::Roster(_) => true,
            SelectorSource::Accounts => self.facts.accounts_from == AccountsFrom::Named,
            SelectorSource::Group(_) | SelectorSource::Itself => false,
        })
    }

    /// Whether people who do not belong are removed from the room.
    pub fn removes_unlisted(&self, room: RoomIx) -> bool {
        self.policy.rooms[room.index()].unlisted == Unlisted::Remove
    }
}

fn frozen_by(source: &'static str, state: &SourceState) -> Option<Freeze> {
    match state {
        SourceState::Good => None,
        SourceState::Unread => Some(Freeze::Unread(source)),
        SourceState::Failing(reason) => Some(Freeze::Failing { source, reason: reason.clone() }),
    }
}
