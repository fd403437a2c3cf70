//! Reading rooms of Synapse into the mirror, each whole. Requests are O(rooms), never per member.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use provisioner_policy::{
    Column, Membership, RoomIx, RoomMirror, RoomStatus, StateEntry, UserIx, World, how_many, room_version,
};
use serde_json::Value;
use tracing::{debug, warn};

use crate::homeserver::{CallError, Homeserver, MemberEvent};
use crate::reconcile::read::state_sender::{self, KnownState};
use crate::reconcile::room_mirror::{CREATE, read_types};

/// How much is asked for at once: a start does not wait for one answer after another, and a hundred rooms are not asked for
/// in one breath.
pub(crate) const ROOMS_AT_ONCE: usize = 8;
const STATES_AT_ONCE: usize = 4;

/// An answer that lacks more people is cut short.
const MOST_VANISHED: usize = 50;

/// One room as Synapse answered it.
#[derive(Debug)]
pub(crate) struct RoomReading {
    version: String,
    others: Vec<MemberEvent>,
    joined: Vec<Box<str>>,
    state: Vec<(String, StateEntry)>,
    /// Users that it lacked were looked for once more.
    looked_twice: bool,
    /// Of these, those who have no membership any more: state resolution can drop one.
    vanished: HashSet<String>,
}

/// Reads these rooms, one after the other, and looks a second time for users that a reading lacks. The reconciler does the same
/// with a task for each reading and each look.
pub async fn observe_rooms(homeserver: &Homeserver, world: &mut World, rooms: &[RoomIx]) -> Result<(), CallError> {
    for &room in rooms {
        let id = world.policy.rooms[room.index()].id.clone();
        let reading = read_room(homeserver, &id, &KnownState::of(world, room)).await?;
        if let Some((reading, lacks)) = apply_reading(world, room, reading) {
            let reading = look_again(homeserver, &id, reading, &lacks).await?;
            apply_reading(world, room, reading);
        }
    }
    Ok(())
}

/// Notes why a room cannot be read; false where that was known.
pub(crate) fn note_unreadable(world: &mut World, room: RoomIx, error: &CallError) -> bool {
    let why = unreadable(error, &world.policy.bot);
    set_unreadable(world, room, why)
}

fn set_unreadable(world: &mut World, room: RoomIx, why: String) -> bool {
    let status = RoomStatus::Unreadable(why);
    let is_new = world.room(room).status != status;
    if is_new {
        if let RoomStatus::Unreadable(why) = &status {
            warn!(room.key = room.key(world), "room cannot be read: {why}");
        }
        world.set_room_status(room, status);
    }
    is_new
}

/// Asks Synapse for everything about one room.
pub(crate) async fn read_room(homeserver: &Homeserver, id: &str, known: &KnownState) -> Result<RoomReading, CallError> {
    // Before the joined ones: somebody admitted in between is then in both lists rather than in neither.
    let others = match homeserver.other_members(id).await {
        // Only the admin API tells a room that is not there from one that the bot is not in.
        Err(CallError::BotNotInRoom) => {
            return Err(homeserver.room_summary(id).await.err().unwrap_or(CallError::BotNotInRoom));
        }
        others => others?,
    };
    let joined = homeserver.joined_members(id).await?;
    // A bot that left reads the room's past with 200: everything below would be stale.
    if !joined.iter().any(|member| **member == *homeserver.user_id()) {
        return Err(CallError::BotNotInRoom);
    }
    // Owned names: the compiler sees no other stream as one that a task may run.
    let types: Vec<String> = read_types(&known.settings).map(str::to_owned).collect();
    let reads = types.into_iter().map(|event_type| read_state(homeserver, id, known, event_type));
    let (created, state) = tokio::join!(
        homeserver.state_event(id, CREATE),
        stream::iter(reads).buffered(STATES_AT_ONCE).try_collect::<Vec<_>>(),
    );
    let mut state: Vec<_> = state?.into_iter().flatten().collect();
    let mut version = String::new();
    if let Some(created) = created? {
        // Its version says whether any level binds its creators: guessed, it would be the first version.
        let content = serde_json::from_str::<Value>(created.content.get()).ok().filter(Value::is_object);
        let content = content.ok_or_else(|| CallError::Unexpected {
            status: 200,
            errcode: String::new(),
            message: "a create event whose content cannot be read".to_owned(),
        })?;
        room_version(&content).clone_into(&mut version);
        let event_id = created.event_id.unwrap_or_default();
        state.push((CREATE.to_owned(), StateEntry { content, sender: created.sender, event_id }));
    }
    Ok(RoomReading { version, others, joined, state, looked_twice: false, vanished: HashSet::new() })
}

/// One piece of state with an empty state key, if the room has it.
pub(crate) async fn read_state(
    homeserver: &Homeserver,
    id: &str,
    known: &KnownState,
    event_type: String,
) -> Result<Option<(String, StateEntry)>, CallError> {
    let Some(content) = homeserver.state_content(id, &event_type, "").await? else { return Ok(None) };
    let event = state_sender::of(homeserver, id, known, &event_type, content).await;
    Ok(Some((event_type, event)))
}

/// Looks a second time for users that a reading lacks: who left between its two lists is in neither. Who is not there then
/// either, and has no such membership by Synapse's word, has none; a few are asked for, and not a whole list.
pub(crate) async fn look_again(
    homeserver: &Homeserver,
    id: &str,
    mut reading: RoomReading,
    lacks: &HashSet<String>,
) -> Result<RoomReading, CallError> {
    let others = homeserver.other_members(id).await?;
    reading.others.extend(others.into_iter().filter(|member| lacks.contains(&member.user_id)));
    reading.looked_twice = true;
    let listed: HashSet<&str> = reading.others.iter().map(|member| &*member.user_id).collect();
    // Owned names, as in `read_room`.
    let missing: Vec<String> = lacks.iter().filter(|user| !listed.contains(user.as_str())).cloned().collect();
    if missing.len() <= MOST_VANISHED {
        let asked = missing.into_iter().map(|user| async move {
            let membership = homeserver.membership(id, &user).await?;
            Ok::<_, CallError>(membership.is_none().then_some(user))
        });
        let vanished: Vec<_> = stream::iter(asked).buffered(STATES_AT_ONCE).try_collect().await?;
        reading.vanished = vanished.into_iter().flatten().collect();
    }
    Ok(reading)
}

/// Takes a reading into the world. One that lacks users is given back, with their MXIDs, to look for them once more.
pub(crate) fn apply_reading(
    world: &mut World,
    room: RoomIx,
    mut reading: RoomReading,
) -> Option<(RoomReading, HashSet<String>)> {
    // A word that is no membership says nothing of anybody: who has it counts as lacking.
    reading.others.retain(|member| Membership::of_event(&member.membership, false).is_some());
    // Each name is looked up once: of a million members that is most of the work.
    let others: Vec<UserIx> = reading.others.iter().map(|member| world.intern(&member.user_id)).collect();
    let joined: Vec<UserIx> = reading.joined.iter().map(|member| world.intern(member)).collect();
    let mut missing = missing(world, room, joined.iter().chain(&others));
    missing.retain(|user| !reading.vanished.contains(&world.users.mxid(*user)));
    if !missing.is_empty() && !reading.looked_twice {
        return Some((reading, missing.into_iter().map(|user| world.users.mxid(user)).collect()));
    }
    if !missing.is_empty() {
        let why = format!(
            "Synapse's answer lacks {} a membership there, and memberships do not vanish: it is not believed, and asked for \
             again (if it is right all the same, restart this service)",
            how_many(missing.len(), "person who has", "people who have")
        );
        set_unreadable(world, room, why);
        return None;
    }
    drop(std::mem::take(&mut reading.joined));
    let mut fresh = RoomMirror::of_version(reading.version);
    for (&user, member) in others.iter().zip(&reading.others) {
        let by_the_user = member.sender == member.user_id;
        let Some(membership) = Membership::of_event(&member.membership, by_the_user) else { continue };
        fresh.take_membership(user, membership, Some(&member.event_id));
        if membership == Membership::Invite && member.sender != world.policy.bot {
            fresh.note_invited_by_other(user);
        }
        // Who upgrades a room bans in the new one whoever was banned in the old one: the bot, too.
        if membership == Membership::Ban && member.sender == world.policy.bot && member.is_our_ban {
            fresh.set_banned_by_us(user, true);
        }
        // Of what this service did to somebody it is known why.
        if member.is_by_others(&world.policy.bot) {
            fresh.set_past_unread(user, &member.event_id);
        }
    }
    for user in joined {
        fresh.take_membership(user, Membership::Join, None);
        world.set_present(user);
    }
    for (event_type, event) in reading.state {
        world.take_state(&mut fresh, &event_type, event);
    }
    fresh.status = RoomStatus::Ready;
    world.set_room(room, fresh);
    debug!(room.key = room.key(world), members = world.room(room).joined(), "room read");
    None
}

/// Those of the users with a membership who are not `there`, in neither list of the answer: a user who leaves keeps a membership,
/// `leave`. A list that is empty or cut short, with 200, would make us forget who left by choice.
fn missing<'a>(world: &World, room: RoomIx, there: impl Iterator<Item = &'a UserIx>) -> Vec<UserIx> {
    if world.room(room).members().next().is_none() {
        return Vec::new();
    }
    let mut listed = Column::<bool>::default();
    for &user in there {
        listed.set(user, true);
    }
    // Who left the room that this one replaced never was in this one.
    let followed = world.policy.followed(&world.policy.rooms[room.index()].id);
    let strangers: HashSet<UserIx> = followed
        .into_iter()
        .flat_map(|one| &one.voluntary_leaves)
        .filter_map(|(mxid, _)| world.users.get(mxid))
        .collect();
    let members = world.room(room).members().map(|(user, _)| user);
    members.filter(|user| !listed.get(*user) && !strangers.contains(user)).collect()
}

fn unreadable(error: &CallError, bot: &str) -> String {
    match error {
        CallError::BotNotInRoom => format!(
            "the bot {bot} is not in the room, or there is no such room; check the id, and run `phenom-provisioner bootstrap` to let the bot in"
        ),
        CallError::TimedOut { after } => format!("Synapse did not answer within {after:?}"),
        CallError::RoomUnknown => "Synapse knows no such room; check its id (a room ID, never an alias)".to_owned(),
        other => other.to_string(),
    }
}
