//! What was held was not done unasked.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sqlx::PgConnection;

use super::Verdict;
use crate::chaos::rows::sub_of;
use crate::chaos::spans::Time;
use crate::chaos::stage::{EVERYONE, Stage};

/// Of removals: what is held gets a line `held` once, and an attempt a line `started`, which names who let it go where it was held.
/// Lines `held` that say "undone" are of what is no longer repeated, and no hold of the guard. An attempt that ended as `left` was not
/// made.
const LINES: &str = "
    SELECT coalesce(room_key, ''), coalesce(user_id, ''), outcome, actor IS NOT NULL, (extract(epoch FROM at) * 1000)::bigint
    FROM provisioner.ledger AS line
    WHERE kind = 'remove' AND mode = 'enforce' AND outcome IN ('held', 'started', 'done', 'already_so')
      AND NOT (outcome = 'held' AND coalesce(detail, '') LIKE 'undone %')
      AND NOT EXISTS (
        SELECT FROM provisioner.ledger AS ended
        WHERE ended.pass = line.pass AND ended.seq = line.seq AND ended.outcome = 'left')
    ORDER BY id";

impl Verdict {
    /// A held removal is begun only for somebody who approved it. The window that passes, a smaller plan, a restart and the end of the
    /// accident let nothing go. Two things end a hold by themselves, and are left out here. The row comes back, so that no plan names
    /// the removal any more: users who were in the team at any time since are not looked at, and rows that an accident took away
    /// count as there. Or they are removed after all: who comes back after that is another case.
    pub(super) async fn look_at_holds(&mut self, stage: &Stage, ours: &mut PgConnection) -> Result<()> {
        let lines: Vec<(String, String, String, bool, i64)> =
            sqlx::query_as(LINES).fetch_all(ours).await.context("read what was held")?;
        let mut held: BTreeMap<(String, String), Time> = BTreeMap::new();
        for (room, user, outcome, is_approved, at) in lines {
            let (at, place) = (u64::try_from(at)?, (room, user));
            match outcome.as_str() {
                "held" => {
                    held.insert(place, at);
                }
                "started" => {
                    let since = held.get(&place).copied().filter(|_| !is_approved);
                    self.broken.extend(since.and_then(|since| let_go(stage, &place, since, at)));
                }
                _ => {
                    held.remove(&place);
                }
            }
        }
        Ok(())
    }
}

/// What is wrong with a removal that was held since then and is begun unasked, if anything is.
fn let_go(stage: &Stage, (room, user): &(String, String), since: Time, at: Time) -> Option<String> {
    let team = stage.rooms.keys().find(|team| *team == room && **team != EVERYONE)?;
    let was_there = stage.rows.perhaps_had(sub_of(user), team, since, at);
    (!was_there).then(|| {
        format!("the removal of {user} from {room} was held at {since} and begun at {at}, though nobody approved it")
    })
}
