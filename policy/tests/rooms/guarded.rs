//! What the guard holds of a change of levels.

use proptest::prelude::*;
use provisioner_policy::*;

use crate::given::*;
use crate::random::given;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_held_lowers_nobody_and_is_exactly_what_is_left_when_it_is_approved(given in given()) {
        let mut open = given.world();
        let all = plan(&open, &Recent::default());
        carry_out(&mut open, &all);
        prop_assume!(!all.held().any(|action| action.change.kind() == Kind::SetPowerLevels));
        let none = GuardLimits { free_removals: 0, max_removals: 0, max_fraction: 0.0, window_seconds: 60 };
        let mut world = given.world_with(|policy| policy.guard = none);
        let before = levels(&world);
        let mut guarded = plan(&world, &Recent::default());
        let held = guarded.held().map(|action| action.change.takes()).sum::<u32>();
        prop_assert_eq!(held, all.actions.iter().map(|action| action.change.takes()).sum::<u32>());
        carry_out(&mut world, &guarded);
        let after = levels(&world);
        // What somebody has by the default alone is not theirs.
        for user in (0..11).map(mxid).filter(|user| given.has_own_level(before.as_ref(), user)) {
            prop_assert!(given.level(after.as_ref(), &user) >= given.level(before.as_ref(), &user));
        }
        guarded.actions.retain(|action| action.held.is_some());
        guarded.actions.iter_mut().for_each(|action| action.held = None);
        carry_out(&mut world, &guarded);
        prop_assert_eq!(levels(&world), levels(&open));
    }
}
