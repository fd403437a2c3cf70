//! Rooms that are followed to their successors, as the database remembers them: the doctor and `bootstrap` look at the room that is
//! managed, and not at the dead one that the file still names.

use std::time::Duration;

use provisioner_policy::{Followed, Policy, RoomPolicy};

use super::{Finding, database, tables};
use crate::causes;
use crate::config::Config;

/// A database that does not answer soon keeps nobody from looking at the file's rooms.
const PATIENCE: Duration = Duration::from_secs(3);

/// The policy of the file with the rooms that are followed. On a connection of its own, and without touching the schema, as
/// `database` has it; where that has no tables yet, the file's. Where it cannot be asked, the file's as well, and why.
pub async fn policy_in_force(config: &Config, of_the_file: &Policy) -> (Policy, Option<String>) {
    let mut policy = of_the_file.clone();
    let late = || format!("no answer within {PATIENCE:?}");
    let why = match tokio::time::timeout(PATIENCE, read(config)).await.unwrap_or_else(|_| Err(late())) {
        Ok(followed) => {
            policy.follow(followed);
            None
        }
        Err(why) => Some(why),
    };
    (policy, why)
}

async fn read(config: &Config) -> Result<Vec<Followed>, String> {
    let mut connection = database::connect(&database::ours(config)).await?;
    let is_there = tables::has(&mut connection, "follows").await;
    if !is_there.map_err(|error| causes::of_postgres(&error))? {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!("SELECT configured_id, followed_id, followed_at, followed_by FROM provisioner.follows");
    let rows = rows.fetch_all(&mut connection).await.map_err(|error| causes::of_postgres(&error))?;
    let followed = rows.into_iter().map(|row| Followed {
        configured: row.configured_id,
        id: row.followed_id,
        by: row.followed_by,
        at: row.followed_at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        voluntary_leaves: Vec::new(),
    });
    Ok(followed.collect())
}

/// The line that is missing in the file, for a room that is followed.
pub(super) fn examine(policy: &Policy, room: &RoomPolicy) -> Option<Finding> {
    let Followed { configured, id, by, at, .. } =
        policy.followed(&room.id).filter(|followed| !followed.is_in_the_file())?;
    Some(Finding::warn(
        "room",
        format!(
            "{}: it is followed from {configured} to {id} (by {by}, {at}), and the file names the old one",
            room.key
        ),
        format!("write id = \"{id}\" under it"),
    ))
}
