//! Unknown users over random histories: who is kept, what is told of them, and what is taken from them.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use provisioner_policy::*;

use crate::happen::happen;
use crate::policies::{begin_with_people, policy};
use crate::steps::{Step, step};
use crate::values::accounts_from;
use crate::{SERVER, mxid};

/// A place in a room, an account, or the flag of server admins.
type Held = (UserIx, usize, &'static str);

/// What everybody has.
fn held(world: &World) -> BTreeSet<Held> {
    let places = world.rooms().flat_map(|room| {
        let inside = world.room(room).members().filter(|(_, is)| is_inside(*is));
        inside.map(move |(user, is)| (user, room.index(), is.as_str()))
    });
    let accounts = world.mirror.accounts.iter().flat_map(|(user, there)| {
        let has = [(there.present, "account"), (there.admin, "flag")];
        has.into_iter().filter(|(has, _)| *has).map(move |(_, what)| (user, 0, what))
    });
    places.chain(accounts).collect()
}

fn is_inside(membership: Membership) -> bool {
    matches!(membership, Membership::Join | Membership::Invite)
}

/// The MXIDs that selectors name alone.
fn selected(policy: &Policy) -> BTreeSet<String> {
    let rooms = policy.rooms.iter();
    let of_rooms = rooms.flat_map(|room| room.members.iter().chain(room.power.iter().flat_map(|power| &power.grant)));
    let subjects = of_rooms.chain(&policy.server_admins).filter_map(|selector| match selector {
        Selector::Subject(subject) => Some(format!("@{subject}:{SERVER}")),
        _ => None,
    });
    subjects.collect()
}

/// What a search finds.
struct Searched<'a> {
    world: &'a World,
    selected: &'a BTreeSet<String>,
    /// Users that got something since the account store last spoke of them.
    outdated: &'a BTreeSet<UserIx>,
}

impl Searched<'_> {
    fn account(&self, user: UserIx) -> Account {
        self.world.facts.accounts.get(user)
    }

    fn is_outdated(&self, user: UserIx) -> bool {
        self.outdated.contains(&user)
    }

    /// Whether somebody is in a room that would remove them, and the pool was not asked about them since.
    fn waits(&self, user: UserIx) -> bool {
        let is_in = |room: RoomIx| is_inside(self.world.room(room).membership(user));
        self.world.facts.accounts_from == AccountsFrom::Pool
            && match self.account(user) {
                Account::Unknown => true,
                Account::Refused => self.is_outdated(user),
                Account::Active | Account::Disabled | Account::Deleted => false,
            }
            && self.world.users.is_local(user)
            && self.world.mirror.accounts.get(user).present
            && self.world.rooms().any(|room| self.world.removes_unlisted(room) && is_in(room))
    }

    fn is_named_unknown(&self, user: UserIx) -> bool {
        let facts = &self.world.facts;
        facts.accounts_from == AccountsFrom::Pool
            && matches!(self.account(user), Account::Unknown | Account::Refused)
            && (facts.teams.contains(user)
                || facts.groups.values().any(|group| group.contains(&user))
                || self.selected.contains(&self.world.users.mxid(user)))
    }

    /// Who is to be asked for, and whether what the pool denied is outdated.
    fn unknown(&self) -> BTreeSet<UserIx> {
        let unknown =
            |user: &UserIx| !self.world.is_exempt(*user) && (self.is_named_unknown(*user) || self.waits(*user));
        self.world.users.iter().filter(unknown).collect()
    }

    /// The same as it is told.
    fn told(&self) -> BTreeSet<(String, bool)> {
        let told = |user: UserIx| (self.world.users.key(user).to_owned(), self.is_outdated(user));
        self.unknown().into_iter().map(told).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happened: those are told that a search would find, only where that changed; and none of them is removed before the
    /// pool has been asked.
    #[test]
    fn who_is_told_is_who_would_be_found_and_none_of_them_is_removed(
        policy in policy(),
        from in accounts_from(),
        steps in vec(step(), 30..60),
    ) {
        let selected = selected(&policy);
        let (mut world, mut recent) = (begin_with_people(policy, from), Recent::default());
        let mut told = world.take_unknown().unwrap_or_default();
        // People who came in while they were asked for.
        let at_first = told.iter().filter(|one| one.anew > 0).map(|one| world.intern(&format!("@{}:{SERVER}", one.subject)));
        let mut outdated: BTreeSet<UserIx> = at_first.collect();
        for step in steps {
            let before = held(&world);
            let asked = Searched { world: &world, selected: &selected, outdated: &outdated }.unknown();
            happen(&mut world, &mut recent, step.clone());
            if let Step::Account(user, ..) = step {
                outdated.remove(&world.intern(&mxid(user)));
            }
            let after = held(&world);
            let more: BTreeSet<UserIx> = after.difference(&before).map(|(user, ..)| *user).collect();
            // Somebody who is asked for may have been denied already, and the account store does not say so yet.
            outdated.extend(more.iter().copied().filter(|user| match world.facts.accounts.get(*user) {
                Account::Refused => true,
                Account::Unknown => asked.contains(user),
                Account::Active | Account::Disabled | Account::Deleted => false,
            }));

            if let Some(unknown) = world.take_unknown() {
                prop_assert_ne!(&unknown, &told, "nothing of it changed, after {:?}", step);
                // A reading of a room is many steps: who got something in one of them is asked for in the next.
                let during = unknown.iter().filter(|one| one.anew > 0);
                let during = during.map(|one| world.intern(&format!("@{}:{SERVER}", one.subject)));
                outdated.extend(during.filter(|user| more.contains(user)));
                told = unknown;
            }
            let searched = Searched { world: &world, selected: &selected, outdated: &outdated };
            let told_so: BTreeSet<(String, bool)> =
                told.iter().map(|one| (one.subject.clone(), one.anew > 0)).collect();
            prop_assert_eq!(told_so, searched.told(), "after {:?}", step);
            let plan = plan(&world, &recent);
            for action in plan.actions.iter().filter(|action| action.change.kind() == Kind::Remove) {
                let user = action.change.user().expect("a removal names somebody");
                prop_assert!(!searched.waits(user), "{} goes, after {:?}", world.users.mxid(user), step);
            }
        }
    }
}
