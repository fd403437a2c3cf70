//! Reading rooms of Synapse into the mirror, each whole. Requests are O(rooms), never per member.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use provisioner_policy::{Column, Membership, RoomIx, RoomMirror, RoomStatus, StateEntry, UserIx, World, room_version};
use serde_json::Value;
use tracing::{debug, warn};

use crate::homeserver::{CallError, Homeserver, MemberEvent};
use crate::reconcile::read::state_sender::{self, KnownState};
use crate::reconcile::room_mirror::{CREATE, read_types};

/// How much is asked for at once: a start does not wait for one answer after another, and a hundred rooms are not asked for
/// in one breath.
const ROOMS_AT_ONCE: usize = 8;
const STATES_AT_ONCE: usize = 4;

/// One room as Synapse answered it.
struct RoomReading {
    version: String,
    others: Vec<MemberEvent>,
    joined: Vec<Box<str>>,
    state: Vec<(&'static str, StateEntry)>,
}

/// Reads these rooms. Returns the first transport error, after which more reading is pointless.
pub async fn observe_rooms(homeserver: &Homeserver, world: &mut World, rooms: &[RoomIx]) -> Result<(), CallError> {
    let ids: Vec<String> = rooms.iter().map(|room| world.policy.rooms[room.index()].id.clone()).collect();
    let known: Vec<KnownState> = rooms.iter().map(|room| KnownState::of(world, *room)).collect();
    let reads = ids.iter().zip(&known).map(|(id, known)| read_room(homeserver, id, known));
    let readings: Vec<_> = stream::iter(reads).buffered(ROOMS_AT_ONCE).collect().await;
    let mut unreachable = None;
    for (&room, reading) in rooms.iter().zip(readings) {
        match reading {
            Ok(reading) => apply_reading(world, room, reading),
            Err(error) => {
                let mend = unreadable(&error, &world.policy.bot);
                note_unreadable(world, room, mend);
                if error.is_transport() {
                    unreachable = Some(error);
                }
            }
        }
    }
    unreachable.map_or(Ok(()), Err)
}

fn note_unreadable(world: &mut World, room: RoomIx, why: String) {
    let status = RoomStatus::Unreadable(why);
    if world.room(room).status != status {
        if let RoomStatus::Unreadable(why) = &status {
            warn!(room.key = room.key(world), "room cannot be read: {why}");
        }
        world.set_room_status(room, status);
    }
}

async fn read_room(homeserver: &Homeserver, id: &str, known: &KnownState) -> Result<RoomReading, CallError> {
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
    let reads = read_types(&known.settings).map(|event_type| read_state(homeserver, id, known, event_type));
    let (created, state) = tokio::join!(
        homeserver.state_event(id, CREATE, ""),
        stream::iter(reads).buffered(STATES_AT_ONCE).try_collect::<Vec<_>>(),
    );
    let mut state: Vec<_> = state?.into_iter().flatten().collect();
    let mut version = String::new();
    if let Some(created) = created? {
        let content: Value = serde_json::from_str(created.content.get()).unwrap_or_default();
        room_version(&content).clone_into(&mut version);
        let event_id = created.event_id.unwrap_or_default();
        state.push((CREATE, StateEntry { content, sender: created.sender, event_id }));
    }
    Ok(RoomReading { version, others, joined, state })
}

async fn read_state(
    homeserver: &Homeserver,
    id: &str,
    known: &KnownState,
    event_type: &'static str,
) -> Result<Option<(&'static str, StateEntry)>, CallError> {
    let Some(content) = homeserver.state_content(id, event_type, "").await? else { return Ok(None) };
    let event = state_sender::of(homeserver, id, known, event_type, content).await?;
    Ok(Some((event_type, event)))
}

fn apply_reading(world: &mut World, room: RoomIx, reading: RoomReading) {
    // Each name is looked up once: of a million members that is most of the work.
    let others: Vec<UserIx> = reading.others.iter().map(|member| world.intern(&member.user_id)).collect();
    let joined: Vec<UserIx> = reading.joined.into_iter().map(|member| world.intern(&member)).collect();
    let missing = missing(world, room, joined.iter().chain(&others));
    if missing > 0 {
        let why = format!(
            "Synapse's answer lacks {missing} people who have a membership there, and memberships do not vanish: it is not \
             believed, and asked for again (if it is right all the same, restart this service)"
        );
        return note_unreadable(world, room, why);
    }
    let mut fresh = RoomMirror::of_version(reading.version);
    for (&user, member) in others.iter().zip(&reading.others) {
        let by_the_user = member.sender == member.user_id;
        let Some(membership) = Membership::of_event(&member.membership, by_the_user) else { continue };
        fresh.take_membership(user, membership, Some(&member.event_id));
        // Of what this service did to somebody it is known why.
        if !by_the_user && member.sender != world.policy.bot {
            fresh.set_past_unread(user, &member.event_id);
        }
    }
    for user in joined {
        fresh.take_membership(user, Membership::Join, None);
        world.set_present(user);
    }
    for (event_type, event) in reading.state {
        world.take_state(&mut fresh, event_type, event);
    }
    fresh.status = RoomStatus::Ready;
    world.set_room(room, fresh);
    debug!(room.key = room.key(world), members = world.room(room).joined(), "room read");
}

/// How many of those who had a membership are not `there`, in neither list of the answer: a user who leaves keeps a membership,
/// `leave`. A list that is empty or cut short, with 200, would make us forget who left by choice.
fn missing<'a>(world: &World, room: RoomIx, there: impl Iterator<Item = &'a UserIx>) -> usize {
    if world.room(room).members().next().is_none() {
        return 0;
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
    world.room(room).members().filter(|(user, _)| !listed.get(*user) && !strangers.contains(user)).count()
}

fn unreadable(error: &CallError, bot: &str) -> String {
    match error {
        CallError::BotNotInRoom => format!(
            "the bot {bot} is not in the room, or there is no such room; check the id, and run `phenom-provisioner bootstrap` to let the bot in"
        ),
        CallError::RoomUnknown => "Synapse knows no such room; check its id (a room ID, never an alias)".to_owned(),
        other => other.to_string(),
    }
}
