//! Who plays: made-up people with fixed subjects, where they begin, and where they should end up.

use std::collections::BTreeSet;

use super::rooms::Room::{self, Analysts, Experiencers, Red, Staff};

/// The localpart of the integration that `guard.exempt` names.
pub(crate) const EXEMPT: &str = "phenom-mcp";

/// Comes into the user pool only once the rooms are filled, and is new to Synapse.
pub(crate) const LATECOMER: &str = "Kim";

/// Who is not in the user pool: an outsider, and the id of a former pool.
const NOT_IN_POOL: [&str; 2] = ["Mallory", "Pia"];

/// Somebody in the demo.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) name: &'static str,
    /// The localpart of the Matrix id: the subject, but for the exempt integration.
    pub(crate) sub: &'static str,
    /// Rows of `team_members` at the beginning: team and role.
    pub(crate) rows: &'static [(&'static str, &'static str)],
    /// The rooms they should be in once the dozen changes are carried out.
    pub(crate) rooms: &'static [Room],
}

/// In the order of the tables.
pub(crate) const CAST: [Actor; 18] = [
    actor("Ada", "1f3c52a8-0a4e-4c58-9d0b-5a1f6f0c7a01", &[("staff", "lead")], &[Red, Staff, Analysts]),
    actor("Ben", "2b90c4de-11f7-4b6a-8c22-7d3e9a1b0c02", &[("staff", "member")], &[Red]),
    actor("Cleo", "3c07e9f1-22a8-4d7b-9e33-8e4fab2c1d03", &[("staff", "member")], &[Red, Staff, Analysts]),
    actor("Dan", "4d18fa02-33b9-4e8c-8f44-9f50bc3d2e04", &[("analysts", "lead")], &[Red, Analysts]),
    actor("Eve", "5e290b13-44ca-4f9d-9055-a061cd4e3f05", &[("analysts", "member")], &[Red, Analysts]),
    actor("Finn", "6f3a1c24-55db-40ae-8166-b172de5f4006", &[("analysts", "member")], &[Red, Experiencers]),
    actor("Gil", "704b2d35-66ec-41bf-9277-c283ef605107", &[("experiencers", "member")], &[Red, Analysts, Experiencers]),
    actor("Hana", "815c3e46-77fd-42c0-8388-d394f0716208", &[("experiencers", "lead")], &[Red, Experiencers]),
    actor("Ivo", "926d4f57-880e-43d1-9499-e4a501827309", &[("experiencers", "member")], &[Red]),
    actor(
        "Juno",
        "a37e5068-991f-44e2-85aa-f5b61293840a",
        &[("analysts", "member"), ("experiencers", "member")],
        &[Red, Analysts, Experiencers],
    ),
    actor("Nils", "b48f6179-aa20-45f3-96bb-06c723a4950b", &[("experiencers", "member")], &[Red, Experiencers]),
    actor(LATECOMER, "c590728a-bb31-4604-87cc-17d834b5a60c", &[], &[Red, Analysts]),
    actor("Leo", "d6a1839b-cc42-4715-98dd-28e945c6b70d", &[], &[Red, Experiencers]),
    actor("Mallory", "e7b294ac-dd53-4826-89ee-39fa56d7c80e", &[], &[]),
    actor("Pia", "f8c3a5bd-ee64-4937-9aff-4a0b67e8d90f", &[], &[]),
    actor("Rosa", "09d4b6ce-ff75-4a48-8b00-5b1c78f9ea10", &[], &[Red]),
    actor("Sven", "1ae5c7df-0086-4b59-9c11-6c2d890afb11", &[], &[Red]),
    actor(EXEMPT, EXEMPT, &[], &[Staff, Experiencers]),
];

const fn actor(
    name: &'static str,
    sub: &'static str,
    rows: &'static [(&'static str, &'static str)],
    rooms: &'static [Room],
) -> Actor {
    Actor { name, sub, rows, rooms }
}

impl Actor {
    /// How they stand in tables: `Ada (1f3c…)`.
    pub(crate) fn label(&self) -> String {
        if self.is_exempt() { self.name.to_owned() } else { format!("{} ({}…)", self.name, &self.sub[..4]) }
    }

    pub(crate) fn is_exempt(&self) -> bool {
        self.sub == EXEMPT
    }

    pub(crate) fn is_in_pool(&self) -> bool {
        !self.is_exempt() && !NOT_IN_POOL.contains(&self.name)
    }

    pub(crate) fn should_be_in(&self) -> BTreeSet<Room> {
        self.rooms.iter().copied().collect()
    }
}

/// The actor of this name.
///
/// # Panics
/// When nobody is called that; names are written in this crate only.
pub(crate) fn by_name(name: &str) -> &'static Actor {
    CAST.iter().find(|actor| actor.name == name).expect("the cast has everybody the play names")
}
