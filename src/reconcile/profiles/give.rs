//! Giving one name or picture: the account looked at once more, what is about to be given noted, given, and noted.

use std::collections::HashMap;

use parking_lot::Mutex;
use provisioner_policy::{Fingerprint, ProfileField, UserIx, World};
use tracing::warn;

use crate::homeserver::{AccountCreation, CallError, Homeserver, Profile, UserEntry};
use crate::reconcile::profiles::fetches::Fetched;
use crate::store::{Gift, Store};

/// What is given to one person in a slice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gifts {
    pub(crate) name: Option<String>,
    pub(crate) picture: Option<PictureGift>,
}

/// A picture that is given.
#[derive(Clone, Debug)]
pub(crate) enum PictureGift {
    /// Media of our own server, and where it was fetched from, with its SHA-256, if it was.
    Media { mxc: String, fetched: Option<(String, Vec<u8>)> },
    /// Fetched just now from this address, or why it could not be.
    Fetched { source: String, fetched: Fetched },
}

/// What was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) field: ProfileField,
    pub(crate) value: Fingerprint,
    /// Where a picture was fetched from.
    pub(crate) source: Fingerprint,
}

/// What was noted before it was given.
pub(crate) type NotedGift = (UserIx, ProfileField, Fingerprint);

/// What came of giving.
#[derive(Debug)]
pub(crate) enum GiveOutcome {
    Given(Vec<Given>),
    /// Not given: the account is not what the plan was made from.
    Moved(Box<UserEntry>),
    /// Not given: the picture cannot be had, or Synapse does not take it. The text says why.
    Refused(String),
    /// Not given: it could not be noted, or the plan is of another time.
    Left,
    /// The account was there.
    Existed,
}

/// Gives what a slice has for people.
#[derive(Debug)]
pub(crate) struct Giver<'a> {
    pub(crate) homeserver: &'a Homeserver,
    pub(crate) store: &'a Store,
    pub(crate) world: &'a World,
    pub(crate) gifts: HashMap<UserIx, Gifts>,
    /// What was noted before it was given.
    pub(crate) tried: Mutex<Vec<NotedGift>>,
    /// One at a time: the same picture may come from two addresses in one slice.
    pub(crate) uploading: tokio::sync::Mutex<()>,
}

/// A picture as it is given.
struct Media {
    mxc: String,
    fetched: Option<(String, Vec<u8>)>,
}

impl Giver<'_> {
    /// Makes an account with its name and picture. Where these cannot be noted, or Synapse does not take the picture, it is made
    /// without: the next plan has them.
    pub(crate) async fn create(&self, user: UserIx, in_pool: Option<&str>) -> Result<GiveOutcome, CallError> {
        let mxid = self.world.users.mxid(user);
        let gifts = self.gifts.get(&user).cloned().unwrap_or_default();
        let (avatar_url, fetched) = match gifts.picture {
            Some(PictureGift::Media { mxc, fetched }) => (Some(mxc), fetched),
            Some(PictureGift::Fetched { .. }) | None => (None, None),
        };
        let mut profile = Profile { display_name: gifts.name.or(in_pool.map(str::to_owned)), avatar_url };
        // Before anything is noted: what an account lacks that was there counts as taken away by its owner.
        if profile != Profile::default() && self.homeserver.user(&mxid).await?.is_some() {
            return Ok(GiveOutcome::Existed);
        }
        if !self.note_profile(user, &mxid, &profile).await {
            profile = Profile::default();
        }
        match self.homeserver.create_missing_account(&mxid, &profile).await {
            Ok(AccountCreation::Created) => {}
            Ok(AccountCreation::Existed(_)) => return Ok(GiveOutcome::Existed),
            Err(error) if profile.avatar_url.is_some() && may_be_about_the_picture(&error) => {
                // Synapse looks at the picture when it has made the account with its name.
                let Some(made) = self.homeserver.user(&mxid).await? else { return Err(error) };
                if made.avatar_url != profile.avatar_url {
                    warn!(user.id = mxid, "the account is made without its picture, which follows");
                    self.note_not_given(user, &mxid, ProfileField::Avatar).await;
                    profile.avatar_url = None;
                }
            }
            Err(error) => return Err(error),
        }
        let mut given = Vec::new();
        if let Some(name) = &profile.display_name {
            given.push(self.note_given(&mxid, ProfileField::DisplayName, name, None).await);
        }
        if let Some(mxc) = &profile.avatar_url {
            given.push(self.note_given(&mxid, ProfileField::Avatar, mxc, fetched.as_ref()).await);
        }
        Ok(GiveOutcome::Given(given))
    }

    /// Gives a name, where the account has what the plan was made from.
    pub(crate) async fn give_name(&self, user: UserIx, before: Fingerprint) -> Result<GiveOutcome, CallError> {
        let Some(name) = self.gifts.get(&user).and_then(|gifts| gifts.name.as_deref()) else {
            return Ok(GiveOutcome::Left);
        };
        let (mxid, field) = (self.world.users.mxid(user), ProfileField::DisplayName);
        if let Some(moved) = self.moved(user, &mxid, field, before).await? {
            return Ok(GiveOutcome::Moved(moved));
        }
        if !self.note_giving(user, &mxid, field, name).await {
            return Ok(GiveOutcome::Left);
        }
        let profile = Profile { display_name: Some(name.to_owned()), avatar_url: None };
        self.homeserver.set_profile(&mxid, &profile).await?;
        Ok(GiveOutcome::Given(vec![self.note_given(&mxid, field, name, None).await]))
    }

    /// Gives a picture, uploaded where it is not yet.
    pub(crate) async fn give_picture(&self, user: UserIx, before: Fingerprint) -> Result<GiveOutcome, CallError> {
        let Some(picture) = self.gifts.get(&user).and_then(|gifts| gifts.picture.as_ref()) else {
            return Ok(GiveOutcome::Left);
        };
        let (mxid, field) = (self.world.users.mxid(user), ProfileField::Avatar);
        if let Some(moved) = self.moved(user, &mxid, field, before).await? {
            return Ok(GiveOutcome::Moved(moved));
        }
        let media = match picture {
            PictureGift::Media { mxc, fetched } => Media { mxc: mxc.clone(), fetched: fetched.clone() },
            PictureGift::Fetched { source, fetched } => match &**fetched {
                Ok(_) => match self.uploaded(source, fetched).await? {
                    Some(media) => media,
                    None => return Ok(GiveOutcome::Left),
                },
                Err(why) => return Ok(GiveOutcome::Refused(why.to_string())),
            },
        };
        if !self.note_giving(user, &mxid, field, &media.mxc).await {
            return Ok(GiveOutcome::Left);
        }
        let profile = Profile { display_name: None, avatar_url: Some(media.mxc.clone()) };
        match self.homeserver.set_profile(&mxid, &profile).await {
            Ok(()) => {}
            Err(CallError::NotPermitted { message }) => {
                self.note_not_given(user, &mxid, field).await;
                return Ok(GiveOutcome::Refused(format!(
                    "Synapse refuses the picture: {message}; give another, or mend max_avatar_size and allowed_avatar_mimetypes in \
                     homeserver.yaml"
                )));
            }
            Err(error) => return Err(error),
        }
        Ok(GiveOutcome::Given(vec![self.note_given(&mxid, field, &media.mxc, media.fetched.as_ref()).await]))
    }

    /// The account, where it is not what the plan was made from: its owner was quicker, or somebody closed it.
    async fn moved(
        &self,
        user: UserIx,
        mxid: &str,
        field: ProfileField,
        before: Fingerprint,
    ) -> Result<Option<Box<UserEntry>>, CallError> {
        let entry = self.homeserver.user(mxid).await?.ok_or(CallError::UserUnknown)?;
        let there = match field {
            ProfileField::DisplayName => self.world.name_seen(user, entry.displayname.as_deref()),
            ProfileField::Avatar => Fingerprint::of(entry.avatar_url.as_deref().unwrap_or_default()),
        };
        Ok((there != before || entry.deactivated || entry.locked).then(|| Box::new(entry)))
    }

    /// The picture as media, uploaded unless the same one was. Nothing where that cannot be noted.
    async fn uploaded(&self, source: &str, fetched: &Fetched) -> Result<Option<Media>, CallError> {
        let Ok(picture) = &**fetched else { return Ok(None) };
        let of = |mxc| Media { mxc, fetched: Some((source.to_owned(), picture.sha256.to_vec())) };
        let _one_at_a_time = self.uploading.lock().await;
        match self.store.upload(&picture.sha256).await {
            Ok(Some(mxc)) => return Ok(Some(of(mxc))),
            Ok(None) => {}
            Err(error) => return Ok(unnoted(&error)),
        }
        let name = format!("{}.{}", hex::encode(&picture.sha256[..8]), picture.format.extension());
        let mxc = self.homeserver.upload(picture.bytes.clone(), picture.format.media_type(), &name).await?;
        match self.store.note_upload(&picture.sha256, &mxc).await {
            Ok(()) => Ok(Some(of(mxc))),
            Err(error) => Ok(unnoted(&error)),
        }
    }

    /// False where not all of it could be noted: then none is given.
    async fn note_profile(&self, user: UserIx, mxid: &str, profile: &Profile) -> bool {
        let fields = [(ProfileField::DisplayName, &profile.display_name), (ProfileField::Avatar, &profile.avatar_url)];
        for (field, value) in fields {
            if let Some(value) = value
                && !self.note_giving(user, mxid, field, value).await
            {
                return false;
            }
        }
        true
    }

    /// False where it could not be noted: then it is not given either.
    async fn note_giving(&self, user: UserIx, mxid: &str, field: ProfileField, value: &str) -> bool {
        match self.store.note_giving(mxid, field.as_str(), value).await {
            Ok(()) => {
                self.tried.lock().push((user, field, Fingerprint::of(value)));
                true
            }
            Err(error) => unnoted::<()>(&error).is_some(),
        }
    }

    /// Synapse did not take what was noted: that an account lacks it is not its owner's choice.
    async fn note_not_given(&self, user: UserIx, mxid: &str, field: ProfileField) {
        self.note_giving(user, mxid, field, "").await;
    }

    /// What was given, noted. Where it cannot be, what was noted before says as much.
    async fn note_given(
        &self,
        mxid: &str,
        field: ProfileField,
        value: &str,
        fetched: Option<&(String, Vec<u8>)>,
    ) -> Given {
        let (source, sha256) = (fetched.map(|(source, _)| &**source), fetched.map(|(_, sha256)| &**sha256));
        let gift = Gift { user_id: mxid, field: field.as_str(), value, source, sha256 };
        if let Err(error) = self.store.note_given(gift).await {
            unnoted::<()>(&error);
        }
        let source = Fingerprint::of(source.unwrap_or_default());
        Given { field, value: Fingerprint::of(value), source }
    }
}

/// Whether an account may have been made all the same, but for its picture. Behind a proxy's answer it may be given still.
fn may_be_about_the_picture(error: &CallError) -> bool {
    !error.may_have_been_done()
        && matches!(
            error,
            CallError::NotPermitted { .. } | CallError::ServerError { .. } | CallError::Unexpected { .. }
        )
}

/// Whatever the database refuses is told of by the next statement that is not about names and pictures.
fn unnoted<T>(error: &sqlx::Error) -> Option<T> {
    warn!("what is given of names and pictures cannot be noted: {error}");
    None
}
