//! What others set between our read and our write, and our write does not have: it is named, and nothing else is.

use std::collections::BTreeSet;

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

    /// Its value in the content, and how it is called.
    fn value<'a>(&self, content: &'a Value) -> (&'a Value, String) {
        match self {
            Self::Act(number, _) => {
                let act = format!("org.example.{number}");
                (&content["events"][&act], format!("events.{act}"))
            }
            Self::Exempt(_) => (&content["users"][EXEMPT], format!("users.{EXEMPT}")),
            Self::Ban(_) => (&content["ban"], "ban".to_owned()),
            Self::Unknown(_) => (&content["org.example.theirs"]["deep"], "org.example.theirs.deep".to_owned()),
        }
    }
}

/// Older rooms have levels as texts: who writes the same one as a number has changed nothing.
fn level(value: &Value) -> Value {
    let number = value.as_str().and_then(|text| text.parse::<i64>().ok());
    number.map_or_else(|| value.clone(), Value::from)
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
    fn what_a_write_of_ours_lost_of_others_is_named(given in given(), edits in proptest::collection::vec(edit(), 1..5)) {
        let mut world = given.world();
        let room = the_room(&world);
        let Some(made_from) = levels(&world) else { return Ok(()) };
        let first = plan(&world, &Recent::default());
        carry_out(&mut world, &first);
        let written = levels(&world).unwrap();
        let mut theirs = made_from.clone();
        edits.iter().for_each(|edit| edit.apply(&mut theirs));
        let wanted: BTreeSet<String> = edits
            .iter()
            .filter(|edit| level(edit.value(&theirs).0) != level(edit.value(&made_from).0))
            .map(|edit| edit.value(&theirs).1)
            .collect();
        let lost = world.lost_edits(room, &made_from, &theirs, &written);
        prop_assert_eq!(lost.iter().map(LostEdit::name).collect::<BTreeSet<_>>(), wanted);
        prop_assert!(world.lost_edits(room, &made_from, &made_from, &written).is_empty());
    }
}
