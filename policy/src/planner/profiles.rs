//! Which names and pictures are given to accounts that are there. What somebody chose themselves stays, unless the policy keeps
//! to the source's.

use crate::plan::{Because, Change, Plan};
use crate::profile::{Fingerprint, Picture, ProfileCounts, ProfileField};
use crate::users::UserIx;
use crate::world::{World, WorldState};

/// How one name or picture stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProfileVerdict {
    /// No source says one.
    Missing,
    Foreign,
    Refused,
    Right,
    /// Its owner chose another, or took away what was given.
    Chosen,
    Give(Because),
}

pub(super) fn plan_profiles(world: &World, plan: &mut Plan) {
    if world.policy.profiles.is_none() || !world.mirror.accounts_listed {
        return;
    }
    for user in world.users.iter() {
        plan_profile(world, user, plan);
    }
}

pub(super) fn plan_profile(world: &World, user: UserIx, plan: &mut Plan) {
    let there = world.mirror.accounts.get(user);
    if !there.present || there.deactivated || there.locked || !world.has_profile(user) {
        return;
    }
    if let ProfileVerdict::Give(because) = world.judge_name(user) {
        let before = world.mirror.profiles.names.get(user);
        plan.push(world, Change::SetDisplayName { user, before, after: world.facts.profiles.name(user) }, because);
    }
    if let ProfileVerdict::Give(because) = world.judge_picture(user) {
        let before = world.mirror.profiles.pictures.get(user);
        let after = world.facts.profiles.pictures.get(user);
        plan.push(world, Change::SetAvatar { user, before, after }, because);
    }
}

impl WorldState {
    /// Whether a source may say how the account is called and looks: one that is called for, and that anything may touch.
    fn has_profile(&self, user: UserIx) -> bool {
        self.policy.profiles.is_some()
            && self.users.is_local(user)
            && self.facts.is_active(user)
            && !self.facts.is_folded(user)
            && !self.is_exempt(user)
    }

    fn judge_name(&self, user: UserIx) -> ProfileVerdict {
        self.judge(user, ProfileField::DisplayName, self.facts.profiles.name(user))
    }

    fn judge_picture(&self, user: UserIx) -> ProfileVerdict {
        let facts = &self.facts.profiles;
        let given = facts.given_pictures.get(user);
        let wanted = match facts.pictures.get(user) {
            Picture::Nothing => return ProfileVerdict::Missing,
            Picture::Foreign => return ProfileVerdict::Foreign,
            Picture::Refused => return ProfileVerdict::Refused,
            Picture::Ours(media) => media,
            // What was fetched from there is not fetched again.
            Picture::Remote(source) if source == given.source => given.value,
            // Until it is fetched, it is nothing that Synapse has.
            Picture::Remote(source) => source,
        };
        self.judge(user, ProfileField::Avatar, wanted)
    }

    fn judge(&self, user: UserIx, field: ProfileField, wanted: Fingerprint) -> ProfileVerdict {
        let (seen, facts) = (self.mirror.profiles.get(user, field), &self.facts.profiles);
        let keep = self.policy.profiles.is_some_and(|profiles| profiles.keep);
        match seen {
            _ if wanted.is_nothing() => ProfileVerdict::Missing,
            seen if seen == wanted => ProfileVerdict::Right,
            Fingerprint::UNTOUCHED => ProfileVerdict::Give(Because::ProfileEmpty),
            // Gone since it was given: its owner took it away and chose to have none.
            Fingerprint::NOTHING if !keep && facts.gave(user, field, wanted) => ProfileVerdict::Chosen,
            Fingerprint::NOTHING => ProfileVerdict::Give(Because::ProfileEmpty),
            seen if facts.gave(user, field, seen) => ProfileVerdict::Give(Because::ProfileFollows),
            _ if keep => ProfileVerdict::Give(Because::ProfileKept),
            _ => ProfileVerdict::Chosen,
        }
    }

    /// What of the account's name, or picture, this service gave, as the ledger keeps it: a word, and no name of anybody.
    pub(crate) fn profile_word(&self, user: UserIx, field: ProfileField, what: Fingerprint) -> Option<&'static str> {
        match what {
            Fingerprint::NOTHING | Fingerprint::UNTOUCHED => None,
            what if self.facts.profiles.gave(user, field, what) => Some("given"),
            _ => Some("chosen"),
        }
    }

    /// How all names and pictures stand; nothing where profiles are nobody's business here.
    pub fn profile_counts(&self) -> Option<ProfileCounts> {
        self.policy.profiles?;
        let mut counts = ProfileCounts::default();
        let ProfileCounts { names, pictures } = &mut counts;
        for user in self.users.iter().filter(|user| self.has_profile(*user)) {
            match self.judge_name(user) {
                ProfileVerdict::Right => names.right += 1,
                ProfileVerdict::Give(_) => names.to_give += 1,
                ProfileVerdict::Chosen => names.chosen += 1,
                ProfileVerdict::Missing | ProfileVerdict::Foreign | ProfileVerdict::Refused => names.missing += 1,
            }
            match self.judge_picture(user) {
                ProfileVerdict::Right => pictures.right += 1,
                ProfileVerdict::Give(_) => match self.facts.profiles.pictures.get(user) {
                    Picture::Remote(_) => pictures.https += 1,
                    _ => pictures.to_give += 1,
                },
                ProfileVerdict::Chosen => pictures.chosen += 1,
                ProfileVerdict::Missing => pictures.missing += 1,
                ProfileVerdict::Foreign => pictures.foreign += 1,
                ProfileVerdict::Refused => pictures.refused += 1,
            }
        }
        Some(counts)
    }
}
