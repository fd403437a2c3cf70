//! Names and pictures of accounts: what the sources say, what this service gave, and what Synapse has.
//!
//! Each is kept as a fingerprint. The texts themselves are looked up when one is given: they are many and long, and no decision
//! needs them.

use hashbrown::HashMap;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::column::Column;
use crate::users::UserIx;

/// How names and pictures are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfilesPolicy {
    /// Whether what people chose themselves is replaced, too.
    pub keep: bool,
}

/// A text by 64 bits of its SHA-256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of no text at all.
    pub const NOTHING: Self = Self(0);
    /// The name that Synapse gives each new account by itself, its localpart: nobody chose it.
    pub const UNTOUCHED: Self = Self(1);

    /// The same for the same text, and for no other. An empty text is none.
    pub fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self::NOTHING;
        }
        let hash = Sha256::digest(text);
        let number = u64::from_be_bytes(std::array::from_fn(|index| hash[index]));
        Self(number.max(Self::UNTOUCHED.0 + 1))
    }

    /// As digits, for digests.
    pub(crate) fn text(self) -> String {
        format!("{:016x}", self.0)
    }

    /// Whether there is none.
    pub fn is_nothing(self) -> bool {
        self == Self::NOTHING
    }
}

/// One of the two things in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ProfileField {
    DisplayName,
    Avatar,
}

impl ProfileField {
    /// As our table spells it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The picture that a source names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Picture {
    #[default]
    Nothing,
    /// Media of our own server.
    Ours(Fingerprint),
    /// To be fetched from a host that is allowed; by its address without what signs it.
    Remote(Fingerprint),
    /// Media of another server: nobody can say what it shows.
    Foreign,
    /// An address from which nothing is fetched.
    Refused,
}

impl Picture {
    /// Of the media or the address that it is.
    pub fn fingerprint(self) -> Fingerprint {
        match self {
            Self::Ours(its) | Self::Remote(its) => its,
            Self::Nothing | Self::Foreign | Self::Refused => Fingerprint::NOTHING,
        }
    }
}

/// A picture that this service gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenPicture {
    /// The media on our own server.
    pub value: Fingerprint,
    /// The address that it was fetched from, if it was.
    pub source: Fingerprint,
}

/// What a source says of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceProfile {
    pub name: Fingerprint,
    pub picture: Picture,
}

/// What the sources say and what this service gave.
#[derive(Debug, Default)]
pub struct ProfileFacts {
    /// Names in the pool.
    pub(crate) pool_names: Column<Fingerprint>,
    /// Names and pictures that the query answers.
    pub(crate) names: Column<Fingerprint>,
    pub(crate) pictures: Column<Picture>,
    /// Rows of its last reading that mean nobody in particular.
    pub unusable: usize,
    pub(crate) given_names: Column<Fingerprint>,
    pub(crate) given_pictures: Column<GivenPicture>,
    /// What was about to be given, where no answer said whether it was.
    pub(crate) tried: HashMap<(UserIx, ProfileField), Fingerprint>,
}

impl ProfileFacts {
    /// The name that an account should have: the query's before the pool's.
    pub(crate) fn name(&self, user: UserIx) -> Fingerprint {
        match self.names.get(user) {
            Fingerprint::NOTHING => self.pool_names.get(user),
            name => name,
        }
    }

    /// What this service gave last of `field`, and what it may have given since.
    fn given(&self, user: UserIx, field: ProfileField) -> [Fingerprint; 2] {
        let value = match field {
            ProfileField::DisplayName => self.given_names.get(user),
            ProfileField::Avatar => self.given_pictures.get(user).value,
        };
        [value, self.tried.get(&(user, field)).copied().unwrap_or_default()]
    }

    /// Whether it was this service that gave `what`.
    pub(crate) fn gave(&self, user: UserIx, field: ProfileField, what: Fingerprint) -> bool {
        !what.is_nothing() && self.given(user, field).contains(&what)
    }
}

/// What Synapse has.
#[derive(Clone, Debug, Default)]
pub struct SeenProfiles {
    pub(crate) names: Column<Fingerprint>,
    pub(crate) pictures: Column<Fingerprint>,
}

impl SeenProfiles {
    /// What Synapse has of `field`.
    pub fn get(&self, user: UserIx, field: ProfileField) -> Fingerprint {
        match field {
            ProfileField::DisplayName => self.names.get(user),
            ProfileField::Avatar => self.pictures.get(user),
        }
    }
}

/// How many names and pictures are as they should be, and what the others are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProfileCounts {
    pub names: NameCounts,
    pub pictures: PictureCounts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NameCounts {
    pub right: usize,
    pub to_give: usize,
    /// Chosen by their owners.
    pub chosen: usize,
    /// No source says one.
    pub missing: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PictureCounts {
    pub right: usize,
    /// Media of our own server.
    pub to_give: usize,
    /// To be fetched first.
    pub https: usize,
    pub chosen: usize,
    pub missing: usize,
    /// Media of another server.
    pub foreign: usize,
    /// Neither media of our own server nor https of an allowed host.
    pub refused: usize,
}

impl ProfileCounts {
    /// One line.
    pub fn text(&self) -> String {
        let Self { names, pictures } = self;
        let mut parts = vec![
            format!("{} right", pictures.right),
            format!("{} to give", pictures.to_give),
            format!("{} https to fetch", pictures.https),
            format!("{} chosen by their owners", pictures.chosen),
            format!("{} missing", pictures.missing),
        ];
        if pictures.foreign > 0 {
            parts
                .push(format!("{} foreign (media of another server, which cannot be resolved here)", pictures.foreign));
        }
        if pictures.refused > 0 {
            parts.push(format!("{} refused (no media, and no https of profiles.picture_hosts)", pictures.refused));
        }
        format!(
            "profiles: names: {} right, {} to give, {} chosen by their owners, {} missing; pictures: {}",
            names.right,
            names.to_give,
            names.chosen,
            names.missing,
            parts.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_has_the_fingerprint_of_none_or_of_one_that_nobody_touched() {
        assert!(Fingerprint::of("").is_nothing());
        for text in ["a", "Ada", "\u{20ac}", " "] {
            assert!(Fingerprint::of(text) > Fingerprint::UNTOUCHED, "{text}");
            assert_eq!(Fingerprint::of(text), Fingerprint::of(text));
        }
        assert_ne!(Fingerprint::of("Ada"), Fingerprint::of("ada"));
    }
}
