//! A change that is no longer repeated, because somebody keeps undoing it: a person is told once, with the name of who
//! reverts it. What was no longer repeated before a restart is learnt from the ledger.

use std::time::Instant;

use anyhow::{Context, Result};
use provisioner_policy::{Action, ChangeKey, Plan, World};
use tracing::error;

use crate::reconcile::brakes::fights::{Fights, WINDOW};
use crate::reconcile::brakes::reverter;
use crate::store::Store;

/// A change that became a fight, and why it is not repeated.
pub(crate) struct NewFight<'a> {
    pub(crate) action: &'a Action,
    pub(crate) detail: String,
}

/// Learns once what was done lately, and what is no longer repeated.
pub(crate) async fn read_fights(fights: &mut Fights, store: &Store, world: &mut World) -> Result<()> {
    if fights.read {
        return Ok(());
    }
    let lines = store.done_lately(WINDOW.as_secs_f64()).await.context("read what was done lately")?;
    fights.inherit(world, lines, Instant::now());
    let keys: Vec<ChangeKey> = world.fights.keys().cloned().collect();
    for key in keys {
        name_reverter(store, world, &key).await?;
    }
    Ok(())
}

/// What became a fight since the last pass: a person must act.
pub(crate) async fn new_fights<'a>(
    fights: &mut Fights,
    store: &Store,
    world: &mut World,
    plan: &'a Plan,
) -> Result<Vec<NewFight<'a>>> {
    let mut new = Vec::new();
    for action in &plan.fought_over {
        let change = &action.change;
        let Some(key) = change.counted().next() else { continue };
        if !fights.told.insert(key.clone()) {
            continue;
        }
        name_reverter(store, world, &key).await?;
        let Some(fight) = world.fights.get(&key) else { continue };
        let (kind, detail) = (change.kind().as_str(), fight.text());
        error!(
            user.id = change.user().map(|user| world.users.mxid(user)),
            room.key = change.room().map(|room| room.key(world)),
            sender = fight.by,
            "{kind} is no longer repeated: {detail}"
        );
        new.push(NewFight { action, detail });
    }
    Ok(new)
}

/// Tells a person who makes power that policy gives to nobody again and again. What is done each time has its own line in the
/// ledger each time.
pub(crate) async fn tell_lasting(fights: &mut Fights, store: &Store, world: &mut World) -> Result<()> {
    let lasting = world.fights.iter().filter(|(key, fight)| fight.again_at.is_none() && !fights.is_told(key));
    let lasting: Vec<ChangeKey> = lasting.map(|(key, _)| key.clone()).collect();
    for key in lasting {
        name_reverter(store, world, &key).await?;
        let Some(fight) = world.fights.get(&key) else { continue };
        error!(
            user.id = key.user().map(|user| world.users.mxid(user)),
            room.key = key.room.map(|room| room.key(world)),
            sender = fight.by,
            "{} is done again and again: {}",
            key.kind.as_str(),
            fight.text()
        );
        fights.told.insert(key);
    }
    Ok(())
}

async fn name_reverter(store: &Store, world: &mut World, key: &ChangeKey) -> Result<()> {
    let by = reverter::find(store, world, key).await?;
    world.name_reverter(key, by);
    Ok(())
}
