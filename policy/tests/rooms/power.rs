//! Power levels.

use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::Value;

use crate::given::*;
use crate::random::given;

/// Everybody that these rooms can name.
fn people() -> Vec<String> {
    (0..11).map(mxid).chain([BOT.to_owned(), FOUNDER.to_owned()]).collect()
}

impl Given {
    /// Whether a selector names this local user, worked out apart from the code under test.
    fn names(&self, selector: &Selector, number: u8) -> bool {
        let subject = format!("u{number}");
        let rows = || self.rows_of(number);
        match selector {
            Selector::Everyone => match &self.sources.pool {
                Some(_) => self.account(number) == Account::Active,
                None => rows().next().is_some(),
            },
            Selector::Team(team) => rows().any(|row| row.team.as_deref() == Some(team)),
            Selector::TeamRole { team, role } => {
                rows().any(|row| (row.team.as_deref(), row.role.as_deref()) == (Some(team), Some(role)))
            }
            Selector::Group(_) => self.sources.group.contains(&number),
            Selector::Subject(one) => *one == subject,
        }
    }

    /// Subjects are lower-cased on their way to an MXID.
    fn rows_of(&self, number: u8) -> impl Iterator<Item = &RosterRow> {
        let is = move |subject: &str| subject.eq_ignore_ascii_case(&format!("u{number}"));
        self.sources.rows.iter().filter(move |row| row.subject.as_deref().is_some_and(is))
    }

    fn account(&self, number: u8) -> Account {
        self.sources.pool.as_ref().and_then(|(_, accounts)| accounts.get(&number)).copied().unwrap_or_default()
    }

    /// Whether the pool's word alone decides about them.
    fn is_closed_by_pool(&self, number: u8) -> bool {
        number < 8 && self.account(number).is_closed()
    }

    fn pool_is_good(&self) -> bool {
        self.sources.pool.as_ref().is_some_and(|(listing, _)| *listing == Listing::Good)
    }

    fn is_folded(&self, number: u8) -> bool {
        let spelled = |subject: &str| self.sources.rows.iter().any(|row| row.subject.as_deref() == Some(subject));
        number == 3 && spelled("u3") && spelled("U3")
    }

    /// The highest level that the room's grants give somebody who has a place in it.
    fn granted(&self, number: u8) -> Option<i64> {
        let may = self.sources.pool.is_none() || self.account(number) == Account::Active;
        let joined = self.in_room.contains(&(number, Membership::Join));
        let belongs = || self.members.iter().any(|selector| self.names(selector, number));
        if number >= 8 || !may || !(joined || belongs()) {
            return None;
        }
        let matching = self.grants.iter().filter(|one| one.grant.iter().any(|selector| self.names(selector, number)));
        matching.map(|one| one.level).max()
    }

    /// Whether some source that the room's grants depend on is not known whole.
    fn grants_are_unsure(&self) -> bool {
        let needs = |wanted: fn(&Selector) -> bool| self.grants.iter().flat_map(|one| &one.grant).any(wanted);
        let pool = self.sources.pool.as_ref().map(|(listing, _)| *listing);
        let roster = needs(|one| matches!(one, Selector::Team(_) | Selector::TeamRole { .. }))
            || (pool.is_none() && needs(|one| *one == Selector::Everyone));
        let group = needs(|one| matches!(one, Selector::Group(_)));
        pool.is_some_and(|listing| listing != Listing::Good)
            || roster && (self.sources.roster != Listing::Good || self.sources.rows.is_empty())
            || group && (self.sources.group_listing != Listing::Good || self.sources.group.is_empty())
    }
}

/// Levels that are text are written as the numbers they are.
fn in_numbers(content: &Value) -> Value {
    match content {
        Value::Object(within) => within.iter().map(|(key, value)| (key.clone(), in_numbers(value))).collect(),
        Value::String(text) => text.trim().parse::<i64>().map_or_else(|_| content.clone(), Value::from),
        _ => content.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_plan_carried_out_leaves_nothing_and_a_room_that_is_right_gets_no_plan(given in given()) {
        let mut world = given.world();
        let first = plan(&world, &Recent::default());
        carry_out(&mut world, &first);
        let second = plan(&world, &Recent::default());
        let due: Vec<_> = of_the_room(&second).into_iter().filter(|action| action.is_due()).collect();
        prop_assert_eq!(due, Vec::<&Action>::new());
        // A process that starts now and reads what is there has nothing to do either.
        let mut read_again = given.clone();
        read_again.levels = levels(&world);
        read_again.state.clear();
        for setting in Setting::ALL {
            let content = world.room(the_room(&world)).content(setting.event().0);
            read_again.state.extend(content.map(|content| (setting, content.clone())));
        }
        let world = read_again.world();
        let third = plan(&world, &Recent::default());
        prop_assert_eq!(of_the_room(&third).into_iter().filter(|action| action.is_due()).count(), 0);
    }

    #[test]
    fn one_event_at_most_is_planned_and_who_learnt_what_first_does_not_matter(given in given()) {
        let mut reversed = given.clone();
        reversed.sources.rows.reverse();
        reversed.in_room.reverse();
        reversed.state.reverse();
        reversed.sources.group.reverse();
        let (one, other) = (given.world(), reversed.world());
        let (first, second) = (plan(&one, &Recent::default()), plan(&other, &Recent::default()));
        prop_assert_eq!(first.view(&one), second.view(&other));
        prop_assert!(first.due().filter(|action| action.change.kind() == Kind::SetPowerLevels).count() <= 1);
        let mut settings: Vec<Setting> = first.due().filter_map(|action| match &action.change {
            Change::SetRoomState { setting, .. } => Some(*setting),
            _ => None,
        }).collect();
        let all = settings.len();
        settings.dedup();
        prop_assert_eq!(settings.len(), all);
    }

    #[test]
    fn everybody_gets_what_the_grants_say_or_the_plan_says_why_not(given in given()) {
        let mut world = given.world();
        let plan = plan(&world, &Recent::default());
        carry_out(&mut world, &plan);
        let after = levels(&world);
        let bot_is_blocked = plan.blocked.iter().any(|one| one.kind == Kind::SetPowerLevels && one.user == world.bot());
        let held = plan.held().any(|action| action.change.kind() == Kind::SetPowerLevels);
        for number in (1..11).filter(|number| !given.is_folded(*number) && !given.above_all(&mxid(*number))) {
            let user = mxid(number);
            let default = given.level(after.as_ref(), "@nobody:phenom.test");
            let has = given.level(after.as_ref(), &user);
            let right = match given.granted(number) {
                Some(level) => has == level,
                // Less than the default is a moderator's silencing, and theirs.
                None => has <= default,
            };
            let blocked = || {
                let user = world.users.get(&user);
                plan.blocked.iter().any(|one| one.kind == Kind::SetPowerLevels && Some(one.user) == user)
            };
            prop_assert!(
                right || given.grants.is_empty() || bot_is_blocked || held || blocked(),
                "{user} has {has}, should {:?}", given.granted(number)
            );
        }
        let default = given.level(after.as_ref(), "@nobody:phenom.test");
        prop_assert!(default <= 0 || given.grants.is_empty() || bot_is_blocked, "everybody has {default}");
        for (of, wanted) in &given.room_levels {
            let stands = world.room(the_room(&world)).levels().ok().and_then(|levels| levels.of_room(of));
            prop_assert!(stands == Some(*wanted) || bot_is_blocked, "{} is {stands:?}, not {wanted}", of.name());
        }
    }

    #[test]
    fn what_is_none_of_the_policys_business_stays(given in given()) {
        let mut world = given.world();
        let before = levels(&world);
        let plan = plan(&world, &Recent::default());
        let edited: Vec<String> = plan.due().filter_map(|action| match &action.change {
            Change::SetPowerLevels { edits, .. } => Some(edits.iter().filter_map(PowerEdit::user).map(|user| world.users.mxid(user))),
            _ => None,
        }).flatten().collect();
        carry_out(&mut world, &plan);
        let after = levels(&world);
        if given.grants.is_empty() && given.room_levels.is_empty() {
            prop_assert_eq!(&before, &after);
        }
        let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
        let rest = |content: &Value| {
            let mut rest = in_numbers(content);
            let users = rest.as_object_mut().and_then(|content| content.remove("users"));
            if !given.grants.is_empty() && given.level(Some(&before), "@nobody:phenom.test") > 0 {
                rest.as_object_mut().map(|content| content.remove("users_default"));
            }
            // As if each of the room's own were wanted already.
            given.room_levels.iter().for_each(|(of, _)| rest.as_object_mut().map_or((), |content| of.set(content, 0)));
            let mut users = users.and_then(|users| users.as_object().cloned()).unwrap_or_default();
            users.retain(|user, _| !edited.contains(user));
            (rest, users)
        };
        prop_assert_eq!(rest(&before), rest(&after));
        prop_assert!(!edited.contains(&EXEMPT.to_owned()) && !edited.contains(&BOT.to_owned()));
        prop_assert_eq!(in_numbers(&before["users"]).get(EXEMPT).cloned(), in_numbers(&after["users"]).get(EXEMPT).cloned());
    }

    #[test]
    fn the_bot_keeps_its_level_and_all_that_it_may_do(given in given()) {
        let mut world = given.world();
        let before = levels(&world);
        carry_out(&mut world, &plan(&given.world(), &Recent::default()));
        let after = levels(&world);
        prop_assert!(given.level(after.as_ref(), BOT) >= given.level(before.as_ref(), BOT));
        let (could, can) = (given.bot_can(before.as_ref()), given.bot_can(after.as_ref()));
        prop_assert!(could.iter().all(|act| can.contains(act)), "{could:?} became {can:?}");
    }

    #[test]
    fn nobody_at_or_above_the_bot_is_changed_nor_anybody_set_there(given in given()) {
        let mut world = given.world();
        let before = levels(&world);
        let plan = plan(&world, &Recent::default());
        carry_out(&mut world, &plan);
        let (after, bot) = (levels(&world), given.level(before.as_ref(), BOT));
        for user in people().iter().filter(|user| *user != BOT && given.has_own_level(before.as_ref(), user)) {
            let (had, has) = (given.level(before.as_ref(), user), given.level(after.as_ref(), user));
            prop_assert!(had == has || (had < bot && has < bot), "{user} from {had} to {has}, the bot has {bot}");
            // Who is out of reach is named with the mend, where they should have less.
            let number = (1..11).find(|number| mxid(*number) == **user);
            let Some(number) = number.filter(|number| !given.is_folded(*number)) else { continue };
            let default = given.level(before.as_ref(), "@nobody:phenom.test");
            let should = given.granted(number).unwrap_or(default.min(had));
            if had >= bot && should < had && !given.above_all(user) && !given.grants.is_empty() {
                let user = world.users.get(user);
                let named = plan.blocked.iter().any(|one| one.kind == Kind::SetPowerLevels && Some(one.user) == user);
                prop_assert!(named, "{user:?} has {had}, should have {should}, and nobody is told");
            }
        }
    }

    #[test]
    fn creators_that_stand_above_all_levels_are_never_listed(given in given()) {
        let mut world = given.world();
        let plan = plan(&world, &Recent::default());
        carry_out(&mut world, &plan);
        let after = levels(&world).unwrap_or_default();
        for creator in given.creators.iter().filter(|creator| given.above_all(creator)) {
            prop_assert_eq!(after["users"].get(creator), None);
            let told = plan.blocked.iter().filter(|one| one.kind == Kind::SetPowerLevels && one.user != world.bot());
            prop_assert!(told.filter(|one| world.users.mxid(one.user) == *creator).count() == 0, "nor complained of");
        }
    }

    #[test]
    fn nobody_is_lowered_on_poor_knowledge(given in given()) {
        let mut world = given.world();
        let before = levels(&world);
        carry_out(&mut world, &plan(&given.world(), &Recent::default()));
        let after = levels(&world);
        for (user, number) in (0..11).map(|number| (mxid(number), number)) {
            let (had, has) = (given.level(before.as_ref(), &user), given.level(after.as_ref(), &user));
            if has < had && !given.has_own_level(before.as_ref(), &user) {
                prop_assert!(!given.grants_are_unsure(), "{user} from {had} to {has} by the default");
            } else if has < had {
                let sure = if given.is_closed_by_pool(number) { given.pool_is_good() } else { !given.grants_are_unsure() };
                prop_assert!(sure, "{user} from {had} to {has}");
                prop_assert!(!given.is_folded(number));
                let asked = given.sources.pool.is_none() || number >= 8 || given.account(number) != Account::Unknown;
                let named = given.names(&Selector::Subject("u1".into()), number)
                    && given.grants.iter().flat_map(|one| &one.grant).chain(&given.members).any(|one| given.names(one, number))
                    || given.sources.group.contains(&number)
                    || given.rows_of(number).next().is_some();
                prop_assert!(asked || !named, "{user} was lowered before the pool was asked about them");
            }
        }
    }

    #[test]
    fn observing_counts_exactly_what_enforcing_would_do(given in given()) {
        let (enforced, observed) = (given.world(), given.world_with(|policy| policy.modes = Modes::default()));
        let changes = |world: &World| -> Vec<(Change, Option<HoldReason>)> {
            let plan = plan(world, &Recent::default());
            of_the_room(&plan).into_iter().map(|action| (action.change.clone(), action.held)).collect()
        };
        prop_assert_eq!(changes(&enforced), changes(&observed));
    }
}
