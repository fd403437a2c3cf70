//! What changes accounts: made, locked, deactivated, reactivated, logged out, and the server-admin flag.
//!
//! `PUT v2/users` makes the account where there is none, so the methods that mean an account that exists look first.

use tracing::instrument;

use super::{CallError, Homeserver, Profile, UserEntry, WriteOutcome, requests::users, user_segment};

/// How [`Homeserver::create_account`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountCreation {
    Created,
    /// It was there before and is unchanged, unless its owner was the quicker one; it may be locked or deactivated.
    Existed(UserEntry),
}

impl Homeserver {
    /// Makes the account if there is none, with its name and picture: before it is in any room they cost no event. An account that
    /// exists keeps everything, its display name too: so with a profile it is looked for first.
    ///
    /// Without a display name Synapse takes the localpart. Upper case in the localpart is [`CallError::BadUserId`].
    #[instrument(name = "homeserver.create_account", skip_all, fields(user.id = %user))]
    pub async fn create_account(&self, user: &str, profile: &Profile) -> Result<AccountCreation, CallError> {
        if *profile != Profile::default()
            && let Some(there) = self.user(user).await?
        {
            return Ok(AccountCreation::Existed(there));
        }
        self.create_missing_account(user, profile).await
    }

    /// The same for an account that was looked for just now. It is made in one request: a name that came in a second one would be
    /// lost with that, as the account exists by then. Synapse makes it with its name before it looks at the picture: after an error
    /// it may be there without.
    #[instrument(name = "homeserver.create_missing_account", skip_all, fields(user.id = %user))]
    pub(crate) async fn create_missing_account(
        &self,
        user: &str,
        profile: &Profile,
    ) -> Result<AccountCreation, CallError> {
        match self.call("create_account", with_profile(user, profile)?).await {
            Ok(answer) if answer.status == 201 => Ok(AccountCreation::Created),
            // Its owner logged in since the look, which made it, and has this profile now instead of the localpart.
            Ok(answer) => Ok(AccountCreation::Existed(answer.body)),
            // Someone else made it between Synapse's look and its insert.
            Err(failure) if failure.has_code("M_USER_IN_USE") => {
                Ok(AccountCreation::Existed(self.existing(user).await?))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Sets what is given of a profile. Each field that becomes another writes an event into every room that the user is in.
    #[instrument(name = "homeserver.set_profile", skip_all, fields(user.id = %user))]
    pub async fn set_profile(&self, user: &str, profile: &Profile) -> Result<(), CallError> {
        self.call("set_profile", with_profile(user, profile)?).await?;
        Ok(())
    }

    /// Grants or revokes server admin. Synapse refuses to let the bot revoke its own ("You may not demote yourself").
    #[instrument(name = "homeserver.set_admin", skip_all, fields(user.id = %user, admin))]
    pub async fn set_admin(&self, user: &str, admin: bool) -> Result<(), CallError> {
        let request = users::set_admin::Request { user: user_segment(user)?, admin };
        self.call("set_admin", request).await?;
        Ok(())
    }

    /// Locks or unlocks: a locked user's requests answer 401 `M_USER_LOCKED`, rooms and devices stay.
    #[instrument(name = "homeserver.lock", skip_all, fields(user.id = %user, locked))]
    pub async fn lock(&self, user: &str, locked: bool) -> Result<WriteOutcome, CallError> {
        if self.existing(user).await?.locked == locked {
            return Ok(WriteOutcome::AlreadySo);
        }
        let request = users::modify::Request { locked: Some(locked), ..unchanged(user)? };
        self.call("lock", request).await?;
        Ok(WriteOutcome::Done)
    }

    /// Deactivates, without erasing: logs out everywhere and, soon after, leaves every room.
    #[instrument(name = "homeserver.deactivate", skip_all, fields(user.id = %user))]
    pub async fn deactivate(&self, user: &str) -> Result<WriteOutcome, CallError> {
        if self.existing(user).await?.deactivated {
            return Ok(WriteOutcome::AlreadySo);
        }
        let request = users::deactivate::Request { user: user_segment(user)?, erase: false };
        self.call("deactivate", request).await?;
        Ok(WriteOutcome::Done)
    }

    /// Reactivates, as an ordinary user: Synapse would keep the admin flag. A lock stays, and so does having left all rooms.
    ///
    /// 1.163 answers 500 until the background updates of a fresh database are done.
    #[instrument(name = "homeserver.reactivate", skip_all, fields(user.id = %user))]
    pub async fn reactivate(&self, user: &str) -> Result<WriteOutcome, CallError> {
        if !self.existing(user).await?.deactivated {
            return Ok(WriteOutcome::AlreadySo);
        }
        let request = users::modify::Request { deactivated: Some(false), admin: Some(false), ..unchanged(user)? };
        self.call("reactivate", request).await?;
        Ok(WriteOutcome::Done)
    }

    /// Deletes every device of the user, which ends their sessions and forgets their device keys. Returns how many.
    #[instrument(name = "homeserver.log_out", skip_all, fields(user.id = %user))]
    pub async fn log_out(&self, user: &str) -> Result<usize, CallError> {
        let user = user_segment(user)?;
        let request = users::devices::Request { user: user.clone() };
        let body = self.call("devices", request).await?.body;
        let devices: Vec<String> = body.devices.into_iter().map(|device| device.device_id).collect();
        let number = devices.len();
        if number > 0 {
            let request = users::delete_devices::Request { user, devices };
            self.call("delete_devices", request).await?;
        }
        Ok(number)
    }

    async fn existing(&self, user: &str) -> Result<UserEntry, CallError> {
        self.user(user).await?.ok_or(CallError::UserUnknown)
    }
}

/// A change of nothing, to fill in.
fn unchanged(user: &str) -> Result<users::modify::Request, CallError> {
    Ok(users::modify::Request {
        user: user_segment(user)?,
        displayname: None,
        avatar_url: None,
        admin: None,
        deactivated: None,
        locked: None,
    })
}

/// A change of what is given of a profile.
fn with_profile(user: &str, profile: &Profile) -> Result<users::modify::Request, CallError> {
    let Profile { display_name, avatar_url } = profile.clone();
    Ok(users::modify::Request { displayname: display_name, avatar_url, ..unchanged(user)? })
}
