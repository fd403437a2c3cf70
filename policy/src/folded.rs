//! Users that two subjects fold to: what of power they have is not taken, so a person must know of it.

use crate::mirror::RoomStatus;
use crate::policy::RoomIx;
use crate::users::UserIx;
use crate::world::World;

impl World {
    /// Users with power about which nothing is concluded, in words that follow "they are", in the order of their names.
    pub fn folded_with_power(&self) -> Vec<(UserIx, String)> {
        let has = |user: UserIx| {
            let admin = self.mirror.accounts.get(user).admin.then(|| "a server admin".to_owned());
            let mxid = self.users.mxid(user);
            let levels = self.rooms().filter_map(|room| {
                let levels = self.room(room).levels().ok()?;
                let level = levels.explicit(&mxid).filter(|level| *level > levels.default_level())?;
                Some(format!("at level {level} in {}", room.key(self)))
            });
            let words: Vec<String> = admin.into_iter().chain(levels).collect();
            (!words.is_empty()).then(|| (user, words.join(", ")))
        };
        self.folded().into_iter().filter_map(has).collect()
    }

    /// Users that nothing is concluded about and that may have power that nobody sees: the accounts, a room or its levels could
    /// not be read, or were not read yet.
    pub fn folded_perhaps_with_power(&self) -> Vec<UserIx> {
        let is_seen = |room: RoomIx| {
            let mirror = self.room(room);
            mirror.status == RoomStatus::Ready && mirror.levels().is_ok()
        };
        let sees_all = self.mirror.accounts_listed && self.rooms().all(is_seen);
        if sees_all { Vec::new() } else { self.folded() }
    }

    /// In the order of their names.
    fn folded(&self) -> Vec<UserIx> {
        let folded = self.facts.all_folded();
        let mut found: Vec<UserIx> = folded.filter(|user| !self.is_exempt(*user)).collect();
        found.sort_by_key(|user| self.users.key(*user));
        found.dedup();
        found
    }
}
