//! What tells one planned change from every other, whatever the numbers of this process: kept in the database.

use sha2::{Digest as _, Sha256};

use super::{Change, Subject};
use crate::policy::{Mode, RoomPolicy};
use crate::world::World;

/// Names a change. 128 bits: nobody finds two changes with the same.
pub type Digest = [u8; 16];

impl Change {
    /// Names kind, mode, room, user and what would be made so: the same change whatever is there before, and whatever room
    /// replaces the room.
    pub fn digest(&self, world: &World, mode: Mode) -> Digest {
        self.digest_in(world, mode, RoomPolicy::first_id)
    }

    /// The same as an older version wrote it: by the room that the policy is about now.
    pub(crate) fn digest_by_id(&self, world: &World, mode: Mode) -> Digest {
        self.digest_in(world, mode, |room| &room.id)
    }

    fn digest_in(&self, world: &World, mode: Mode, id: fn(&RoomPolicy) -> &str) -> Digest {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update(text);
            // No id and no key holds it.
            hash.update([0]);
        };
        part(self.kind().as_str());
        part(mode.as_str());
        part(self.room_policy(world).map_or("", id));
        part(self.user().map_or("", |user| world.users.key(user)));
        let (before, after) = self.before_and_after(world);
        match self.subject() {
            Subject::Setting(setting) => part(setting.key()),
            // An account that is opened again is not one that is made.
            Subject::ClosedAccount(..) => part(&before.to_string()),
            // Which name or picture it is, of which the words say nothing.
            Subject::Profile(_, what) => part(&what.text()),
            // Nothing that the words do not say.
            Subject::User(_) | Subject::Level(..) | Subject::Levels(_) => {}
        }
        part(&after.to_string());
        cut(hash)
    }

    /// Names the change together with what is there before: what somebody saw when they approved it. Each text with its
    /// length, so that no two rows of texts run into the same bytes.
    pub fn exact_digest(&self, world: &World) -> Digest {
        let mut hash = Sha256::new();
        let (before, after) = self.before_and_after(world);
        let user = self.user().map_or("", |user| world.users.key(user));
        let room = self.room_policy(world).map_or("", |room| &room.id);
        for text in [self.kind().as_str(), room, user, &before.to_string(), &after.to_string()] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        cut(hash)
    }

    fn room_policy<'a>(&self, world: &'a World) -> Option<&'a RoomPolicy> {
        self.room().map(|room| &world.policy.rooms[room.index()])
    }
}

/// Names several changes in their order by one digest.
pub(crate) fn digest_of(parts: &[Digest]) -> Digest {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    cut(hash)
}

fn cut(hash: Sha256) -> Digest {
    let hash = hash.finalize();
    std::array::from_fn(|index| hash[index])
}
