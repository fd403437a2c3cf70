//! Every command has one answer.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use super::{LOOK, PATIENCE, Verdict};
use crate::chaos::stage::Stage;
use crate::chaos::trouble::Said;

impl Verdict {
    pub(super) async fn look_at_answers(
        &mut self,
        stage: &Stage,
        synapse: &mut PgConnection,
        said: &[Said],
    ) -> Result<()> {
        let began = Instant::now();
        loop {
            let mut wrong = unanswered(stage, synapse, said).await?;
            // What Synapse lost on its own nobody heard.
            let mut lost = 0;
            for at in (0..wrong.len()).rev() {
                let (said, answers) = wrong[at];
                if said.may_be_lost && answers == 0 && !is_pushed(stage, &said.event_id).await? {
                    wrong.swap_remove(at);
                    lost += 1;
                }
            }
            if wrong.is_empty() {
                self.lost = lost;
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                for (Said { event_id, .. }, answers) in wrong {
                    let pushed = if is_pushed(stage, event_id).await? { "pushed" } else { "never pushed" };
                    self.broken.push(format!("command {event_id}, {pushed}, has {answers} answers"));
                }
                self.broken.push(pushes(stage, synapse).await?);
                return Ok(());
            }
            tokio::time::sleep(4 * LOOK).await;
        }
    }
}

/// Commands without an answer, or with several, among all that the bot ever wrote in the Staff room.
async fn unanswered<'a>(stage: &Stage, synapse: &mut PgConnection, said: &'a [Said]) -> Result<Vec<(&'a Said, usize)>> {
    let sql = "SELECT j.json FROM events AS e JOIN event_json AS j ON j.event_id = e.event_id
               WHERE e.room_id = $1 AND e.sender = $2 AND e.type = 'm.room.message'";
    let written: Vec<String> = sqlx::query_scalar(sql)
        .bind(&stage.rooms["staff"])
        .bind(&stage.bot)
        .fetch_all(synapse)
        .await
        .context("read what the bot wrote")?;
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for event in written {
        let event: Value = serde_json::from_str(&event).context("read a message of the bot")?;
        let relation = &event["content"]["m.relates_to"];
        if relation["rel_type"] != "m.replace"
            && let Some(command) = relation["m.in_reply_to"]["event_id"].as_str()
        {
            *answers.entry(command.to_owned()).or_default() += 1;
        }
    }
    let counts = said.iter().map(|said| (said, answers.get(&said.event_id).copied().unwrap_or_default()));
    Ok(counts.filter(|(_, count)| *count != 1).collect())
}

/// Whether the service has a command in its inbox, handled or not.
async fn is_pushed(stage: &Stage, event_id: &str) -> Result<bool> {
    let mut ours = PgConnection::connect(&stage.database).await.context("connect to the service's database")?;
    let sql = "SELECT EXISTS (SELECT FROM provisioner.inbox WHERE event_id = $1)";
    sqlx::query_scalar(sql).bind(event_id).fetch_one(&mut ours).await.context("look whether a command was pushed")
}

/// How far Synapse has pushed, and how far the service has read: where a command without an answer is.
async fn pushes(stage: &Stage, synapse: &mut PgConnection) -> Result<String> {
    let sql = "SELECT coalesce((SELECT string_agg(state, ',') FROM application_services_state), 'none')
                   || ', transactions waiting ' || (SELECT count(*) FROM application_services_txns)
                   || ', events behind ' || (SELECT (SELECT max(stream_ordering) FROM events) - max(stream_ordering)
                                             FROM appservice_stream_position)";
    let pushed: String = sqlx::query_scalar(sql).fetch_one(synapse).await.context("ask how far Synapse has pushed")?;
    let mut ours = PgConnection::connect(&stage.database).await.context("connect to the service's database")?;
    let sql = "SELECT 'inbox ' || (SELECT count(*) || ', not handled ' || count(*) FILTER (WHERE handled_at IS NULL) FROM provisioner.inbox)
                   || ', commands ' || coalesce((SELECT string_agg(event_id || ' ' || state || ', answer ' || coalesce(reply_event_id, 'none') || coalesce(', ' || (
                       SELECT string_agg(outcome || ' ' || coalesce(detail, ''), '; ') FROM provisioner.ledger WHERE pass = commands.pass), ''), '; ')
                       FROM provisioner.commands WHERE state NOT IN ('ignored', 'answered')), 'none')";
    let read: String =
        sqlx::query_scalar(sql).fetch_one(&mut ours).await.context("ask how far the service has read")?;
    Ok(format!("Synapse: {pushed}; service: {read}"))
}
