//! Fights: what somebody keeps undoing is not done again for a while, and the plan says who that is.

use crate::plan::{Action, Change, ChangeKey, Kind, Plan, PowerEdit};
use crate::setting::Setting;
use crate::view::BlockedView;
use crate::world::{RoomIx, World};

/// A change that was done, and undone by somebody else, too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fight {
    /// How often it was done, and undone, within the window.
    pub times: u32,
    pub window_minutes: u64,
    /// Who undid it, where that is known.
    pub by: Option<String>,
    /// When it is tried again, for people to read.
    pub again_at: String,
}

impl Fight {
    /// The fight as a clause that reads alone.
    pub fn text(&self) -> String {
        let Self { times, window_minutes, by, again_at } = self;
        let by = by.as_deref().unwrap_or("somebody");
        format!(
            "undone {times} times in {window_minutes} minutes by {by}; ask them why, or take their power to do it; it is tried \
             again at {again_at}"
        )
    }
}

impl World {
    /// The fight about a change, where there is one. Of several levels in one event each is counted by itself.
    pub fn fight(&self, change: &Change) -> Option<&Fight> {
        if self.fights.is_empty() {
            return None;
        }
        change.counted().into_iter().find_map(|key| self.fights.get(&key))
    }

    pub(crate) fn level_fight(&self, room: RoomIx, edit: PowerEdit) -> Option<&Fight> {
        self.fights.get(&ChangeKey::of_level(room, edit.user, edit.after))
    }

    /// Which setting a change of a room sets, where it sets one that the policy wants.
    pub fn setting_of(&self, key: &ChangeKey) -> Option<Setting> {
        let room = key.room.filter(|_| key.kind == Kind::SetRoomState)?;
        let settings = &self.policy.rooms[room.index()].settings;
        Setting::ALL.into_iter().find(|setting| {
            let set =
                |after: &str| Change::SetRoomState { room, setting: *setting, before: None, after: after.to_owned() };
            setting.wanted(settings).is_some_and(|after| set(after).key() == *key)
        })
    }

    /// Whom or what of its room a change is about, in a word.
    pub fn subject_of(&self, key: &ChangeKey) -> Option<String> {
        let setting = || self.setting_of(key).map(|setting| setting.key().to_owned());
        key.user.map(|user| self.users.mxid(user)).or_else(setting)
    }
}

impl Change {
    /// What is counted when somebody undoes it: the change, or each level in it, beside which others come and go.
    pub fn counted(&self) -> Vec<ChangeKey> {
        match self {
            Self::SetPowerLevels { room, edits, .. } => {
                edits.iter().map(|edit| ChangeKey::of_level(*room, edit.user, edit.after)).collect()
            }
            change => vec![change.key()],
        }
    }

    /// A change of levels without what `keep` refuses, and the levels it refuses, each as a change of its own. Any other
    /// change is kept or refused as it is.
    pub fn part(self, keep: impl Fn(&ChangeKey) -> bool) -> (Option<Self>, Vec<Self>) {
        let Self::SetPowerLevels { room, edits } = self else {
            return if keep(&self.key()) { (Some(self), vec![]) } else { (None, vec![self]) };
        };
        let with = |edits: Vec<PowerEdit>| Self::SetPowerLevels { room, edits: edits.into() };
        let (kept, refused): (Vec<PowerEdit>, Vec<PowerEdit>) =
            edits.into_iter().partition(|edit| keep(&ChangeKey::of_level(room, edit.user, edit.after)));
        let refused = refused.into_iter().map(|edit| with(vec![edit])).collect();
        ((!kept.is_empty()).then(|| with(kept)), refused)
    }
}

/// Takes what somebody keeps undoing out of what is done, into [`Plan::fought_over`].
pub(crate) fn withdraw(world: &World, plan: &mut Plan) {
    if world.fights.is_empty() {
        return;
    }
    for action in std::mem::take(&mut plan.actions) {
        let Action { mode, held, because, .. } = action;
        let (kept, undone) = action.change.part(|key| !world.fights.contains_key(key));
        let again = |change| Action { change, mode, held, because };
        plan.actions.extend(kept.map(again));
        plan.fought_over.extend(undone.into_iter().map(again));
    }
}

impl Plan {
    /// What somebody keeps undoing, in words. A setting of the room is blocked for the bot.
    pub(crate) fn fought_over_views(&self, world: &World) -> impl Iterator<Item = BlockedView> {
        self.fought_over.iter().map(|Action { change, .. }| {
            let key = change.counted().into_iter().next().unwrap_or_else(|| change.key());
            let setting = world.setting_of(&key).map(|setting| format!("{}: ", setting.key())).unwrap_or_default();
            let why = world.fight(change).map(Fight::text).unwrap_or_default();
            BlockedView {
                kind: change.kind(),
                room: change.room().map(|room| room.key(world).to_owned()),
                user: world.users.mxid(key.user.unwrap_or_else(|| world.bot())),
                because: format!("{setting}{why}"),
            }
        })
    }
}
