//! What the guard had held and somebody approved: nothing is done under a word that nobody gave for it, or that was taken back.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, PgConnection};

use super::Verdict;
use crate::chaos::digest;
use crate::chaos::spans::Time;

/// So long after a tap what it approved may be done, in milliseconds: it is heard within two minutes or refused, is carried out within
/// two more or refused, and a call takes a moment.
const LASTS: Time = 250_000;

/// A change is on Synapse within so many milliseconds of its line in the ledger.
const CARRIED_OUT: Time = 60_000;

/// Something that was taken from somebody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    pub(super) kind: &'a str,
    /// The key of the room; empty for what is of the server.
    pub(super) team: &'a str,
    pub(super) user: &'a str,
    pub(super) at: Time,
}

/// What was begun under somebody's word, and when a tap gave one.
#[derive(Debug)]
pub(super) struct Approvals<'a> {
    /// Kind, room, users, and when it began.
    begun: Vec<(String, String, String, Time)>,
    ticks: &'a [Time],
}

impl<'a> Approvals<'a> {
    pub(super) async fn read(ours: &mut PgConnection, ticks: &'a [Time]) -> Result<Approvals<'a>> {
        let sql = "SELECT kind, coalesce(room_key, ''), coalesce(user_id, after::text, ''),
                          (extract(epoch FROM at) * 1000)::bigint
                   FROM provisioner.ledger WHERE outcome = 'started' AND actor IS NOT NULL ORDER BY id";
        let lines: Vec<(String, String, String, i64)> =
            sqlx::query_as(sql).fetch_all(ours).await.context("read what was approved")?;
        let begun =
            lines.into_iter().map(|(kind, room, users, at)| anyhow::Ok((kind, room, users, u64::try_from(at)?)));
        Ok(Approvals { begun: begun.collect::<Result<_>>()?, ticks })
    }

    /// Whether a tap that was right when it was given let it go. An approval is of what was shown, for some minutes: a row that comes
    /// in that time and is away again by an accident does not end it. `was_right` says whether the user had nothing to lose at the
    /// time of a tap.
    pub(super) fn excuse(&self, taken: Taken<'_>, was_right: impl Fn(Time) -> bool) -> bool {
        let Taken { kind, team, user, at } = taken;
        let is_approved = self.begun.iter().any(|(its, room, users, begun)| {
            let is_its = its == kind && room == team && users.contains(user);
            is_its && *begun <= at && at - *begun <= CARRIED_OUT
        });
        is_approved && self.ticks.iter().any(|tick| *tick <= at && at - *tick <= LASTS && was_right(*tick))
    }
}

impl Verdict {
    /// A line that names somebody who let it go has their approval before it, of a held plan that showed exactly that, and no ❌ to that
    /// plan was answered in between. How a lowered level was shown is not in its line, so for levels any plan that they approved
    /// will do.
    pub(super) async fn look_at_approvals(&mut self, ours: &mut PgConnection) -> Result<()> {
        let person = "split_part(substr(line.user_id, 2), ':', 1)";
        let part =
            digest::part("line.kind", "coalesce(line.room_id, '')", person, "line.before::text", "line.after::text");
        let sql = format!(
            "SELECT line.kind, coalesce(line.room_key, 'the server'), coalesce(line.user_id, line.after::text, ''), line.actor
             FROM provisioner.ledger AS line
             WHERE line.outcome = 'started' AND line.actor IS NOT NULL AND NOT EXISTS (
                 SELECT FROM provisioner.ledger AS word
                 JOIN provisioner.held_plans AS plan
                   ON word.cause = 'command of ' || line.actor || ': held plan ' || plan.id
                 WHERE word.kind = 'approve' AND word.id < line.id
                   AND (line.kind = 'set_power_levels' OR {part} = ANY(plan.parts))
                   AND NOT EXISTS (
                       SELECT FROM provisioner.ledger AS said JOIN provisioner.ledger AS answered USING (pass, seq)
                       WHERE said.kind = 'command' AND said.outcome = 'started' AND answered.outcome = 'done'
                         AND said.cause LIKE 'dismiss ' || left(plan.id, 8) || ' by %'
                         AND said.id > word.id AND answered.id < line.id
                   )
             ) ORDER BY line.id"
        );
        let lines: Vec<(String, String, String, String)> =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *ours).await.context("read who approved what")?;
        self.broken.extend(lines.into_iter().map(|(kind, room, users, actor)| {
            format!("{kind} in {room} of {users} was begun for {actor}, who had not approved it or had said no since")
        }));
        let sql = "SELECT count(*) FROM provisioner.ledger
                   WHERE kind = 'remove' AND outcome = 'done' AND actor IS NOT NULL";
        let approved: i64 = sqlx::query_scalar(sql).fetch_one(ours).await.context("count what was approved")?;
        self.approved_removals = usize::try_from(approved)?;
        Ok(())
    }
}
