//! Unknown users: which users the pool is to be asked for, and which denials of the pool are outdated.
//!
//! A denial says that a user had no account when the pool was asked. A user who gets something after that may have confirmed in
//! between: nothing is taken from them until the pool has been asked again. At a start nobody knows what came first. The account
//! store is read before the rooms and before Synapse's accounts, so a stored denial is then the older one.

use hashbrown::HashSet;

use crate::facts::{Account, AccountsFrom};
use crate::users::UserIx;
use crate::world::{World, WorldState};

/// A user that the pool is to be asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownSubject {
    pub subject: String,
    /// 0, or greater than before where the denials of the pool so far are outdated: it is to be asked at once.
    pub anew: u64,
}

impl World {
    /// Users that the pool is to be asked for. Empty without a pool.
    pub fn unknown_users(&self) -> impl Iterator<Item = UserIx> + '_ {
        self.dirty.unknown.iter().copied()
    }

    /// The same to be told, sorted by subject; `None` where nothing of it changed since the last call.
    pub fn take_unknown(&mut self) -> Option<Vec<UnknownSubject>> {
        if !std::mem::take(&mut self.dirty.unknown_changed) {
            return None;
        }
        let WorldState { users, facts, .. } = &self.state;
        let told = |user: UserIx| UnknownSubject {
            subject: users.key(user).to_owned(),
            anew: facts.outdated_denials.get(&user).copied().unwrap_or_default(),
        };
        let mut unknown: Vec<UnknownSubject> = self.unknown_users().map(told).collect();
        unknown.sort_unstable();
        Some(unknown)
    }

    /// A user got an account, a place in a room or a flag: a denial of the pool is outdated until it has been asked again, also where
    /// the one before was. So are the first denials of somebody who is being asked for, of which the account store does not know yet.
    pub(super) fn outdate_denial(&mut self, user: UserIx) {
        let facts = &self.state.facts;
        let is_denied = match facts.accounts.get(user) {
            Account::Refused => true,
            Account::Unknown => self.dirty.unknown.contains(&user),
            Account::Active | Account::Disabled | Account::Deleted => false,
        };
        if !is_denied {
            return;
        }
        self.dirty.something();
        let revision = self.revision();
        self.state.facts.outdated_denials.insert(user, revision);
        self.dirty.unknown_changed |= self.dirty.unknown.contains(&user);
    }

    /// The pool's word on a user is new. Returns whether the one before was an outdated denial.
    pub(super) fn renew_word(&mut self, user: UserIx) -> bool {
        let was_outdated = self.state.facts.outdated_denials.remove(&user).is_some();
        self.dirty.unknown_changed |= was_outdated && self.dirty.unknown.contains(&user);
        was_outdated
    }

    /// Takes every denial for the pool's last word: for a plan that is only shown, by a process that asks the pool for nobody.
    pub fn trust_denials(&mut self) {
        let outdated: Vec<UserIx> = self.facts.outdated_denials.keys().copied().collect();
        for user in outdated {
            self.renew_word(user);
            self.mark_dirty(user);
        }
    }

    /// Looks at the world as a process sees it that trusts denials. `None` where none is outdated, and nothing looks otherwise.
    pub fn trusting_denials<T>(&mut self, look: impl FnOnce(&Self) -> T) -> Option<T> {
        if self.facts.outdated_denials.is_empty() {
            return None;
        }
        let outdated = std::mem::take(&mut self.state.facts.outdated_denials);
        let seen = look(self);
        self.state.facts.outdated_denials = outdated;
        Some(seen)
    }

    /// Something changed that is known of a user: they may be unknown now, or not any more.
    pub(super) fn note_unknown(&mut self, user: UserIx) {
        let unknown = &mut self.dirty.unknown;
        let changed = if self.state.is_unknown(user) { unknown.insert(user) } else { unknown.remove(&user) };
        self.dirty.unknown_changed |= changed;
    }

    /// The same where it changed for everybody.
    pub(super) fn note_all_unknown(&mut self) {
        let known = &self.state;
        let unknown: HashSet<UserIx> = known.users.iter().filter(|user| known.is_unknown(*user)).collect();
        self.dirty.unknown_changed |= unknown != self.dirty.unknown;
        self.dirty.unknown = unknown;
    }
}

impl WorldState {
    fn is_unknown(&self, user: UserIx) -> bool {
        self.is_named_unknown(user) || self.is_unknown_member(user)
    }

    /// Whether a source or a selector names a user that the pool has not confirmed. It is asked again and again where it denied
    /// them: they may confirm their sign-up any time.
    fn is_named_unknown(&self, user: UserIx) -> bool {
        self.facts.accounts_from == AccountsFrom::Pool
            && matches!(self.facts.account(user), Account::Unknown | Account::Refused)
            && !self.is_exempt(user)
            && self.is_named(user)
    }
}
