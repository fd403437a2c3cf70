//! The part of a plan that the guard holds: its id, how many of what and where, and why.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::plan::{Class, Plan};
use crate::world::{RoomIx, World};

/// What waits for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldPart {
    /// By which it is approved: the same for the same changes, and for no others.
    pub id: String,
    pub counts: Vec<HeldCount>,
    /// Why, a line a room.
    pub reasons: Vec<String>,
}

/// How many of one class are held in one room, or on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldCount {
    pub class: &'static str,
    pub room: Option<String>,
    /// Places, levels, flags or accounts that would be taken.
    pub count: u32,
}

impl Plan {
    /// What the guard holds of it, where it holds anything.
    pub fn held_part(&self, world: &World) -> Option<HeldPart> {
        let id = self.held_id(world)?;
        let mut counts: BTreeMap<(Option<RoomIx>, Class), u32> = BTreeMap::new();
        let mut reasons: BTreeMap<Option<RoomIx>, BTreeSet<String>> = BTreeMap::new();
        for action in self.held() {
            let change = &action.change;
            *counts.entry((change.room(), change.class())).or_default() += change.takes();
            let why = action.held.map(|hold| hold.text(world));
            reasons.entry(change.room()).or_default().extend(why);
        }
        let key = |room: Option<RoomIx>| room.map(|room| room.key(world).to_owned());
        let counts =
            counts.into_iter().map(|((room, class), count)| HeldCount { class: class.key(), room: key(room), count });
        let reasons = reasons.into_iter().flat_map(|(room, texts)| {
            texts.into_iter().map(move |text| match key(room) {
                Some(room) => format!("{room}: {text}"),
                None => text,
            })
        });
        Some(HeldPart { id, counts: counts.collect(), reasons: reasons.collect() })
    }
}
