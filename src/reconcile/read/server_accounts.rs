//! The accounts of the server as Synapse lists them, and who of them is a server admin, taken over into the mirror.
//!
//! A listing goes on while things are done and single accounts are asked for (`accounts_listing`), so it may say what was before.
//! Each entry is what Synapse says of one account: a listing that is half taken over says nothing of those it did not come to, and
//! nobody counts as having no account before the first one has ended.

use std::collections::HashSet;

use provisioner_policy::{OnServer, UserIx, World};
use tracing::warn;

use crate::homeserver::{ServerAdminList, UserEntry, UserPage};

/// What a listing has said so far, and what is newer.
#[derive(Debug, Default)]
pub(crate) struct AccountsHeard {
    accounts: u64,
    unreadable: usize,
    has_bot: bool,
    /// Leaves that were known when it began, as far as they may be nobody's choice.
    leaves: HashSet<Box<str>>,
    /// Users who were changed or looked at since it began.
    newer: HashSet<UserIx>,
}

impl AccountsHeard {
    /// A listing that begins now.
    pub(crate) fn begin(world: &World) -> Self {
        Self { leaves: world.unchosen_leaves(), ..Self::default() }
    }

    /// What is known of the user is newer than what the listing may say.
    pub(crate) fn note_newer(&mut self, user: UserIx) {
        self.newer.insert(user);
    }

    pub(crate) fn take_page(&mut self, world: &mut World, page: &UserPage, bot: &str) {
        for entry in &page.users {
            if self.take(world, entry) {
                world.see_profile(&entry.name, entry.displayname.as_deref(), entry.avatar_url.as_deref());
            }
            self.has_bot |= entry.name == bot;
        }
        self.accounts += page.users.len() as u64;
        self.unreadable += page.unreadable;
    }

    /// The last page was taken over; there are `total` accounts.
    pub(crate) fn end(&self, world: &mut World, total: Option<u64>) {
        if self.unreadable > 0 {
            warn!(
                entries = self.unreadable,
                "some accounts in Synapse's listing could not be read and count as absent"
            );
        }
        if self.has_bot && total.is_none_or(|total| total <= self.accounts) {
            world.set_leavers_seen(&self.leaves, |user| !self.newer.contains(&user));
        } else {
            warn!(
                accounts = self.accounts,
                "Synapse's list of accounts is incomplete or lacks the bot: nobody counts as no admin for its sake"
            );
        }
        world.set_accounts_listed(true);
    }

    /// Takes over who is a server admin. From an answer that is not the whole truth only what is in it is taken: nobody
    /// counts as no admin because they were left out.
    pub(crate) fn take_admins(&self, world: &mut World, answer: &ServerAdminList) {
        for entry in &answer.users {
            self.take(world, entry);
        }
        if !answer.complete {
            warn!(
                admins = answer.users.len(),
                "Synapse's list of server admins is incomplete or lacks the bot: nobody counts as no admin for its sake"
            );
            return;
        }
        let listed: HashSet<UserIx> = answer.users.iter().filter_map(|entry| world.users.get(&entry.name)).collect();
        let is_no_longer = |user: &UserIx| !listed.contains(user) && !self.newer.contains(user);
        let no_longer: Vec<_> =
            world.mirror.accounts.iter().filter(|(user, there)| there.admin && is_no_longer(user)).collect();
        for (user, there) in no_longer {
            world.set_there(user, OnServer { admin: false, ..there });
        }
    }

    /// Takes over what is said of one account. False where something newer is known.
    fn take(&self, world: &mut World, entry: &UserEntry) -> bool {
        let is_older = || world.users.get(&entry.name).is_some_and(|user| self.newer.contains(&user));
        if !self.newer.is_empty() && is_older() {
            return false;
        }
        world.set_on_server(&entry.name, on_server(entry));
        true
    }
}

pub(crate) fn on_server(entry: &UserEntry) -> OnServer {
    OnServer { present: true, deactivated: entry.deactivated, locked: entry.locked, admin: entry.admin }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{Membership, RoomIx};

    use super::*;
    use crate::reconcile::pushes::tests::world;

    const BOT: &str = "@bot:a";

    fn entry(name: &str, locked: bool) -> UserEntry {
        UserEntry {
            name: name.to_owned(),
            displayname: None,
            avatar_url: None,
            admin: false,
            deactivated: false,
            locked,
            suspended: false,
            is_guest: false,
        }
    }

    fn page(users: Vec<UserEntry>) -> UserPage {
        UserPage { users, unreadable: 0, next: None, total: Some(3) }
    }

    fn is_chosen(world: &World, room: RoomIx, user: UserIx) -> bool {
        world.room(room).voluntary_leave(user).unwrap().chosen
    }

    #[test]
    fn what_was_done_meanwhile_is_not_undone_by_an_older_page() {
        let (mut world, _) = world();
        let user = world.intern("@u:a");
        let mut listed = AccountsHeard::begin(&world);
        world.set_there(user, OnServer { present: true, locked: true, ..OnServer::default() });
        listed.note_newer(user);
        listed.take_page(&mut world, &page(vec![entry("@u:a", false), entry("@v:a", true)]), BOT);
        let there = |name: &str| world.mirror.accounts.get(world.users.get(name).unwrap());
        assert!(there("@u:a").locked && there("@v:a").locked);
        let admins = ServerAdminList { users: vec![], complete: true };
        let admin = OnServer { present: true, admin: true, ..OnServer::default() };
        world.set_there(user, admin);
        listed.take_admins(&mut world, &admins);
        assert_eq!(world.mirror.accounts.get(user), admin);
        AccountsHeard::begin(&world).take_admins(&mut world, &admins);
        assert!(!world.mirror.accounts.get(user).admin, "by the next list");
    }

    #[test]
    fn a_listing_says_nothing_before_its_end() {
        let (mut world, _) = world();
        let mut listed = AccountsHeard::begin(&world);
        listed.take_page(&mut world, &page(vec![entry(BOT, false)]), BOT);
        assert!(!world.mirror.accounts_listed);
        listed.end(&mut world, Some(1));
        assert!(world.mirror.accounts_listed);
    }

    #[test]
    fn a_leave_is_chosen_where_the_whole_listing_is_newer_than_it() {
        let (mut world, room) = world();
        let users = ["@before:a", "@since:a", "@asked:a"];
        let leave = |world: &mut World, name: &str| {
            world.set_membership(room, name, Membership::Left, Some(&format!("$of{name}")));
        };
        [users[0], users[2]].into_iter().for_each(|name| leave(&mut world, name));
        let mut listed = AccountsHeard::begin(&world);
        leave(&mut world, users[1]);
        let [before, since, asked] = users.map(|name| world.intern(name));
        world.set_there(asked, OnServer { present: true, ..OnServer::default() });
        listed.note_newer(asked);
        listed.take_page(&mut world, &page(users.map(|name| entry(name, false)).into()), BOT);
        listed.end(&mut world, Some(3));
        assert!(!is_chosen(&world, room, before), "the list lacks the bot");
        listed.take_page(&mut world, &page(vec![entry(BOT, false)]), BOT);
        listed.end(&mut world, Some(4));
        assert_eq!([before, since, asked].map(|user| is_chosen(&world, room, user)), [true, false, false]);
    }
}
