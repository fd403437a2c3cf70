//! Over random histories.

use proptest::collection::vec;
use proptest::prelude::*;
use provisioner_policy::*;

use crate::happen::happen;
use crate::policies::{begin_with_people, policy};
use crate::steps::step;
use crate::values::accounts_from;

proptest! {
    // At least 50 steps a history: 10,000 and more in a run.
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_plan_is_the_same_whether_all_are_evaluated_or_only_those_who_changed(
        policy in policy(),
        from in accounts_from(),
        steps in vec((step(), proptest::bool::weighted(0.8), proptest::bool::weighted(0.05)), 50..80),
    ) {
        let mut world = begin_with_people(policy, from);
        let (mut planner, mut recent) = (Planner::default(), Recent::default());
        let mut told = None;
        for (step, looked_at, forgets) in steps {
            happen(&mut world, &mut recent, step.clone());
            if forgets {
                planner.forget();
            }
            if looked_at {
                let remembered = planner.plan(&mut world, &recent);
                prop_assert_eq!(&*remembered, &plan(&world, &recent), "after {:?}", step);
                let (number, words) = (planner.version(), remembered.view(&world));
                let before = told.replace((number, words.clone()));
                let same = before.is_none_or(|(before, told)| before != number || told == words);
                prop_assert!(same, "another plan or other words by the same number, after {:?}", step);
            }
        }
    }

    /// Whatever happened: what is kept beside the facts says what a search through them would say.
    #[test]
    fn what_is_kept_is_what_would_be_found(
        policy in policy(),
        from in accounts_from(),
        steps in vec(step(), 20..40),
    ) {
        let (mut world, mut recent) = (begin_with_people(policy, from), Recent::default());
        let mut reopened = std::collections::BTreeSet::new();
        for step in steps {
            happen(&mut world, &mut recent, step);
            let accounts = &world.mirror.accounts;
            let count = |has: fn(OnServer) -> bool| accounts.iter().filter(|(_, there)| has(*there)).count();
            prop_assert_eq!(accounts.present() as usize, count(|there| there.present));
            prop_assert_eq!(accounts.admins() as usize, count(|there| there.admin));
            reopened.extend(world.take_reopened());
            let open = |user: &UserIx| {
                let there = world.mirror.accounts.get(*user);
                there.present && !there.locked && !there.deactivated && world.facts.is_active(*user)
            };
            let found: Vec<UserIx> = world.facts.closed_by_us.keys().copied().filter(open).collect();
            prop_assert!(!world.mirror.accounts_listed || found.iter().all(|user| reopened.contains(user)));
            // An account that is open again after that is told again.
            reopened.retain(|user| found.contains(user));
        }
    }
}
