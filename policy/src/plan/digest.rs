//! What tells one planned action from every other, whatever the numbers of this process: kept in the database.

use sha2::{Digest, Sha256};

use super::{Action, Change};
use crate::world::World;

impl Action {
    /// Names kind, mode, room, user and what would be made so. What is there before does not matter.
    pub fn digest(&self, world: &World) -> [u8; 16] {
        let change = &self.change;
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update(text);
            // No id and no key holds it.
            hash.update([0]);
        };
        part(change.kind().as_str());
        part(self.mode.as_str());
        part(change.room().map_or("", |room| &world.policy.rooms[room.index()].id));
        part(change.user().map_or("", |user| world.users.key(user)));
        let (before, after) = change.before_and_after(world);
        match change {
            Change::SetRoomState { setting, .. } => part(setting.key()),
            // An account that is opened again is not one that is made.
            Change::RestoreAccount { .. } => part(&before.to_string()),
            _ => {}
        }
        part(&after.to_string());
        let digest = hash.finalize();
        std::array::from_fn(|index| digest[index])
    }
}
