//! How the bot looks to people: its display name and picture.

use serde_json::Value;
use tracing::instrument;

use super::{
    CallError, Homeserver,
    requests::{PathSegment, profile},
};

/// A profile, as far as it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
}

impl Homeserver {
    /// The bot's own profile.
    #[instrument(name = "homeserver.own_profile", skip_all)]
    pub async fn own_profile(&self) -> Result<Profile, CallError> {
        let request = profile::read::Request { user: PathSegment(self.user_id().to_owned()) };
        let body: Value = self.call("own_profile", self.client().send(request)).await?.body;
        let text = |key: &str| body[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Profile { display_name: text("displayname"), avatar_url: text("avatar_url") })
    }

    /// Sets the bot's display name, which Synapse writes into every room the bot is in.
    #[instrument(name = "homeserver.set_own_display_name", skip_all)]
    pub async fn set_own_display_name(&self, name: &str) -> Result<(), CallError> {
        let user = PathSegment(self.user_id().to_owned());
        let request = profile::set_display_name::Request { user, displayname: name.to_owned() };
        self.call("set_own_display_name", self.client().send(request)).await?;
        Ok(())
    }

    /// Uploads a picture and makes it the bot's.
    #[instrument(name = "homeserver.set_own_avatar", skip_all)]
    pub async fn set_own_avatar(&self, png: &[u8]) -> Result<(), CallError> {
        let mut upload = ruma::api::client::media::create_content::v3::Request::new(png.to_vec());
        upload.content_type = Some("image/png".to_owned());
        upload.filename = Some("provisioner.png".to_owned());
        let uploaded = self.call("upload", self.client().send(upload)).await?;
        let user = PathSegment(self.user_id().to_owned());
        let request = profile::set_avatar::Request { user, avatar_url: uploaded.content_uri.to_string() };
        self.call("set_own_avatar", self.client().send(request)).await?;
        Ok(())
    }
}
