//! A change as a call of the homeserver. It makes no choices and tries nothing twice.

use std::collections::HashMap;

use provisioner_policy::{Change, Closed, Membership, RoomIx, UserIx, World};

use crate::homeserver::{AccountCreation, BAN_REASON, CallError, Homeserver, Profile, UserEntry, WriteOutcome};
use crate::reconcile::act::accounts_seen::AccountsSeen;
use crate::reconcile::act::attempt::Tried;
use crate::reconcile::act::state_writes;
use crate::reconcile::profiles::give::{GiveOutcome, Giver};
use crate::sanitize;
use crate::store::{AccountOrigin, Store};

/// What calls are made with.
pub(crate) struct Caller<'a> {
    pub(crate) homeserver: &'a Homeserver,
    pub(crate) world: &'a World,
    pub(crate) accounts_seen: &'a AccountsSeen,
    /// Where accounts that are made came from, with their display names.
    pub(crate) origins: HashMap<UserIx, AccountOrigin>,
    /// Gives names and pictures, where that is anybody's business here.
    pub(crate) giver: Option<Giver<'a>>,
}

impl Caller<'_> {
    /// What the store must know before the call: a kill in between must not make our own lock look like somebody else's.
    pub(crate) async fn before_call(&self, store: &Store, change: &Change) -> sqlx::Result<()> {
        let Some((user, closed)) = change.closes() else { return Ok(()) };
        store.set_closed(&self.world.users.mxid(user), Some(closed)).await
    }

    /// What is wrong with an account whose owner is to be joined; `None` where nothing is.
    pub(crate) async fn look_at(&self, user: UserIx) -> Result<Option<UserEntry>, CallError> {
        self.accounts_seen.closed(self.homeserver, user, &self.world.users.mxid(user)).await
    }

    /// Whether somebody is banned by another hand than ours, which no push or reading may have told yet.
    async fn is_banned_by_others(&self, room: &str, mxid: &str) -> Result<bool, CallError> {
        let now = self.homeserver.state_content(room, "m.room.member", mxid).await?;
        Ok(now.is_some_and(|now| now["membership"] == "ban" && now["reason"] != BAN_REASON))
    }

    /// Makes the call for `change`.
    pub(crate) async fn call(&self, change: &Change) -> Result<Tried, CallError> {
        let id = |room: RoomIx| self.world.policy.rooms[room.index()].id.as_str();
        let mxid = |user: UserIx| self.world.users.mxid(user);
        let outcome = match change {
            &Change::CreateAccount { user } => {
                let name = self.origins.get(&user).and_then(|origin| origin.display_name.as_deref());
                if let Some(giver) = &self.giver {
                    let made = giver.create(user, name).await?;
                    if matches!(made, GiveOutcome::Given(_)) {
                        self.accounts_seen.note(user);
                    }
                    return Ok(tried(made));
                }
                let profile = Profile { display_name: name.map(str::to_owned), avatar_url: None };
                match self.homeserver.create_account(&mxid(user), &profile).await? {
                    AccountCreation::Created => {
                        self.accounts_seen.note(user);
                        Ok(WriteOutcome::Done)
                    }
                    // Perhaps locked or deactivated: the first join looks.
                    AccountCreation::Existed(_) => Ok(WriteOutcome::AlreadySo),
                }
            }
            &Change::RestoreAccount { user, before: Closed::Locked } => self.homeserver.lock(&mxid(user), false).await,
            &Change::RestoreAccount { user, before: Closed::Deactivated } => {
                self.homeserver.reactivate(&mxid(user)).await
            }
            &Change::LockAccount { user } => {
                let locked = self.homeserver.lock(&mxid(user), true).await?;
                // A lock alone leaves devices that come back with it.
                match self.homeserver.log_out(&mxid(user)).await {
                    Err(why) if locked == WriteOutcome::Done => Err(CallError::SessionsRemain { why: Box::new(why) }),
                    ended => ended.map(|_| locked),
                }
            }
            &Change::DeactivateAccount { user } => {
                // Only one of the two can be remembered as ours, and a lock would outlive the reactivation.
                if self.world.facts.closed_by_us.get(&user) == Some(&Closed::Locked) {
                    self.homeserver.lock(&mxid(user), false).await?;
                }
                self.homeserver.deactivate(&mxid(user)).await
            }
            &Change::GrantServerAdmin { user } => {
                self.homeserver.set_admin(&mxid(user), true).await.map(|()| WriteOutcome::Done)
            }
            &Change::RevokeServerAdmin { user } => {
                self.homeserver.set_admin(&mxid(user), false).await.map(|()| WriteOutcome::Done)
            }
            &Change::SetDisplayName { user, before, .. } => {
                return match &self.giver {
                    Some(giver) => giver.give_name(user, before).await.map(tried),
                    None => Ok(Tried::Left),
                };
            }
            &Change::SetAvatar { user, before, .. } => {
                return match &self.giver {
                    Some(giver) => giver.give_picture(user, before).await.map(tried),
                    None => Ok(Tried::Left),
                };
            }
            &Change::Join { room, user, before } => {
                if let Some(entry) = self.look_at(user).await? {
                    return Ok(Tried::AccountClosed(Box::new(entry)));
                }
                // Planned for a ban of our own only.
                if before == Membership::Ban {
                    if self.is_banned_by_others(id(room), &mxid(user)).await? {
                        return Ok(Tried::Outdated);
                    }
                    self.homeserver.unban(id(room), &mxid(user)).await?;
                }
                self.homeserver.join(id(room), &mxid(user)).await
            }
            &Change::Remove { room, user, ban: true, .. } => {
                // Ours would replace theirs, and be taken back one day.
                if self.is_banned_by_others(id(room), &mxid(user)).await? {
                    return Ok(Tried::Outdated);
                }
                self.homeserver.ban(id(room), &mxid(user), BAN_REASON).await
            }
            &Change::Remove { room, user, ban: false, .. } => {
                let reason = sanitize::one_line(&self.world.farewell(room, user));
                self.homeserver.kick(id(room), &mxid(user), Some(&reason)).await
            }
            Change::SetRoomState { room, setting, before, after } => {
                let before = before.as_ref();
                return state_writes::set_setting(self.homeserver, self.world, *room, *setting, before, after).await;
            }
            Change::SetPowerLevels { room, edits } => {
                return state_writes::set_power_levels(self.homeserver, self.world, *room, edits).await;
            }
        };
        outcome.map(|outcome| match outcome {
            WriteOutcome::Done => Tried::Done,
            WriteOutcome::AlreadySo => Tried::AlreadySo,
        })
    }
}

fn tried(given: GiveOutcome) -> Tried {
    match given {
        GiveOutcome::Given(given) => Tried::Gave(given),
        GiveOutcome::Moved(entry) => Tried::ProfileMoved(entry),
        GiveOutcome::Refused(why) => Tried::Refused(why),
        GiveOutcome::Left => Tried::Left,
        GiveOutcome::Existed => Tried::AlreadySo,
    }
}
