//! `follow`: moves the policy of a room that was replaced to its successor. The tombstone and the successor's own create event
//! must agree, and the bot gets into the successor. What is to be done there is for the next pass.

use anyhow::Context;
use futures_util::{StreamExt, stream};
use provisioner_policy::{Creators, Levels, POWER_LEVELS, Policy, level_words, room_version};
use serde_json::{Value, json};
use tracing::info;

use crate::homeserver::{CallError, Homeserver, MemberEvent, RoomOrigin, StateEvent};
use crate::reconcile::{Past, followed, past};
use crate::store::{NewFollow, Paused, Store};

/// Upgrades since the room was last followed; a longer chain is not believed.
const LONGEST_CHAIN: usize = 20;

/// Pasts asked for at once.
const AT_ONCE: usize = 8;

/// So many who stand above the bot are named.
const NAMED: usize = 5;

/// What to follow.
#[derive(Clone, Copy, Debug)]
pub struct FollowRequest<'a> {
    /// The room, by its key.
    pub key: &'a str,
    /// Who asks.
    pub by: &'a str,
    /// Into a room, too, in which somebody stands at or above the bot.
    pub force: bool,
}

/// A room whose policy was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub from: String,
    pub to: String,
    /// The sender of the tombstone.
    pub replaced_by: String,
    /// Who made the new room.
    pub made_by: String,
}

/// The end of a chain of upgrades.
struct Successor {
    id: String,
    origin: RoomOrigin,
}

/// Why a room is not followed. Nothing was changed but, at the last two, the bot may be in the new room already.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("there is no room {0:?} in the configuration")]
    NoSuchRoom(String),
    #[error("room {key} was not replaced: {id} has no tombstone")]
    NotReplaced { key: String, id: String },
    #[error("room {key} was closed without a successor: the tombstone of {id} names none")]
    NoSuccessor { key: String, id: String },
    #[error(
        "the tombstone of {id} names {next}, which Synapse does not know; if that is where the room has gone, somebody of this \
         server must be in it"
    )]
    Unknown { id: String, next: String },
    #[error(
        "the tombstone of {id} names {next}, but {next} says it replaces {says}: this is no upgrade, and nobody is moved; if it \
         is meant all the same, write id = \"{next}\" into the configuration"
    )]
    Forged { id: String, next: String, says: String },
    #[error(
        "{next}, which {made_by} made, would be somebody else's: the bot's own level there is {bot}, and as much or more have \
         {rivals}; nobody could take that from them, and everyone would be joined there. Have them lowered in a client, name them in \
         guard.exempt, or, if it is meant so, run `phenom-provisioner follow {key} --force`"
    )]
    Outranked { key: String, next: String, made_by: String, bot: String, rivals: String },
    #[error("the power levels of {next} cannot be read ({why}): write them anew by hand, as somebody of level 100")]
    Unreadable { next: String, why: String },
    #[error("{next} is the room {key} of the configuration already")]
    Managed { next: String, key: String },
    #[error("the successors of {0} go in a circle, or without end")]
    Circle(String),
    #[error("not followed: {0}")]
    Paused(Paused),
    #[error(
        "Synapse does not say whether {user} had left {id} by choice, and nobody is joined against theirs ({why}); try again, and see \
         Synapse's log if it lasts"
    )]
    PastUnread { id: String, user: String, why: CallError },
    #[error("Synapse cannot be asked about the successor")]
    Call(#[from] CallError),
    #[error("the move could not be recorded")]
    Store(#[from] sqlx::Error),
}

/// Moves a room's policy to its newest successor. `policy` is the one in force, moves included.
pub async fn follow(
    homeserver: &Homeserver,
    store: &Store,
    policy: &Policy,
    FollowRequest { key, by, force }: FollowRequest<'_>,
) -> Result<Moved, FollowError> {
    let room =
        policy.rooms.iter().find(|room| room.key == key).ok_or_else(|| FollowError::NoSuchRoom(key.to_owned()))?;
    // Entering the successor is a write to the homeserver.
    if let Some(paused) = store.paused().await? {
        return Err(FollowError::Paused(paused));
    }
    let from = room.id.clone();
    let not_replaced = || FollowError::NotReplaced { key: key.to_owned(), id: from.clone() };
    let tombstone = homeserver.state_of_any_room(&from, "m.room.tombstone").await?.ok_or_else(not_replaced)?;
    let replaced_by = tombstone.sender.clone();
    let successor = newest_successor(homeserver, key, &from, tombstone).await?;
    if let Some(other) = policy.rooms.iter().find(|other| other.id == successor.id) {
        return Err(FollowError::Managed { next: successor.id, key: other.key.clone() });
    }
    // Looked at before the bot enters, which is a write.
    let forced = match outranked(homeserver, policy, key, &successor).await? {
        Some(refusal) if !force => return Err(refusal),
        Some(_) => " by force",
        None => "",
    };
    let Successor { id: to, origin: RoomOrigin { made_by, .. } } = successor;
    let cause = format!("command of {by}{forced}; {replaced_by} replaced the room, and {made_by} made the new one");
    let departures = departures(homeserver, store, policy, &from).await?;
    homeserver.enter(&to).await?;
    let configured_id = policy.followed(&from).map_or(&from, |followed| &followed.configured);
    let new = NewFollow {
        room_key: key,
        configured_id,
        from: &from,
        followed_id: &to,
        by,
        cause: &cause,
        departures: &departures,
    };
    store.follow(&new).await?;
    info!(room.key = key, room.id = to, "the policy of the room is moved from {from} to its successor");
    Ok(Moved { from, to, replaced_by, made_by })
}

/// The end of the chain that begins with this tombstone, each link confirmed from both sides.
async fn newest_successor(
    homeserver: &Homeserver,
    key: &str,
    first: &str,
    tombstone: StateEvent,
) -> Result<Successor, FollowError> {
    let (mut seen, mut tombstone) = (vec![first.to_owned()], tombstone);
    loop {
        let id = seen.last().expect("it begins with one").clone();
        let named: Value = serde_json::from_str(tombstone.content.get()).unwrap_or_default();
        let next = named["replacement_room"].as_str().unwrap_or_default().to_owned();
        if next.is_empty() {
            return Err(FollowError::NoSuccessor { key: key.to_owned(), id });
        }
        if seen.contains(&next) || seen.len() > LONGEST_CHAIN {
            return Err(FollowError::Circle(first.to_owned()));
        }
        let Some(origin) = homeserver.origin(&next).await? else { return Err(FollowError::Unknown { id, next }) };
        if origin.replaces != id {
            let says = Some(origin.replaces).filter(|says| !says.is_empty());
            let says = says.unwrap_or_else(|| "no room at all".to_owned());
            return Err(FollowError::Forged { id, next, says });
        }
        match homeserver.state_of_any_room(&next, "m.room.tombstone").await? {
            Some(newer) => {
                seen.push(next);
                tombstone = newer;
            }
            None => return Ok(Successor { id: next, origin }),
        }
    }
}

/// The refusal where somebody stands at or above the bot in the successor and is not exempt. Such a room is theirs for good.
async fn outranked(
    homeserver: &Homeserver,
    policy: &Policy,
    key: &str,
    Successor { id: next, origin: RoomOrigin { made_by, create, .. } }: &Successor,
) -> Result<Option<FollowError>, FollowError> {
    let power = homeserver.state_of_any_room(next, POWER_LEVELS).await?;
    let power: Option<Value> = power.map(|power| serde_json::from_str(power.content.get()).unwrap_or_default());
    let creators = Creators::of(room_version(create), create, made_by);
    let unreadable = |why| FollowError::Unreadable { next: next.clone(), why };
    let levels = Levels::read(power.as_ref(), creators).map_err(unreadable)?;
    let mut rivals = levels.rivals(&policy.bot, &policy.exempt);
    let default = levels.default_level();
    rivals.extend((default >= levels.of(&policy.bot)).then_some(("everybody by users_default", default)));
    if rivals.is_empty() {
        return Ok(None);
    }
    let mut named: Vec<String> =
        rivals.iter().take(NAMED).map(|(user, level)| format!("{user} ({})", level_words(*level))).collect();
    let more = rivals.len().saturating_sub(NAMED);
    named.extend((more > 0).then(|| format!("{more} more")));
    Ok(Some(FollowError::Outranked {
        key: key.to_owned(),
        next: next.clone(),
        made_by: made_by.clone(),
        bot: level_words(levels.of(&policy.bot)),
        rivals: named.join(", "),
    }))
}

/// Leaves by choice in `from` that are still respected. In the successor these users are strangers, and would be joined.
async fn departures(homeserver: &Homeserver, store: &Store, policy: &Policy, from: &str) -> Result<Value, FollowError> {
    let others = homeserver.other_members(from).await?;
    let cleared = store.cleared_leaves().await?;
    let respected = |user: &str, event: &str| {
        !cleared.iter().any(|one| one.room_id == from && one.user_id == user && one.event_id == event)
    };
    let left = |one: &&MemberEvent| one.membership == "leave" && one.sender == one.user_id;
    let mut departures: Vec<(String, String)> =
        others.iter().filter(left).map(|one| (one.user_id.clone(), one.event_id.clone())).collect();
    // Who was invited, removed or banned by others after that has not come back, be it to this room or to the one before it.
    let followed = policy.followed(from);
    let behind: Vec<&MemberEvent> = others.iter().filter(|one| one.is_by_others(&policy.bot)).collect();
    let asked: Vec<_> = behind.iter().map(|one| past(homeserver, from, &one.user_id, &one.event_id)).collect();
    let mut pasts = stream::iter(asked).buffered(AT_ONCE);
    for one in behind {
        let unread = |why| FollowError::PastUnread { id: from.to_owned(), user: one.user_id.clone(), why };
        let left = match pasts.next().await.transpose().map_err(unread)? {
            Some(Past::Left(event_id)) => Some(event_id),
            Some(Past::Beginning) => followed.and_then(|before| before.left_by(&one.user_id)).map(str::to_owned),
            Some(Past::Other) | None => None,
        };
        departures.extend(left.map(|event_id| (one.user_id.clone(), event_id)));
    }
    // A user who had left an older room of the chain, and never was in this one, is a stranger here.
    if let Some(followed) = followed.filter(|followed| !followed.voluntary_leaves.is_empty()) {
        let joined = homeserver.joined_members(from).await?;
        let is_here =
            |user: &str| joined.iter().any(|one| **one == *user) || others.iter().any(|one| one.user_id == user);
        departures.extend(followed.voluntary_leaves.iter().filter(|(user, _)| !is_here(user)).cloned());
    }
    departures.retain(|(user, event)| respected(user, event));
    Ok(json!(departures))
}

/// The policy in force: that of the file, with the rooms that are followed to their successors.
pub async fn policy_in_force(store: &Store, of_the_file: &Policy) -> anyhow::Result<Policy> {
    let follows = store.follows().await.context("read which rooms are followed")?;
    let mut policy = of_the_file.clone();
    policy.follow(followed(follows));
    Ok(policy)
}
