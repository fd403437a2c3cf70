//! Every command has one answer.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use super::{LOOK, PATIENCE, Verdict};
use crate::chaos::stage::Stage;

impl Verdict {
    pub(super) async fn look_at_answers(
        &mut self,
        stage: &Stage,
        synapse: &mut PgConnection,
        said: &[String],
    ) -> Result<()> {
        let began = Instant::now();
        loop {
            let wrong = unanswered(stage, synapse, said).await?;
            if wrong.is_empty() {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                self.broken.extend(wrong);
                self.broken.push(pushes(stage, synapse).await?);
                return Ok(());
            }
            tokio::time::sleep(4 * LOOK).await;
        }
    }
}

/// Commands without an answer, or with several, among all that the bot ever wrote in the Staff room.
async fn unanswered(stage: &Stage, synapse: &mut PgConnection, said: &[String]) -> Result<Vec<String>> {
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
    let counts = said.iter().map(|command| (command, answers.get(command).copied().unwrap_or_default()));
    Ok(counts
        .filter(|(_, count)| *count != 1)
        .map(|(command, count)| format!("command {command} has {count} answers"))
        .collect())
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
                       FROM provisioner.commands WHERE state <> 'ignored'), 'none')";
    let read: String =
        sqlx::query_scalar(sql).fetch_one(&mut ours).await.context("ask how far the service has read")?;
    Ok(format!("Synapse: {pushed}; service: {read}"))
}
