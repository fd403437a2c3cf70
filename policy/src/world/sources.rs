//! What the sources say, taken into the world.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use crate::background::Belonged;
use crate::facts::Closed;
use crate::facts::{Account, AccountsFrom, Hiding, SourceState};
use crate::names::Names;
use crate::roster::RosterReading;
use crate::team_memberships::TeamMembership;
use crate::trouble::trouble_words;
use crate::user_set::UserSet;
use crate::users::UserIx;
use crate::world::{World, WorldState};

impl World {
    /// Says where accounts come from.
    pub fn set_accounts_from(&mut self, accounts_from: AccountsFrom) {
        self.dirty.something();
        self.state.facts.accounts_from = accounts_from;
        self.note_all_unknown();
        self.dirty.closed = self.state.facts.closed_by_us.keys().copied().collect();
    }

    /// Says how far the pool's listing can be believed.
    pub fn set_pool(&mut self, state: SourceState) {
        if self.state.facts.pool != state {
            self.dirty.something();
            self.state.facts.pool = state;
        }
    }

    /// Takes a whole reading of the roster.
    pub fn set_roster(&mut self, reading: RosterReading) {
        let mut named = UserSet::default();
        let mut places: Vec<TeamMembership> = Vec::new();
        for (mxid, belongings) in &reading.people {
            let WorldState { users, names, facts, .. } = &mut self.state;
            let lost = &mut self.lost;
            places.clear();
            places.extend(
                belongings
                    .iter()
                    .map(|one| (names.intern(&one.team), one.role.as_deref().map(|role| names.intern(role)))),
            );
            let user = users.intern(mxid);
            named.insert(user);
            for place in facts.teams.get(user).unwrap_or_default().iter().filter(|place| !places.contains(place)) {
                lost.note(user, || belonged(names, place));
            }
            if facts.teams.set(user, &places) {
                self.mark_dirty(user);
            }
        }
        self.note_gone(&named);
        for user in self.state.facts.teams.keep_only(&named) {
            self.mark_dirty(user);
        }
        let folded: HashSet<UserIx> = reading.folded.keys().map(|mxid| self.state.users.intern(mxid)).collect();
        let before = std::mem::replace(&mut self.state.facts.folded, folded.clone());
        for user in folded.symmetric_difference(&before) {
            self.mark_dirty(*user);
        }
        let WorldState { names, facts, .. } = &mut self.state;
        facts.hiding = Hiding::of(&reading.trouble, |team| names.intern(team));
        facts.roster_rows = reading.rows;
        facts.roster_notices = trouble_words(&reading.trouble);
        facts.roster_trouble = reading.trouble;
        facts.roster = SourceState::Good;
        self.drop_unused_names();
        self.dirty.something();
    }

    /// Notes what the roster said of users that it names no longer.
    fn note_gone(&mut self, named: &UserSet) {
        let WorldState { names, facts, .. } = &self.state;
        if named.len() == facts.teams.len() {
            return;
        }
        for user in facts.teams.people().filter(|user| !named.contains(*user)) {
            for place in facts.teams.get(user).unwrap_or_default() {
                self.lost.note(user, || belonged(names, place));
            }
        }
    }

    /// Says which teams had people and have nobody in the roster any more, each with the name that it may have now.
    pub fn set_emptied_teams(&mut self, teams: &BTreeMap<String, Option<String>>) {
        let names = &mut self.state.names;
        let teams = teams.iter().map(|(team, now)| (names.intern(team), now.as_ref().map(|now| names.intern(now))));
        let teams: HashMap<_, _> = teams.collect();
        if self.state.facts.emptied_teams != teams {
            self.dirty.something();
            self.state.facts.emptied_teams = teams;
        }
    }

    /// Notes that the roster could not be read. What was read before still stands.
    pub fn fail_roster(&mut self, reason: impl Into<String>) {
        self.set_roster_state(SourceState::Failing(reason.into()));
    }

    /// Says how far the roster can be believed. What was read before still stands.
    pub fn set_roster_state(&mut self, state: SourceState) {
        self.dirty.something();
        self.state.facts.roster = state;
    }

    /// Takes what the account store says of one account, and whether this service closed it on Synapse.
    pub fn set_account(&mut self, mxid: &str, account: Account, closed_by_us: Option<Closed>, folded: bool) {
        let user = self.intern(mxid);
        let was_outdated = self.renew_word(user);
        let facts = &mut self.state.facts;
        let before = facts.accounts.set(user, account);
        let was_folded = if folded { !facts.folded_accounts.insert(user) } else { facts.folded_accounts.remove(&user) };
        if was_outdated || (before, was_folded) != (account, folded) {
            self.mark_dirty(user);
        }
        self.set_closed(user, closed_by_us);
    }

    /// Notes whether this service closed an account on Synapse.
    pub fn set_closed(&mut self, user: UserIx, closed: Option<Closed>) {
        let by_us = &mut self.state.facts.closed_by_us;
        let before = match closed {
            Some(closed) => by_us.insert(user, closed),
            None => by_us.remove(&user),
        };
        if before != closed {
            self.mark_dirty(user);
        }
    }

    /// Notes whether the sessions of an account that this service locked may go on: they would come back with the account.
    pub fn set_sessions_remain(&mut self, user: UserIx, remain: bool) {
        let remaining = &mut self.state.facts.sessions_remain;
        let changed = if remain { remaining.insert(user) } else { remaining.remove(&user) };
        if changed {
            self.mark_dirty(user);
        }
    }

    /// Takes a group of the pool: its members as last read whole, and whether that still stands.
    pub fn set_group(&mut self, name: &str, state: SourceState, members: impl Iterator<Item = impl AsRef<str>>) {
        let group = self.state.names.intern(name);
        let members: HashSet<UserIx> = members.map(|mxid| self.state.users.intern(mxid.as_ref())).collect();
        let before = self.state.facts.groups.remove(&group).unwrap_or_default();
        for user in before.difference(&members) {
            self.lost.note(*user, || Belonged::Group(name.to_owned()));
        }
        let changed: Vec<UserIx> = members.symmetric_difference(&before).copied().collect();
        self.state.facts.groups.insert(group, members);
        changed.into_iter().for_each(|user| self.mark_dirty(user));
        self.set_group_state(name, state);
    }

    /// Says how far a group can be believed. Its members as last read whole still stand.
    pub fn set_group_state(&mut self, name: &str, state: SourceState) {
        let group = self.state.names.intern(name);
        if self.state.facts.group_states.get(&group) != Some(&state) {
            self.dirty.something();
            self.state.facts.group_states.insert(group, state);
        }
    }

    /// Something changed that is known of a user.
    pub(super) fn mark_dirty(&mut self, user: UserIx) {
        self.dirty.user(user);
        if self.state.facts.closed_by_us.contains_key(&user) {
            self.dirty.closed.insert(user);
        }
        self.note_unknown(user);
    }

    /// Accounts that this service closed and that are open again while their owner is active, among those dirty since the
    /// last call.
    pub fn take_reopened(&mut self) -> Vec<UserIx> {
        if !self.state.mirror.accounts_listed {
            return Vec::new();
        }
        let touched = std::mem::take(&mut self.dirty.closed);
        touched.into_iter().filter(|user| self.state.is_reopened(*user)).collect()
    }
}

fn belonged(names: &Names, (team, role): &TeamMembership) -> Belonged {
    Belonged::Team { team: names.text(*team).to_owned(), role: role.map(|role| names.text(role).to_owned()) }
}

impl WorldState {
    fn is_reopened(&self, user: UserIx) -> bool {
        let there = self.mirror.accounts.get(user);
        let open = there.present && !there.locked && !there.deactivated;
        open && self.facts.is_active(user) && self.facts.closed_by_us.contains_key(&user)
    }
}
