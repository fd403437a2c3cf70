//! The part of a plan that the guard holds: its id, how many of what and where, and why.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::BuildHasher;

use serde::{Deserialize, Serialize};

use crate::plan::digest::digest_of;
use crate::plan::{Class, Digest, HoldReason, Plan};
use crate::policy::RoomIx;
use crate::recent::Recent;
use crate::world::World;

/// What waits for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldPart {
    /// By which it is approved: the same for the same changes from the same state, and for no others. 32 hex digits, of
    /// which people are shown the first eight.
    pub id: String,
    /// What it takes, part by part.
    #[serde(skip)]
    pub parts: Vec<Digest>,
    pub counts: Vec<HeldCount>,
    /// Why, a line a room.
    pub reasons: Vec<String>,
}

/// How many of one class are held in one room, or on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldCount {
    /// As in `[modes]`.
    pub class: String,
    pub room: Option<String>,
    /// Places, levels, flags or accounts that would be taken.
    pub count: u32,
    /// Of how many, where that is why.
    pub of: Option<u32>,
}

impl Recent {
    /// Takes over what a share was of when it was first held.
    pub fn remember(&mut self, world: &World, held: &[HeldCount]) {
        for one in held {
            let class = one.class.parse::<Class>().ok();
            // A room that is no longer managed has no share.
            let room = one.room.as_deref().map(|key| world.room_by_key(key));
            if let (Some(class), Some(of)) = (class, one.of)
                && room != Some(None)
            {
                self.of.insert((class, room.flatten()), of);
            }
        }
    }
}

impl Plan {
    /// What the guard holds of it, where it holds anything.
    pub fn held_part(&self, world: &World) -> Option<HeldPart> {
        let parts = self.held_digests(world);
        let id = id_of(&parts)?;
        let mut counts: BTreeMap<(Option<RoomIx>, Class), (u32, Option<u32>)> = BTreeMap::new();
        for action in self.held() {
            let change = &action.change;
            let (count, of) = counts.entry((change.room(), change.class())).or_default();
            *count += change.takes();
            if let Some(HoldReason::Fraction { of: members, .. }) = action.held {
                *of = Some(members);
            }
        }
        let key = |room: Option<RoomIx>| room.map(|room| room.key(world).to_owned());
        let counts = counts.into_iter().map(|((room, class), (count, of))| HeldCount {
            class: class.key().to_owned(),
            room: key(room),
            count,
            of,
        });
        let reasons = self.held_reasons(world).into_iter().flat_map(|(room, texts)| {
            texts.into_iter().map(move |text| match key(room) {
                Some(room) => format!("{room}: {text}"),
                None => text,
            })
        });
        Some(HeldPart { id, parts, counts: counts.collect(), reasons: reasons.collect() })
    }

    /// Why the guard holds what it holds, room by room.
    pub fn held_reasons(&self, world: &World) -> BTreeMap<Option<RoomIx>, BTreeSet<String>> {
        let holds: BTreeMap<Option<RoomIx>, HashSet<HoldReason>> =
            self.held().fold(BTreeMap::new(), |mut holds, action| {
                holds.entry(action.change.room()).or_default().extend(action.held);
                holds
            });
        let words = |holds: HashSet<HoldReason>| holds.into_iter().map(|hold| hold.text(world)).collect();
        holds.into_iter().map(|(room, holds)| (room, words(holds))).collect()
    }

    /// The id of the part that the guard holds, by which it is approved; nothing where nothing is held.
    pub fn held_id(&self, world: &World) -> Option<String> {
        id_of(&self.held_digests(world))
    }

    /// Whether any of the parts that were shown is held.
    pub fn holds_any(&self, world: &World, shown: &HashSet<Digest, impl BuildHasher>) -> bool {
        let parts = || self.held().flat_map(|action| action.change.parts());
        !shown.is_empty() && parts().any(|part| shown.contains(&part.exact_digest(world)))
    }

    /// Names each part that is held, together with what is there before.
    fn held_digests(&self, world: &World) -> Vec<Digest> {
        self.held().flat_map(|action| action.change.parts()).map(|part| part.exact_digest(world)).collect()
    }
}

fn id_of(parts: &[Digest]) -> Option<String> {
    (!parts.is_empty()).then(|| hex::encode(digest_of(parts)))
}

/// What people read and type of the id of a held plan.
pub fn short_id(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
