//! What lines of the ledger count for.

use provisioner_policy::{ActsOn, ChangeKey, Closed, Kind, PowerEdit, RoomIx, Setting, Subject, World};
use serde_json::Value;

use crate::store::RecentAction;

/// One change, or one level of it.
pub(super) struct RecordedPart {
    pub(super) key: ChangeKey,
    /// Whether it took power that policy gives to nobody.
    pub(super) lasts: bool,
}

/// What a line counts for; nothing where it is of a room that is not managed, or of a kind that nobody knows. A line about a
/// room itself names what it set, and no user.
pub(super) fn parts(world: &mut World, line: &RecentAction) -> Vec<RecordedPart> {
    let RecentAction { kind, room_id, user_id, before, after, .. } = line;
    let Ok(kind) = kind.parse::<Kind>() else { return Vec::new() };
    let room = room_id.as_ref().map(|id| world.room_by_id(id));
    if room == Some(None) {
        return Vec::new();
    }
    let room = room.flatten();
    let whole = |subject| RecordedPart { key: ChangeKey { kind, room, subject }, lasts: false };
    match kind.acts_on() {
        ActsOn::Levels => room.map(|room| levels(world, room, before, after)).unwrap_or_default(),
        // The ledger does not say which name or picture it was.
        ActsOn::Profile => Vec::new(),
        ActsOn::Setting => {
            let settings = room.map(|room| &world.policy.rooms[room.index()].settings);
            let wanted = |setting: &Setting| setting.wanted(settings?);
            let is_set = |setting: &Setting| wanted(setting).is_some_and(|wanted| after == wanted);
            Setting::ALL.into_iter().filter(is_set).map(Subject::Setting).map(whole).collect()
        }
        ActsOn::User => {
            let user = user_id.as_ref().map(|user| world.intern(user));
            let closed = before.as_str().and_then(|word| word.parse::<Closed>().ok());
            let subject = |user| match closed.filter(|_| kind == Kind::CreateAccount) {
                Some(closed) => Subject::ClosedAccount(user, closed),
                None => Subject::User(user),
            };
            user.map(subject).map(whole).into_iter().collect()
        }
    }
}

fn levels(world: &mut World, room: RoomIx, before: &Value, after: &Value) -> Vec<RecordedPart> {
    let levels = after.as_object().into_iter().flatten();
    let part = |(name, after): (&String, &Value)| {
        let (of, before, after) = (world.level_by_name(room, name)?, before[name].as_i64(), after.as_i64());
        // Back to the default is never more than before.
        let edit = PowerEdit { of, before, after, lowers: after.is_none() || after < before };
        Some(RecordedPart { key: ChangeKey::of_level(room, of, after), lasts: edit.restrains() })
    };
    levels.filter_map(part).collect()
}
