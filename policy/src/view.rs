//! The plan in words: the contract's JSON, the reasons, and the plan's id.

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::facts::{Account, AccountsFrom, SourceState};
use crate::how_many::how_many;
use crate::mirror::RoomStatus;
use crate::plan::{Action, Because, Blocked, Change, HoldReason, Kind, Plan, PoolMove, PowerEdit};
use crate::policy::Mode;
use crate::policy::RoomIx;
use crate::profile::{ProfileCounts, ProfileField};
use crate::setting::Setting;
use crate::users::UserIx;
use crate::world::World;

/// A plan as `plan --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanView {
    pub plan_id: String,
    /// What `apply --approve` takes, where the guard holds a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_id: Option<String>,
    /// What is held, in the sentence that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_words: Option<String>,
    pub actions: Vec<ActionView>,
    pub blocked: Vec<BlockedView>,
    /// How names and pictures stand, where they are given at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<ProfileCounts>,
    /// What the reader should know beside the plan: trouble with sources and rooms.
    pub notices: Vec<String>,
}

/// One action in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActionView {
    pub kind: Kind,
    pub room: Option<String>,
    pub user: Option<String>,
    pub mode: Mode,
    pub held: bool,
    /// How many parts it has: each entry of `after`, where levels of a room change.
    #[serde(skip)]
    pub part_count: usize,
    pub because: String,
    pub before: Value,
    pub after: Value,
    /// Why the guard holds it, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_because: Option<String>,
}

/// One thing that is in the way, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlockedView {
    pub kind: Kind,
    pub room: Option<String>,
    pub user: String,
    pub because: String,
}

impl Plan {
    /// The whole plan in words.
    pub fn view(&self, world: &World) -> PlanView {
        PlanView {
            plan_id: self.id(world),
            held_id: self.held_id(world),
            held_words: self.held_words(world),
            actions: self.actions.iter().map(|action| action.view(world)).collect(),
            blocked: self
                .blocked
                .iter()
                .map(|blocked| blocked.view(world))
                .chain(self.fought_over_views(world))
                .collect(),
            profiles: world.profile_counts(),
            notices: self.notices(world),
        }
    }

    /// What the reader should know beside the plan, the plan's own shape first.
    pub fn notices(&self, world: &World) -> Vec<String> {
        self.pool_move.map(PoolMove::text).into_iter().chain(world.notices()).collect()
    }

    /// A short id: the same for the same changes in the same modes, and for no other plan.
    pub fn id(&self, world: &World) -> String {
        id_of(world, self.actions.iter())
    }
}

fn id_of<'a>(world: &World, actions: impl Iterator<Item = &'a Action>) -> String {
    let mut hash = Sha256::new();
    for action in actions {
        let change = &action.change;
        hash.update([change.kind() as u8, action.mode as u8]);
        hash.update(change.room().map_or("", |room| room.key(world)));
        hash.update([0]);
        hash.update(change.user().map_or("", |user| world.users.key(user)));
        hash.update([0]);
        // Which settings and which levels: what is approved is what was shown.
        if change.user().is_none() {
            hash.update(change.before_and_after(world).1.to_string());
            hash.update([0]);
        }
    }
    hex::encode(&hash.finalize()[..4])
}

impl RoomIx {
    /// The room's key in the configuration.
    pub fn key(self, world: &World) -> &str {
        &world.policy.rooms[self.index()].key
    }
}

impl Change {
    /// What is there now and what will be, as the plan shows and the ledger keeps it.
    pub fn before_and_after(&self, world: &World) -> (Value, Value) {
        match self {
            Self::CreateAccount { .. } => (Value::Null, json!("active")),
            Self::RestoreAccount { before, .. } => (json!(<&str>::from(before)), json!("active")),
            Self::LockAccount { .. } => (json!("active"), json!("locked")),
            Self::DeactivateAccount { .. } => (json!("active"), json!("deactivated")),
            Self::GrantServerAdmin { .. } => (json!(false), json!(true)),
            Self::RevokeServerAdmin { .. } => (json!(true), json!(false)),
            // No name of anybody: the ledger keeps it for ever.
            Self::SetDisplayName { user, before, .. } => {
                (json!(world.profile_word(*user, ProfileField::DisplayName, *before)), json!("given"))
            }
            Self::SetAvatar { user, before, .. } => {
                (json!(world.profile_word(*user, ProfileField::Avatar, *before)), json!("given"))
            }
            Self::SetRoomState { before, after, .. } => (before.clone().unwrap_or_default(), json!(after)),
            Self::Join { before, .. } => (json!(before.as_str()), json!("join")),
            Self::Remove { before, ban, .. } => (json!(before.as_str()), json!(if *ban { "ban" } else { "leave" })),
            Self::SetPowerLevels { room, edits } => {
                let levels = |of: fn(&PowerEdit) -> Value| -> Value {
                    let levels = edits.iter().map(|edit| (world.level_name(*room, edit.of), of(edit)));
                    levels.collect::<serde_json::Map<_, _>>().into()
                };
                (levels(|edit| json!(edit.before)), levels(|edit| json!(edit.after)))
            }
        }
    }
}

impl Action {
    /// Why it is planned, as a clause that reads alone. Of levels each person's own reason is told, up to a number.
    pub fn cause(&self, world: &World) -> String {
        match &self.change {
            Change::SetPowerLevels { room, edits } => world.levels_cause(*room, edits),
            change => self.because.text(world, change.room(), change.user()),
        }
    }

    /// The action in words.
    pub fn view(&self, world: &World) -> ActionView {
        let Self { change, mode, held, because: _ } = self;
        let (before, after) = change.before_and_after(world);
        ActionView {
            kind: change.kind(),
            room: change.room().map(|room| room.key(world).to_owned()),
            user: change.user().map(|user| world.users.mxid(user)),
            mode: *mode,
            held: held.is_some(),
            part_count: self.part_count(),
            because: self.cause(world),
            before,
            after,
            held_because: held.map(|hold| hold.text(world)),
        }
    }
}

impl Blocked {
    /// The obstacle in words.
    pub fn view(&self, world: &World) -> BlockedView {
        let Self { kind, room, user, because } = self;
        BlockedView {
            kind: *kind,
            room: room.map(|room| room.key(world).to_owned()),
            user: world.users.mxid(*user),
            because: because.text(world, *room, Some(*user)),
        }
    }
}

impl Because {
    /// The reason as a clause that reads alone.
    pub fn text(self, world: &World, room: Option<RoomIx>, user: Option<UserIx>) -> String {
        match self {
            Self::Selector(position) => room.map_or_else(String::new, |room| {
                let named = world.policy.rooms[room.index()].members[usize::from(position)].in_words();
                match user.and_then(|user| world.roster_words(user)) {
                    Some(row) => format!("{row}; the room is for {named}"),
                    None => format!("the room is for {named}"),
                }
            }),
            Self::AdminSelector(position) => {
                let named = world.policy.server_admins[usize::from(position)].in_words();
                match user.and_then(|user| world.roster_words(user)) {
                    Some(row) => format!("{row}; server admins are {named}"),
                    None => format!("server admins are {named}"),
                }
            }
            Self::AdminSelectorUnreadable(position) => {
                let position = usize::from(position);
                let why = world.unreadable_source(world.admins[position]).map_or_else(String::new, |why| why.to_string());
                format!("server admins are {}, they are one of these, and {why}", world.policy.server_admins[position].in_words())
            }
            Self::AdminsFrozen => match user.map_or_else(|| world.admins_freeze(), |user| world.freeze_of_admin(user)) {
                Some(freeze) => format!("would no longer be a server admin, but {freeze}"),
                None => "would no longer be a server admin, but a source was unreadable".to_owned(),
            },
            Self::NoAccountYet => match user.and_then(|user| world.roster_words(user)) {
                Some(row) => format!("{row}, and Synapse has no such account"),
                None => "the account is confirmed, and Synapse has no such account".to_owned(),
            },
            Self::NotEntitled => user.map_or_else(String::new, |user| world.not_entitled_words(room, user)),
            Self::CameBack => {
                "belongs here no longer and came back by themselves for the third time within an hour; the ban is taken back \
                 when a source names them again"
                    .to_owned()
            }
            Self::NobodyKnows => user.map_or_else(String::new, |user| world.nobody_knows_words(room, user)),
            Self::Banned => "banned from the room; unban first if this is not meant".to_owned(),
            Self::LeftByChoice => "left by choice; `rejoin` brings them back".to_owned(),
            Self::PastUnread => {
                "somebody else invited, removed or banned them, and whether they had left by choice before is not known yet; \
                 Synapse is being asked"
                    .to_owned()
            }
            Self::Deactivated => "the account is deactivated on the homeserver".to_owned(),
            Self::Locked => "the account is locked on the homeserver".to_owned(),
            Self::Suspended => "suspended on Synapse, which lets nobody join them: unsuspend the account first".to_owned(),
            Self::AccountMissing => {
                "Synapse has no such account, and none will be made (is [modes] accounts on observe, or is the person named by a selector only?)".to_owned()
            }
            Self::AccountsUnlisted => "Synapse's accounts could not be listed yet".to_owned(),
            Self::Folded => "two subjects fold to this MXID; mend one of the rows".to_owned(),
            Self::Frozen => match room.zip(user).map_or_else(|| world.pool_freeze(), |(room, user)| world.freeze_of_member(room, user)) {
                Some(freeze) => format!("would be taken away, but {freeze}"),
                None => "would be taken away, but a source was unreadable".to_owned(),
            },
            Self::Unconfirmed if user.is_some_and(|user| world.facts.account(user) == Account::Refused) => {
                "the pool did not know this account, but may have been asked before it was confirmed; it is being asked again"
                    .to_owned()
            }
            Self::Unconfirmed => {
                "the pool has not said yet whether it has this account; it is being asked".to_owned()
            }
            Self::PoolDisabled => closed_words(world, room, user, "disabled in the pool", ""),
            Self::PoolRefused => "the pool was asked and does not know the account".to_owned(),
            Self::PoolDeleted => closed_words(world, room, user, "gone from the pool", ": missing from two whole listings"),
            Self::Restored => "the pool has the account enabled again, and this service had closed it".to_owned(),
            Self::Drifted(setting) => world.drift_words(room, setting),
            Self::Grants => "the grants of the room".to_owned(),
            Self::ProfileEmpty => "a source says one, and the account has none that its owner chose".to_owned(),
            Self::ProfileFollows => "the source says another than the one that was given before".to_owned(),
            Self::ProfileKept => "its owner chose another, and profiles.keep holds to the source's".to_owned(),
            Self::Obstacle(obstacle) => obstacle.text(world, room, user),
        }
    }
}

/// What the pool says of an account, since when, and how its owner came into the room.
fn closed_words(world: &World, room: Option<RoomIx>, user: Option<UserIx>, what: &str, how: &str) -> String {
    let words = format!("{what}{}{how}", world.account_since_words(user));
    match user {
        Some(user) => world.with_entrance(room, user, words),
        None => words,
    }
}

impl World {
    /// What a setting of a room is, and who made it so.
    fn drift_words(&self, room: Option<RoomIx>, setting: Setting) -> String {
        let state = room.and_then(|room| self.room(room).state(setting.event().0));
        let Some(state) = state else {
            return format!("the room has no {}", setting.key());
        };
        let (who, event) = match (state.sender.as_str(), state.event_id.as_str()) {
            ("", _) => ("somebody", String::new()),
            (who, "") => (who, String::new()),
            (who, event) => (who, format!(" ({event})")),
        };
        match setting.value(Some(&state.content)) {
            Some(_) => format!("{who} set the {} otherwise{event}", setting.key()),
            None => format!("{who} redacted or emptied the {}{event}", setting.key()),
        }
    }

    /// What the roster says of a user, or `None` where it says nothing.
    pub fn roster_words(&self, user: UserIx) -> Option<String> {
        let places = self.facts.teams.get(user)?;
        let words: Vec<String> = places
            .iter()
            .map(|(team, role)| match role {
                Some(role) => format!("{} of {}", self.names.text(*role), self.names.text(*team)),
                None => format!("no role in {}", self.names.text(*team)),
            })
            .collect();
        Some(format!("the roster says {}", words.join(", ")))
    }
}

impl World {
    /// Trouble with the pool and its groups.
    fn pool_notices(&self) -> Vec<String> {
        let facts = &self.facts;
        let of = |what: String, state: &SourceState| match state {
            SourceState::Good => None,
            SourceState::Unread => Some(format!(
                "{what} has not been listed lately: nobody is removed because of it (`run` lists it, and so does `backfill`)"
            )),
            SourceState::Failing(reason) => {
                Some(format!("{what} cannot be listed, nobody is removed because of it: {reason}"))
            }
        };
        let pool =
            (facts.accounts_from == AccountsFrom::Pool).then(|| of("the pool".to_owned(), &facts.pool)).flatten();
        let mut groups: Vec<_> =
            facts.group_states.iter().map(|(name, state)| (self.names.text(*name), state)).collect();
        groups.sort_by_key(|(name, _)| *name);
        let groups = groups.into_iter().filter_map(|(name, state)| of(format!("group {name:?}"), state));
        pool.into_iter().chain(groups).collect()
    }

    /// Trouble with the source of names and pictures.
    fn profile_notices(&self) -> Vec<String> {
        let profiles = &self.facts.profiles;
        let failing = match &self.facts.profiles_source {
            SourceState::Failing(reason) => {
                Some(format!("profiles.query cannot be read, and names and pictures stay as they are: {reason}"))
            }
            SourceState::Good | SourceState::Unread => None,
        };
        let unusable = (profiles.unusable > 0).then(|| {
            format!(
                "{} nobody in particular and left out: a subject that cannot be a Matrix id, or one that is there twice with \
                 different values",
                how_many(profiles.unusable, "row of profiles.query names", "rows of profiles.query name")
            )
        });
        failing.into_iter().chain(unusable).collect()
    }

    /// Trouble with sources and rooms, each with its mend. Single rows come last: there may be many, and a short answer shows
    /// the first notices alone.
    pub fn notices(&self) -> Vec<String> {
        let world = self;
        let mut notices = Vec::new();
        if world.rooms().any(|room| world.roster_suspicion(room) == Some(HoldReason::EmptyRoster)) {
            notices.push("the roster answered no row at all: nobody is removed because of it; look at roster.query and at the tables behind it"
                    .to_owned());
        }
        if let SourceState::Failing(reason) = &world.facts.roster {
            notices.push(format!("the roster cannot be read, nobody is removed because of it: {reason}"));
        }
        notices.extend(world.pool_notices());
        notices.extend(world.profile_notices());
        for room in world.rooms() {
            match &world.room(room).status {
                RoomStatus::Ready => {
                    notices.extend(world.join_rule_notice(room));
                    notices.extend(world.tombstone_notice(room));
                }
                RoomStatus::Unread => {
                    notices.push(format!("room {} has not been read: nothing is planned in it", room.key(world)))
                }
                RoomStatus::Unreadable(why) => {
                    notices.push(format!("nothing is planned in room {}: {why}", room.key(world)))
                }
            }
        }
        notices.extend(world.follow_notices());
        notices.extend(world.facts.roster_notices.iter().cloned());
        notices
    }
}
