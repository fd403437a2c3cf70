//! Settings.

use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::{Value, json};

use crate::given::*;
use crate::random::given;

/// The first room version that knows the join rule, by the specification.
fn known_from(setting: Setting, value: &str) -> u32 {
    match value {
        "knock" if setting == Setting::JoinRule => 7,
        "restricted" => 8,
        "knock_restricted" => 10,
        _ => 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_setting_that_is_given_becomes_so_or_the_plan_says_why_not(given in given()) {
        let mut world = given.world();
        let room = the_room(&world);
        let before: Vec<Option<Value>> =
            Setting::ALL.iter().map(|setting| world.room(room).content(setting.event().0).cloned()).collect();
        let plan = plan(&world, &Recent::default());
        carry_out(&mut world, &plan);
        for (setting, before) in Setting::ALL.into_iter().zip(before) {
            let (event_type, key) = setting.event();
            let now = world.room(room).content(event_type);
            let Some(wanted) = setting.wanted(&given.settings) else {
                prop_assert_eq!(now, before.as_ref(), "{:?} is nobody's business", setting);
                continue;
            };
            let value = now.map(|content| &content[key]).filter(|value| !value.is_null());
            let empty_topic = setting == Setting::Topic && wanted.is_empty() && value.is_none();
            let (content, version) = (given.levels.as_ref(), given.version.parse::<u32>().unwrap());
            let may = given.level(content, BOT) >= given.needed(content, event_type);
            let knows = version >= known_from(setting, wanted);
            if value == Some(&json!(wanted)) || empty_topic {
                prop_assert!(now == before.as_ref() || may && knows, "{:?} is sent all the same", setting);
                let kept = |content: Option<&Value>| content.and_then(|content| content.get("org.example.kept")).cloned();
                prop_assert_eq!(kept(now), kept(before.as_ref()));
                continue;
            }
            prop_assert_eq!(now, before.as_ref());
            prop_assert!(!may || !knows, "{:?} is {:?} and could be {:?}", setting, value, wanted);
            let told = plan.blocked.iter().any(|one| match one.because {
                Because::Obstacle(Obstacle::RoomTooOld { setting: its, .. }) => !knows && its == setting,
                Because::Obstacle(Obstacle::BotLacks { event_type: its, .. }) => !may && its == event_type,
                _ => false,
            });
            prop_assert!(told, "{:?}: {:?}", setting, plan.view(&world).blocked);
        }
    }
}
