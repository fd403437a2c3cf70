//! What the sources say of names and pictures, what Synapse has, and what this service gave, taken into the world. Where the policy
//! says nothing of profiles, nothing of it is kept.

use hashbrown::HashMap;

use crate::facts::SourceState;
use crate::profile::{Fingerprint, GivenPicture, Picture, ProfileField, SourceProfile};
use crate::users::UserIx;
use crate::world::{World, WorldState};

impl World {
    /// Takes the name that the pool has for an account.
    pub fn set_pool_name(&mut self, mxid: &str, name: Option<&str>) {
        if self.policy.profiles.is_none() {
            return;
        }
        let user = self.intern(mxid);
        let name = self.name_to_give(user, name);
        if self.state.facts.profiles.pool_names.set(user, name) != name {
            self.mark_dirty(user);
        }
    }

    /// Takes a whole reading of the query. Users that it names otherwise twice are named not at all; `unusable` rows mean nobody.
    pub fn set_profiles(&mut self, rows: impl IntoIterator<Item = (UserIx, SourceProfile)>, unusable: usize) {
        let mut named: HashMap<UserIx, Option<SourceProfile>> = HashMap::new();
        for (user, profile) in rows {
            named.entry(user).and_modify(|one| *one = one.filter(|one| *one == profile)).or_insert(Some(profile));
        }
        let twice = named.values().filter(|one| one.is_none()).count();
        let profiles = &self.state.facts.profiles;
        let known = profiles.names.iter().map(|(user, _)| user).chain(profiles.pictures.iter().map(|(user, _)| user));
        let gone: Vec<UserIx> = known.filter(|user| !named.contains_key(user)).collect();
        let now = named.into_iter().map(|(user, profile)| (user, profile.unwrap_or_default()));
        for (user, profile) in now.chain(gone.into_iter().map(|user| (user, Default::default()))) {
            self.set_profile(user, profile);
        }
        self.dirty.something();
        self.state.facts.profiles.unusable = unusable + twice;
        self.state.facts.profiles_source = SourceState::Good;
    }

    /// Takes what the query says of one user, looked up by itself.
    pub fn set_profile(&mut self, user: UserIx, profile: SourceProfile) {
        let SourceProfile { name, picture } = profile;
        let profiles = &mut self.state.facts.profiles;
        if (profiles.names.set(user, name), profiles.pictures.set(user, picture)) != (name, picture) {
            self.mark_dirty(user);
        }
    }

    /// Says that the query could not be read. What it answered before still stands.
    pub fn fail_profiles(&mut self, reason: impl Into<String>) {
        self.dirty.something();
        self.state.facts.profiles_source = SourceState::Failing(reason.into());
    }

    /// Takes what Synapse says of a profile.
    pub fn see_profile(&mut self, mxid: &str, display_name: Option<&str>, avatar_url: Option<&str>) {
        if self.policy.profiles.is_none() {
            return;
        }
        let user = self.intern(mxid);
        let name = self.name_seen(user, display_name);
        self.set_seen(user, ProfileField::DisplayName, name);
        self.set_seen(user, ProfileField::Avatar, Fingerprint::of(avatar_url.unwrap_or_default()));
    }

    fn set_seen(&mut self, user: UserIx, field: ProfileField, what: Fingerprint) {
        let seen = &mut self.state.mirror.profiles;
        let column = match field {
            ProfileField::DisplayName => &mut seen.names,
            ProfileField::Avatar => &mut seen.pictures,
        };
        if column.set(user, what) != what {
            self.mark_dirty(user);
        }
    }

    /// A new account has the name that Synapse gave it, and no picture.
    pub(crate) fn set_untouched(&mut self, user: UserIx) {
        if self.policy.profiles.is_some() {
            self.set_seen(user, ProfileField::DisplayName, Fingerprint::UNTOUCHED);
            self.set_seen(user, ProfileField::Avatar, Fingerprint::NOTHING);
        }
    }

    /// Takes over what this service gave: `value` surely, and `tried` perhaps.
    pub fn set_given(&mut self, user: UserIx, field: ProfileField, value: GivenPicture, tried: Fingerprint) {
        let facts = &mut self.state.facts.profiles;
        match field {
            ProfileField::DisplayName => drop(facts.given_names.set(user, value.value)),
            ProfileField::Avatar => drop(facts.given_pictures.set(user, value)),
        }
        match tried {
            Fingerprint::NOTHING => facts.tried.remove(&(user, field)),
            tried => facts.tried.insert((user, field), tried),
        };
        self.mark_dirty(user);
    }

    /// Notes that `what` is about to be given.
    pub fn note_giving(&mut self, user: UserIx, field: ProfileField, what: Fingerprint) {
        self.state.facts.profiles.tried.insert((user, field), what);
        self.mark_dirty(user);
    }

    /// Notes what was given: Synapse has it now. `source` is where a picture was fetched from.
    pub fn note_given(&mut self, user: UserIx, field: ProfileField, value: Fingerprint, source: Fingerprint) {
        self.set_given(user, field, GivenPicture { value, source }, Fingerprint::NOTHING);
        self.set_seen(user, field, value);
    }

    /// The effect of giving a picture, before anybody knows which media it became.
    pub(crate) fn note_picture_given(&mut self, user: UserIx, picture: Picture) {
        let (value, source) = match picture {
            Picture::Ours(media) => (media, Fingerprint::NOTHING),
            Picture::Remote(source) => (source, source),
            Picture::Nothing | Picture::Foreign | Picture::Refused => return,
        };
        self.note_given(user, ProfileField::Avatar, value, source);
    }
}

impl WorldState {
    /// A name that Synapse has.
    pub fn name_seen(&self, user: UserIx, name: Option<&str>) -> Fingerprint {
        match name.unwrap_or_default() {
            name if name == self.users.key(user) => Fingerprint::UNTOUCHED,
            name => Fingerprint::of(name),
        }
    }

    /// A name that a source says. The one that Synapse gives by itself is none to be given.
    pub fn name_to_give(&self, user: UserIx, name: Option<&str>) -> Fingerprint {
        name.filter(|name| *name != self.users.key(user)).map_or(Fingerprint::NOTHING, Fingerprint::of)
    }
}
