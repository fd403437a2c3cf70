//! How accounts look to people: anybody's display name, the bot's own name and picture, and pictures that are uploaded.

use serde_json::Value;
use tracing::instrument;

use super::{
    ASIDE, CallError, Homeserver, measure,
    requests::{PathSegment, profile},
    user_segment,
};

/// A display name has 256 characters at the most, and whatever is longer is none.
const LARGEST_NAME: usize = 1 << 20;

/// A profile, as far as it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
}

impl Homeserver {
    /// The display name of an account, as its owner wrote it; `None` where it has none, or where Synapse does not tell. Waited for
    /// no longer than for whatever only says more.
    #[instrument(name = "homeserver.display_name", skip_all)]
    pub async fn display_name(&self, user: &str) -> Result<Option<String>, CallError> {
        let request = profile::read_display_name::Request { user: user_segment(user)? };
        let sent = self.inner.sender.answered(request, LARGEST_NAME);
        match measure("display_name", ASIDE.min(self.inner.timeouts.call), sent).await {
            Ok(answer) => Ok(answer.body["displayname"].as_str().map(str::to_owned)),
            Err(failure) if failure.is_not_found() || failure.has_code("M_FORBIDDEN") => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The bot's own profile.
    #[instrument(name = "homeserver.own_profile", skip_all)]
    pub async fn own_profile(&self) -> Result<Profile, CallError> {
        let request = profile::read::Request { user: PathSegment(self.user_id().to_owned()) };
        let body: Value = self.call("own_profile", request).await?.body;
        let text = |key: &str| body[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Profile { display_name: text("displayname"), avatar_url: text("avatar_url") })
    }

    /// Sets the bot's display name, which Synapse writes into every room the bot is in.
    #[instrument(name = "homeserver.set_own_display_name", skip_all)]
    pub async fn set_own_display_name(&self, name: &str) -> Result<(), CallError> {
        let user = PathSegment(self.user_id().to_owned());
        let request = profile::set_display_name::Request { user, displayname: name.to_owned() };
        self.call("set_own_display_name", request).await?;
        Ok(())
    }

    /// Uploads a picture and makes it the bot's.
    #[instrument(name = "homeserver.set_own_avatar", skip_all)]
    pub async fn set_own_avatar(&self, png: &[u8]) -> Result<(), CallError> {
        let avatar_url = self.upload(png.to_vec(), "image/png", "provisioner.png").await?;
        let user = PathSegment(self.user_id().to_owned());
        let request = profile::set_avatar::Request { user, avatar_url };
        self.call("set_own_avatar", request).await?;
        Ok(())
    }

    /// Uploads a file as the bot, which owns it from then on, and returns its `mxc` address.
    #[instrument(name = "homeserver.upload", skip_all)]
    pub async fn upload(&self, bytes: Vec<u8>, media_type: &str, name: &str) -> Result<String, CallError> {
        let mut upload = ruma::api::client::media::create_content::v3::Request::new(bytes);
        upload.content_type = Some(media_type.to_owned());
        upload.filename = Some(name.to_owned());
        Ok(self.call("upload", upload).await?.content_uri.to_string())
    }
}
