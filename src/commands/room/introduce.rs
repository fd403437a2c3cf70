//! How the bot introduces itself: a name and a picture, unless somebody has given it others. Synapse writes both into every
//! room that the bot is in, so a bot that only observes goes without.

use std::convert::Infallible;

use provisioner_policy::{Kind, Mode};
use tracing::warn;

use crate::commands::room::desk::{Desk, RETRY};
use crate::homeserver::{CallError, Profile};

const NAME: &str = "Provisioner";

/// A house with an open door.
const AVATAR: &[u8] = include_bytes!("avatar.png");

impl Desk {
    /// Gives the bot its name and picture, once, and not before everything is resumed. The service works without them too.
    pub(crate) async fn introduce(&self) -> Infallible {
        let modes = &self.staff.policy.modes;
        while Kind::ALL.iter().any(|kind| kind.class().mode(modes) == Mode::Enforce) {
            // A database that does not answer may say so when it does.
            if !matches!(self.store.paused().await, Ok(None)) {
                tokio::time::sleep(RETRY).await;
                continue;
            }
            match self.take_name_and_picture().await {
                Err(CallError::NotLeading) => tokio::time::sleep(RETRY).await,
                Err(error) if error.is_transport() => tokio::time::sleep(RETRY).await,
                Err(error) => {
                    warn!("the bot has no name or picture of its own: {error}");
                    break;
                }
                Ok(()) => break,
            }
        }
        std::future::pending().await
    }

    async fn take_name_and_picture(&self) -> Result<(), CallError> {
        let Profile { display_name, avatar_url } = self.homeserver.own_profile().await?;
        // Synapse names every new account by its localpart.
        let localpart = self.staff.bot.trim_start_matches('@').split(':').next();
        if display_name.is_none() || display_name.as_deref() == localpart {
            self.homeserver.set_own_display_name(NAME).await?;
        }
        if avatar_url.is_none() {
            self.homeserver.set_own_avatar(AVATAR).await?;
        }
        Ok(())
    }
}
