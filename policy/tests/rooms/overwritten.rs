//! What others set while we wrote: it is put back beside what the grants say.

use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::{Value, json};

use crate::given::*;
use crate::random::given;

/// One edit of somebody else's: a level of an act, of a named key, or of somebody exempt.
#[derive(Clone, Debug)]
enum Edit {
    Act(u8, i64),
    Exempt(i64),
    Ban(i64),
    Unknown(i64),
}

impl Edit {
    fn apply(&self, content: &mut Value) {
        match self {
            Self::Act(number, level) => content["events"][format!("org.example.{number}")] = json!(level),
            Self::Exempt(level) => content["users"][EXEMPT] = json!(level),
            Self::Ban(level) => content["ban"] = json!(level),
            Self::Unknown(level) => content["org.example.theirs"] = json!({"deep": level}),
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let level = || 1..49i64;
    prop_oneof![
        (0..3u8, level()).prop_map(|(number, level)| Edit::Act(number, level)),
        level().prop_map(Edit::Exempt),
        level().prop_map(Edit::Ban),
        level().prop_map(Edit::Unknown),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_a_write_of_ours_set_back_is_restored_with_the_next(given in given(), edits in proptest::collection::vec(edit(), 1..5)) {
        let mut world = given.world();
        let room = the_room(&world);
        let Some(made_from) = levels(&world) else { return Ok(()) };
        let first = plan(&world, &Recent::default());
        carry_out(&mut world, &first);
        let written = levels(&world).unwrap();
        if written == made_from || given.above_all(EXEMPT) {
            return Ok(());
        }
        let mut theirs = made_from.clone();
        edits.iter().for_each(|edit| edit.apply(&mut theirs));
        world.note_lost(room, &made_from, &theirs, &written);
        let second = plan(&world, &Recent::default());
        carry_out(&mut world, &second);
        let after = levels(&world).unwrap();
        let mut wanted = written;
        edits.iter().for_each(|edit| edit.apply(&mut wanted));
        prop_assert_eq!(&after, &wanted);
        let third = plan(&world, &Recent::default());
        prop_assert_eq!(of_the_room(&third).into_iter().filter(|action| action.is_due()).count(), 0);
    }
}
