//! What tells one change from others within this process, whatever was there before: the same for every attempt at it.
//! Across restarts a change is told by its digest.

use std::borrow::Cow;

use super::ClearedLeave;
use super::change::{Change, PowerEdit};
use super::kind::Kind;
use crate::facts::Closed;
use crate::level_of::LevelOf;
use crate::policy::RoomIx;
use crate::profile::Fingerprint;
use crate::setting::Setting;
use crate::users::UserIx;

/// A change without what was there before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChangeKey {
    pub kind: Kind,
    pub room: Option<RoomIx>,
    pub subject: Subject,
}

/// What of the server, or of its room, a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    User(UserIx),
    /// An account that we closed, to be opened again.
    ClosedAccount(UserIx, Closed),
    /// A name or picture, by what is given.
    Profile(UserIx, Fingerprint),
    Setting(Setting),
    /// One level, whatever else changes in the same event. `None` is the default level.
    Level(LevelOf, Option<i64>),
    /// Every level of one event.
    Levels(Box<[(LevelOf, Option<i64>)]>),
}

impl ChangeKey {
    /// One level in a room.
    pub fn of_level(room: RoomIx, of: impl Into<LevelOf>, after: Option<i64>) -> Self {
        Self { kind: Kind::SetPowerLevels, room: Some(room), subject: Subject::Level(of.into(), after) }
    }

    /// Changes that it undoes, levels excepted: undone so, nobody else has undone them.
    pub fn undoes(&self) -> Vec<Self> {
        let of = |kind, subject| Self { kind, room: self.room, subject };
        match self.kind {
            Kind::Remove => vec![of(Kind::Join, self.subject.clone())],
            Kind::RevokeServerAdmin => vec![of(Kind::GrantServerAdmin, self.subject.clone())],
            Kind::LockAccount | Kind::DeactivateAccount => {
                let opened = |user, closed| of(Kind::CreateAccount, Subject::ClosedAccount(user, closed));
                let ways = [Closed::Locked, Closed::Deactivated];
                self.user().into_iter().flat_map(|user| ways.map(|closed| opened(user, closed))).collect()
            }
            Kind::CreateAccount
            | Kind::GrantServerAdmin
            | Kind::SetDisplayName
            | Kind::SetAvatar
            | Kind::SetRoomState
            | Kind::Join
            | Kind::SetPowerLevels => Vec::new(),
        }
    }

    /// The user it is about, where it is about one.
    pub fn user(&self) -> Option<UserIx> {
        match self.subject {
            Subject::User(user) | Subject::ClosedAccount(user, _) | Subject::Profile(user, _) => Some(user),
            Subject::Level(of, _) => of.user(),
            Subject::Setting(_) | Subject::Levels(_) => None,
        }
    }

    /// What has the level it is about, where it is about one.
    pub fn level(&self) -> Option<LevelOf> {
        if let Subject::Level(of, _) = self.subject { Some(of) } else { None }
    }

    /// The setting it is about, where it is about one.
    pub fn setting(&self) -> Option<Setting> {
        if let Subject::Setting(setting) = self.subject { Some(setting) } else { None }
    }
}

impl ClearedLeave {
    /// The join that it leads to once the user is entitled again.
    pub fn key(&self) -> ChangeKey {
        ChangeKey { kind: Kind::Join, room: Some(self.room), subject: Subject::User(self.user) }
    }
}

impl Change {
    /// What tells it from other changes.
    pub fn key(&self) -> ChangeKey {
        ChangeKey { kind: self.kind(), room: self.room(), subject: self.subject() }
    }

    pub(super) fn subject(&self) -> Subject {
        match self {
            Self::CreateAccount { user }
            | Self::LockAccount { user }
            | Self::DeactivateAccount { user }
            | Self::GrantServerAdmin { user }
            | Self::RevokeServerAdmin { user }
            | Self::Join { user, .. }
            | Self::Remove { user, .. } => Subject::User(*user),
            Self::RestoreAccount { user, before } => Subject::ClosedAccount(*user, *before),
            Self::SetDisplayName { user, after, .. } => Subject::Profile(*user, *after),
            Self::SetAvatar { user, after, .. } => Subject::Profile(*user, after.fingerprint()),
            Self::SetRoomState { setting, .. } => Subject::Setting(*setting),
            Self::SetPowerLevels { edits, .. } => {
                Subject::Levels(edits.iter().map(|edit| (edit.of, edit.after)).collect())
            }
        }
    }

    /// What is held, approved, and counted when somebody undoes it: the change, or each level in it, beside which others
    /// come and go.
    pub fn parts(&self) -> impl Iterator<Item = Cow<'_, Self>> {
        let (whole, levels) = match self {
            Self::SetPowerLevels { room, edits } => (None, Some((*room, &**edits))),
            change => (Some(Cow::Borrowed(change)), None),
        };
        let levels = levels.into_iter().flat_map(|(room, edits)| edits.iter().map(move |edit| (room, *edit)));
        let of_one = |(room, edit)| Cow::Owned(Self::SetPowerLevels { room, edits: Box::new([edit]) });
        whole.into_iter().chain(levels.map(of_one))
    }

    /// The keys of its parts.
    pub fn counted(&self) -> impl Iterator<Item = ChangeKey> {
        self.parts().map(|part| match &*part {
            Self::SetPowerLevels { room, edits } => ChangeKey::of_level(*room, edits[0].of, edits[0].after),
            change => change.key(),
        })
    }

    /// What it takes away: the change, or each level in it that is lowered.
    pub fn taken(&self) -> Vec<ChangeKey> {
        match self {
            Self::SetPowerLevels { room, edits } => {
                let lowered = edits.iter().filter(|edit| edit.lowers);
                lowered.map(|edit| ChangeKey::of_level(*room, edit.of, edit.after)).collect()
            }
            change if change.takes() > 0 => vec![change.key()],
            _ => vec![],
        }
    }

    /// Levels in it that are done each time, however often somebody undoes them.
    pub fn restraining(&self) -> impl Iterator<Item = ChangeKey> {
        let (room, edits): (_, &[PowerEdit]) = match self {
            Self::SetPowerLevels { room, edits } => (Some(*room), edits),
            _ => (None, &[]),
        };
        let restraining = edits.iter().filter(|edit| edit.restrains());
        restraining.filter_map(move |edit| Some(ChangeKey::of_level(room?, edit.of, edit.after)))
    }

    /// A change of levels without what `keep` refuses, and the levels it refuses, each as a change of its own; with the
    /// default goes what hangs on it. Any other change is kept or refused as it is.
    pub fn part(self, keep: impl Fn(&ChangeKey) -> bool) -> (Option<Self>, Vec<Self>) {
        let Self::SetPowerLevels { room, edits } = self else {
            return if keep(&self.key()) { (Some(self), vec![]) } else { (None, vec![self]) };
        };
        let with = |edits: Vec<PowerEdit>| Self::SetPowerLevels { room, edits: edits.into() };
        let keep = |edit: &PowerEdit| keep(&ChangeKey::of_level(room, edit.of, edit.after));
        let default_stays = edits.iter().any(|edit| edit.of == LevelOf::Everybody && !keep(edit));
        let (kept, refused): (Vec<PowerEdit>, Vec<PowerEdit>) =
            edits.into_iter().partition(|edit| keep(edit) && !(default_stays && edit.hangs_on_default()));
        let refused = refused.into_iter().map(|edit| with(vec![edit])).collect();
        ((!kept.is_empty()).then(|| with(kept)), refused)
    }
}
