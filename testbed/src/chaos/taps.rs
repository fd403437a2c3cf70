//! Taps on what the guard holds, in the Staff room: ✅ only where everybody in it has to go, else ❌.
//!
//! What a message shows is told by its id alone, so a tap that comes late approves nothing else: the service promises so, and the
//! verdict looks.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use fastrand::Rng;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::digest;
use super::rows::{now, sub_of};
use super::spans::Time;
use super::stage::{ADMINS, Stage, TEAMS};

/// Taps on the newest message that asks; whether there is one. A ✅ is noted in `ticks` by the time when it was given.
pub(super) async fn tap(
    stage: &Stage,
    strangers: &BTreeSet<String>,
    ticks: &mut Vec<Time>,
    rng: &mut Rng,
) -> Result<bool> {
    let wants = rng.bool();
    let part = digest::part("kind", "room", "person", "before", "after");
    // Of a message whose plan is not stored it is not known who is in it. What is being carried out can still be refused.
    let sql = format!(
        "WITH lawful AS (
             SELECT {part} AS part
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS one (kind, room, person, before, after)
         )
         SELECT post.event_id, post.state = 'open' AND EXISTS (
             SELECT FROM provisioner.held_plans AS plan
             WHERE plan.id = post.held_id AND plan.parts <> '{{}}' AND plan.parts <@ ARRAY(SELECT part FROM lawful))
         FROM provisioner.held_posts AS post
         WHERE post.event_id IS NOT NULL AND post.state IN ('open', 'deciding') ORDER BY post.id DESC LIMIT 1"
    );
    let [kinds, rooms, people, before, after] = lawful(stage, strangers);
    let mut ours = PgConnection::connect(&stage.database).await.context("connect to the service's database")?;
    let asks: Option<(String, bool)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(kinds)
        .bind(rooms)
        .bind(people)
        .bind(before)
        .bind(after)
        .fetch_optional(&mut ours)
        .await
        .context("look what is asked in the Staff room")?;
    let Some((post, is_right)) = asks else { return Ok(false) };
    let approves = wants && is_right;
    if approves {
        // Also where Synapse refuses it: it may have taken it.
        ticks.push(now());
    }
    let key = if approves { "✅" } else { "❌" };
    Ok(stage.lead.react(&stage.rooms["staff"], &post, key).await.is_ok())
}

/// Everything that may be taken from somebody now, as the parts of a held plan say it: kinds, rooms, people, before and after.
fn lawful(stage: &Stage, strangers: &BTreeSet<String>) -> [Vec<String>; 5] {
    let mut columns: [Vec<String>; 5] = Default::default();
    let mut push = |part: [&str; 5]| {
        for (column, text) in columns.iter_mut().zip(part) {
            column.push(text.to_owned());
        }
    };
    for team in TEAMS {
        let (room, members, leads) = (&stage.rooms[team], stage.rows.of(team), stage.rows.leads(team));
        let others = stage.movers.iter().map(String::as_str).chain(strangers.iter().map(|mxid| sub_of(mxid)));
        let people: BTreeSet<&str> = members.iter().copied().chain(others).collect();
        for person in people.iter().filter(|person| !members.contains(*person)) {
            push(["remove", room, person, "\"join\"", "\"leave\""]);
            push(["remove", room, person, "\"join\"", "\"ban\""]);
        }
        for person in people.iter().filter(|person| !leads.contains(*person)) {
            let mxid = stage.synapse.mxid(person);
            // As a lead of before has it, and as somebody who was raised by hand.
            for level in [50, 60] {
                let before = format!("{{\"{mxid}\":{level}}}");
                push(["set_power_levels", room, "", &before, &format!("{{\"{mxid}\":null}}")]);
            }
            if team == ADMINS {
                push(["revoke_server_admin", "", person, "true", "false"]);
            }
        }
    }
    columns
}
