//! What somebody should be called and look like, in full: the row of the query, and beside it the pool's name.

use provisioner_policy::{Fingerprint, Picture, SourceProfile, UserIx, WorldState, mxid_of_subject};

use crate::pictures::{NamedPicture, PictureNames, RemotePicture};
use crate::sources::{ProfileRow, shown_name};

/// What one person should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// As the query says, made fit to show; never the name that Synapse gives by itself.
    said: Option<String>,
    pub(crate) in_pool: Option<String>,
    pub(crate) picture: Option<NamedPicture>,
}

impl Wanted {
    /// What a row says of its owner.
    pub(crate) fn of(row: &ProfileRow, user: UserIx, world: &WorldState, names: &PictureNames) -> Self {
        let address = row.avatar_url.as_deref().map(str::trim).filter(|address| !address.is_empty());
        let said = row.display_name.as_deref().and_then(shown_name);
        Self {
            // What the planner takes for none lets the pool's name stand in here, too.
            said: said.filter(|name| !world.name_to_give(user, Some(name.as_str())).is_nothing()),
            in_pool: None,
            picture: address.map(|address| names.named(address)),
        }
    }

    /// The name: the query's before the pool's.
    pub(crate) fn name(&self) -> Option<&str> {
        self.said.as_deref().or(self.in_pool.as_deref())
    }

    /// What the query says, as the planner knows it.
    pub(crate) fn in_short(&self, world: &WorldState, user: UserIx) -> SourceProfile {
        let picture = match &self.picture {
            None => Picture::Nothing,
            Some(NamedPicture::Ours(mxc)) => Picture::Ours(Fingerprint::of(mxc)),
            Some(NamedPicture::Remote(remote)) => Picture::Remote(Fingerprint::of(&remote.source())),
            Some(NamedPicture::Foreign) => Picture::Foreign,
            Some(NamedPicture::Refused) => Picture::Refused,
        };
        SourceProfile { name: world.name_to_give(user, self.said.as_deref()), picture }
    }

    /// What two rows of one person both say: nothing where they differ.
    pub(crate) fn agreed(&self, other: &Self) -> Self {
        if self == other { self.clone() } else { Self::default() }
    }

    /// The picture, where it is to be fetched.
    pub(crate) fn remote(&self) -> Option<&RemotePicture> {
        match &self.picture {
            Some(NamedPicture::Remote(remote)) => Some(remote),
            _ => None,
        }
    }
}

/// Whose row it is: `Err` where it can be nobody's, and `None` where nobody here knows them.
pub(crate) fn whose(row: &ProfileRow, world: &WorldState) -> Result<Option<UserIx>, ()> {
    let subject = row.subject.as_deref().ok_or(())?;
    let mxid = mxid_of_subject(subject, &world.policy.server_name, &world.policy.bot).map_err(drop)?;
    Ok(world.users.get(&mxid))
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{Policy, World};

    use super::*;

    /// A world with one person.
    fn world() -> (World, UserIx) {
        let policy = Policy { server_name: "phenom.test".into(), bot: "@bot:phenom.test".into(), ..Policy::default() };
        let mut world = World::new(policy);
        let user = world.intern("@a:phenom.test");
        (world, user)
    }

    fn wanted(display_name: &str, avatar_url: &str) -> Wanted {
        let text = |text: &str| Some(text.to_owned());
        let row = ProfileRow { subject: text("a"), display_name: text(display_name), avatar_url: text(avatar_url) };
        let (world, user) = world();
        Wanted::of(&row, user, &world, &PictureNames::new("phenom.test", ["media.example.org".to_owned()]))
    }

    #[test]
    fn a_row_is_made_fit_to_show_and_an_empty_value_is_none() {
        assert_eq!(wanted(" ", " "), Wanted::default());
        assert_eq!(wanted("Ada\u{202e}\n", "").name(), Some("Ada"));
        assert_eq!(wanted("@admin:phenom.test", "").name(), None);
        assert_eq!(Wanted { in_pool: Some("Ben".to_owned()), ..wanted("", "") }.name(), Some("Ben"));
        assert!(matches!(wanted("", "mxc://other.test/a").picture, Some(NamedPicture::Foreign)));
    }

    #[test]
    fn their_own_localpart_is_nobodys_name_and_the_pools_stands_in() {
        let row = wanted("a", "");
        assert_eq!((row.name(), row.agreed(&wanted("", ""))), (None, Wanted::default()));
        assert_eq!(Wanted { in_pool: Some("Ben".to_owned()), ..row }.name(), Some("Ben"), "as it is planned");
    }

    #[test]
    fn an_address_that_is_signed_anew_is_the_same_picture() {
        let (world, user) = world();
        let signed = |by: &str| wanted("", &format!("https://media.example.org/a.png?X-Amz-Signature={by}"));
        assert_eq!(signed("one").in_short(&world, user), signed("two").in_short(&world, user));
    }
}
