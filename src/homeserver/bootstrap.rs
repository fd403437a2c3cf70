//! The first steps on a homeserver that does not know the bot yet: register it, then have it made server admin.

use hmac::{Hmac, Mac};
use rand::Rng;
use sha1::Sha1;
use tracing::instrument;

use super::{
    CallError, ConnectError, Homeserver, WriteOutcome,
    requests::{SecretField, users},
};

/// Why the bot could not be made server admin.
#[derive(Debug, thiserror::Error)]
pub enum PromoteError {
    #[error("Synapse does not accept the admin token; give the access token of a server admin who is logged in")]
    AdminTokenRejected,
    #[error("the admin token belongs to somebody who is not a server admin; give that of a server admin")]
    NotAnAdmin,
    #[error("the bot has no account yet; register the sender first")]
    BotNotRegistered,
    #[error("the bot could not be made server admin")]
    Call(#[source] CallError),
    #[error("there is no client with the admin token")]
    Connect(#[from] ConnectError),
    #[error(
        "the temporary admin {user_id} may still be there, and must not: deactivate it as an admin, by POST \
         /_synapse/admin/v1/deactivate/{user_id}"
    )]
    HelperRemains {
        user_id: String,
        #[source]
        source: CallError,
    },
}

impl From<CallError> for PromoteError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::TokenRejected => Self::AdminTokenRejected,
            CallError::NotServerAdmin => Self::NotAnAdmin,
            CallError::UserUnknown => Self::BotNotRegistered,
            error => Self::Call(error),
        }
    }
}

impl Homeserver {
    /// Registers the application service's sender. Synapse accepts the `as_token` before, but the admin API needs the account.
    #[instrument(name = "homeserver.register_sender", skip_all)]
    pub async fn register_sender(&self, localpart: &str) -> Result<WriteOutcome, CallError> {
        let request = users::register_sender::Request {
            login_type: "m.login.application_service".to_owned(),
            username: localpart.to_owned(),
            inhibit_login: true,
        };
        match self.call("register_sender", request).await {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(failure) if failure.has_code("M_USER_IN_USE") => Ok(WriteOutcome::AlreadySo),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Makes the bot server admin with the token of someone who is one.
    #[instrument(name = "homeserver.promote_with_admin_token", skip_all)]
    pub async fn promote_with_admin_token(&self, admin_token: &str) -> Result<(), PromoteError> {
        let admin = self.with_token(admin_token).await?;
        Ok(admin.set_admin(self.user_id(), true).await?)
    }

    /// Makes the bot server admin with `registration_shared_secret`, registering it first where that is still to be done.
    ///
    /// That API makes new accounts only, so an admin with a random name is made, promotes the bot, and is deactivated again,
    /// whatever came of it; its account stays behind. Returns its MXID.
    #[instrument(name = "homeserver.promote_with_shared_secret", skip_all)]
    pub async fn promote_with_shared_secret(&self, shared_secret: &str) -> Result<String, PromoteError> {
        self.register_sender(self.inner.user_id.localpart()).await?;
        let username = format!("provisioner-bootstrap-{}", random_hex());
        let helper_id = format!("@{username}:{}", self.inner.user_id.server_name());
        let token = match self.register_helper(shared_secret, username).await {
            Ok(token) => token,
            Err(source) if source.may_have_been_done() => {
                return Err(PromoteError::HelperRemains { user_id: helper_id, source });
            }
            Err(error) => return Err(error.into()),
        };
        let helper = self.with_token(&token).await?;
        let promoted = helper.set_admin(self.user_id(), true).await;
        match self.remove_helper(&helper, &helper_id).await {
            Ok(()) => promoted.map(|()| helper_id).map_err(PromoteError::from),
            Err(source) => Err(PromoteError::HelperRemains { user_id: helper_id, source }),
        }
    }

    /// Makes a server admin of this name, and returns its token.
    async fn register_helper(&self, shared_secret: &str, username: String) -> Result<String, CallError> {
        let password = random_hex();
        let nonce = self.call("register_nonce", users::nonce::Request {}).await;
        let nonce = nonce.map_err(CallError::from)?.body.nonce;
        let request = users::register_with_secret::Request {
            mac: SecretField(registration_mac(shared_secret, &nonce, &username, &password)),
            nonce,
            username,
            password: SecretField(password),
            admin: true,
        };
        let answer = self.call("register_with_secret", request).await?;
        Ok(answer.body.access_token.0)
    }

    /// Takes the flag of the temporary admin and deactivates it: as the bot, and where that may not, by its own hand. Without
    /// the flag gone a deactivated account is harmless still, but nobody may demote themselves.
    async fn remove_helper(&self, helper: &Self, helper_id: &str) -> Result<(), CallError> {
        if self.set_admin(helper_id, false).await.is_ok() && self.deactivate(helper_id).await.is_ok() {
            return Ok(());
        }
        match helper.deactivate(helper_id).await {
            // Demoted already, it may not ask; the bot may.
            Err(_) => self.deactivate(helper_id).await.map(drop),
            Ok(_) => Ok(()),
        }
    }

    /// The same homeserver, as someone else. The user ID is only a name here: Synapse goes by the token.
    async fn with_token(&self, token: &str) -> Result<Self, ConnectError> {
        let connected = Self::connect(&self.inner.url, self.user_id(), token, self.inner.timeouts).await?;
        Ok(Self { may_write: self.may_write.clone(), ..connected })
    }
}

/// The proof of the shared secret that `POST /_synapse/admin/v1/register` wants, for an admin account.
fn registration_mac(shared_secret: &str, nonce: &str, username: &str, password: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(shared_secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update([nonce, username, password, "admin"].join("\0").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn random_hex() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}

#[cfg(test)]
mod tests {
    use super::registration_mac;

    #[test]
    fn mac_is_the_one_that_synapse_computes() {
        // From the Python of Synapse's documentation.
        let expected = "f615ab91458f2d767077fd3533a7b1b689051b81";
        assert_eq!(registration_mac("shh", "nonce", "boot", "pw"), expected);
    }
}
