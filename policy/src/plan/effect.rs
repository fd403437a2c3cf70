//! What a change does to the world: for the mirror after a write, and for every test that carries a plan out.

use super::Change;
use crate::facts::Closed;
use crate::levels::POWER_LEVELS;
use crate::mirror::{Membership, OnServer, StateEntry};
use crate::policy::RoomIx;
use crate::profile::{Fingerprint, ProfileField};
use crate::rewrite::Rewrite;
use crate::users::UserIx;
use crate::world::World;

impl World {
    /// Puts into the mirror what a change did; the push that follows says the same. State is what the bot would write beside
    /// the state that the mirror has.
    pub fn take_effect(&mut self, change: &Change) {
        match change {
            &Change::CreateAccount { user } => {
                self.set_there(user, OnServer { present: true, ..OnServer::default() });
                self.set_untouched(user);
            }
            &Change::RestoreAccount { user, before: Closed::Locked } => {
                self.edit_account(user, |there| OnServer { locked: false, ..there });
            }
            // Reactivation takes the flag.
            &Change::RestoreAccount { user, before: Closed::Deactivated } => {
                self.edit_account(user, |there| OnServer { deactivated: false, admin: false, ..there });
            }
            &Change::LockAccount { user } => {
                self.set_closed(user, Some(Closed::Locked));
                self.set_sessions_remain(user, false);
                self.edit_account(user, |there| OnServer { locked: true, ..there });
            }
            // A lock of ours is taken back with it; somebody else's stays.
            &Change::DeactivateAccount { user } => {
                let unlocked = self.facts.closed_by_us.get(&user) == Some(&Closed::Locked);
                self.set_closed(user, Some(Closed::Deactivated));
                self.edit_account(user, |there| OnServer {
                    deactivated: true,
                    locked: there.locked && !unlocked,
                    ..there
                });
            }
            &Change::GrantServerAdmin { user } => self.edit_account(user, |there| OnServer { admin: true, ..there }),
            &Change::RevokeServerAdmin { user } => self.edit_account(user, |there| OnServer { admin: false, ..there }),
            &Change::SetDisplayName { user, after, .. } => {
                self.note_given(user, ProfileField::DisplayName, after, Fingerprint::NOTHING);
            }
            &Change::SetAvatar { user, after, .. } => self.note_picture_given(user, after),
            &Change::Join { room, user, .. } => self.set_member(room, user, Membership::Join, None),
            &Change::Remove { room, user, ban, .. } => {
                self.set_member(room, user, if ban { Membership::Ban } else { Membership::Removed }, None);
                if ban {
                    self.set_banned_by_us(room, user, true);
                }
                // Whatever was before, the entitlement was lost since.
                self.settle_past(room, user, None);
            }
            Change::SetRoomState { room, setting, after, .. } => {
                let (event_type, _) = setting.event();
                let content = setting.edited(self.room(*room).content(event_type), after);
                self.set_own_state(*room, event_type, content);
            }
            Change::SetPowerLevels { room, edits } => {
                let now = self.room(*room).content(POWER_LEVELS);
                if let Rewrite::Write(content) = self.rewrite_levels(*room, now, edits) {
                    self.set_own_state(*room, POWER_LEVELS, content);
                }
            }
        }
    }

    fn edit_account(&mut self, user: UserIx, edit: impl FnOnce(OnServer) -> OnServer) {
        self.set_there(user, edit(self.mirror.accounts.get(user)));
    }

    fn set_own_state(&mut self, room: RoomIx, event_type: &str, content: serde_json::Value) {
        let sender = self.policy.bot.clone();
        self.set_state(room, event_type, StateEntry { content, sender, event_id: String::new() });
    }
}
