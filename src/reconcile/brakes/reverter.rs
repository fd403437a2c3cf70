//! Who undoes what we do: the sender of the events that undid it, as Synapse pushed them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use provisioner_policy::{ChangeKey, Class, RoomIx, UserIx, World};

use crate::reconcile::brakes::fights::WINDOW;
use crate::reconcile::remembered::RememberedEvent;
use crate::store::Store;

/// The sender who undid the change most often lately. Nothing is pushed about accounts and their flags.
pub(crate) async fn find(store: &Store, world: &World, key: &ChangeKey) -> Result<Option<String>> {
    let Some(room) = key.room else { return Ok(None) };
    let types = types(key);
    let id = &world.policy.rooms[room.index()].id;
    let events = store.events_lately(id, &types, WINDOW.as_secs_f64()).await.context("look who undoes our changes")?;
    // Levels of people are in one event of the room.
    let user = key.user().filter(|_| key.kind.class() != Class::PowerLevels).map(|user| world.users.mxid(user));
    let foreign = events
        .iter()
        .filter_map(|event| serde_json::from_str::<RememberedEvent>(event).ok())
        .filter(|event| event.sender != world.policy.bot && (user.is_none() || event.state_key == user));
    let mut senders: BTreeMap<String, usize> = BTreeMap::new();
    foreign.for_each(|event| *senders.entry(event.sender).or_default() += 1);
    // An invited user accepts the invitation themselves: the inviter is meant, where there is one.
    let others = senders.iter().filter(|(sender, _)| Some(*sender) != user.as_ref()).max_by_key(|(_, times)| **times);
    let pushed = others.or_else(|| senders.iter().next()).map(|(sender, _)| sender.clone());
    let in_state = || {
        let state = types.iter().find_map(|kind| world.room(room).state(kind))?;
        Some(state.sender.clone()).filter(|sender| *sender != world.policy.bot)
    };
    Ok(pushed.or_else(in_state))
}

/// Who invited somebody most often lately; nothing where nobody but the bot did: they come by themselves.
pub(crate) async fn inviter(
    store: &Store,
    world: &World,
    (room, user): (RoomIx, UserIx),
    window: Duration,
) -> Result<Option<String>> {
    let id = &world.policy.rooms[room.index()].id;
    let events = store.events_lately(id, &["m.room.member".to_owned()], window.as_secs_f64()).await;
    let mxid = world.users.mxid(user);
    let mut senders: BTreeMap<String, usize> = BTreeMap::new();
    for event in events.context("look who lets somebody in")? {
        let Ok(RememberedEvent { sender, state_key, content, .. }) = serde_json::from_str(&event) else { continue };
        let is_invitation = content.membership.as_deref() == Some("invite") && state_key.as_ref() == Some(&mxid);
        if is_invitation && sender != world.policy.bot {
            *senders.entry(sender).or_default() += 1;
        }
    }
    Ok(senders.into_iter().max_by_key(|(_, times)| *times).map(|(sender, _)| sender))
}

/// The events that can undo such a change.
fn types(key: &ChangeKey) -> Vec<String> {
    let types: Vec<&str> = match key.kind.class() {
        Class::Joins | Class::Removals => vec!["m.room.member"],
        Class::PowerLevels => vec!["m.room.power_levels"],
        Class::RoomState => {
            key.setting().map(|setting| setting.event().0).into_iter().chain(["m.room.redaction"]).collect()
        }
        Class::Accounts | Class::ServerAdmins | Class::Profiles => vec![],
    };
    types.into_iter().map(str::to_owned).collect()
}
