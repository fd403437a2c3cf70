//! What must be true after chaos, read from the databases of Synapse and of the service, never from what the service says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use super::operator;
use super::stage::{EVERYONE, Stage};
use super::trouble::Trouble;

/// So long is waited for what does not settle.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(250);
/// After so long somebody looks at what is held.
const ALONE: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// From the end of the last fault until the rooms were as the sources say, but for users that nobody knows.
    pub settled: Option<Duration>,
    /// And until those were out: the service asks the pool for them three times, within 45 s, before it believes that.
    pub strangers_out: Option<Duration>,
    /// People removed by the service, each time.
    pub removals: usize,
    pub joins: usize,
    /// Held plans that somebody had to approve, because the guard held strangers along with people whose rows were away.
    pub approved: usize,
    /// What must not be, each in a sentence.
    pub broken: Vec<String>,
}

impl Verdict {
    /// Waits until all is as it should be, and looks at how it came to be.
    pub(super) async fn of(stage: &Stage, trouble: &Trouble, since: Instant) -> Result<Verdict> {
        let mut synapse =
            PgConnection::connect(&stage.synapse.database_url()).await.context("connect to Synapse's database")?;
        let mut verdict = Verdict::default();
        let mut wrong = Vec::new();
        while since.elapsed() < PATIENCE {
            wrong = differences(stage, &mut synapse).await?;
            if verdict.settled.is_none() && wrong.iter().all(|wrong| wrong.is_about(&trouble.strangers)) {
                verdict.settled = Some(since.elapsed());
            }
            if wrong.is_empty() {
                verdict.strangers_out = Some(since.elapsed());
                break;
            }
            if since.elapsed() > ALONE {
                verdict.approved += usize::from(operator::approve(stage).await?);
            }
            tokio::time::sleep(LOOK).await;
        }
        verdict.broken.extend(wrong.into_iter().map(|wrong| wrong.what));
        verdict.look_at_removals(stage, &mut synapse).await?;
        let mut ours = PgConnection::connect(&stage.database).await.context("connect to the service's database")?;
        verdict.look_at_ledger(&mut ours).await?;
        verdict.look_at_messages(stage, &mut ours).await?;
        verdict.look_at_answers(stage, &trouble.said).await?;
        verdict.look_at_plan(stage).await?;
        Ok(verdict)
    }

    /// Nobody was removed by the service while every reading said that they belong.
    async fn look_at_removals(&mut self, stage: &Stage, synapse: &mut PgConnection) -> Result<()> {
        let sql = "SELECT m.room_id, m.user_id, m.membership, e.origin_server_ts
                   FROM room_memberships m JOIN events e USING (event_id)
                   WHERE e.sender = $1 AND m.user_id <> $1 AND m.membership <> 'invite' ORDER BY e.origin_server_ts";
        let changes: Vec<(String, String, String, i64)> =
            sqlx::query_as(sql).bind(&stage.bot).fetch_all(synapse).await.context("read who was removed")?;
        for (room, user, membership, at) in changes {
            if membership == "join" {
                continue;
            }
            self.removals += 1;
            let (team, at) = (team_of(stage, &room)?, u64::try_from(at)?);
            let sub = user.trim_start_matches('@').split(':').next().unwrap_or_default();
            if team == EVERYONE || stage.rows.had(sub, team, at) {
                self.broken.push(format!(
                    "{user} was removed from {team} at {at} ({membership}) and was in that team all the while"
                ));
            }
        }
        Ok(())
    }

    /// Every attempt has an end, and what was held was not done.
    async fn look_at_ledger(&mut self, ours: &mut PgConnection) -> Result<()> {
        let sql = "SELECT count(*) FROM provisioner.ledger AS started WHERE outcome = 'started' AND NOT EXISTS (
                     SELECT FROM provisioner.ledger AS ended
                     WHERE ended.pass = started.pass AND ended.seq = started.seq AND ended.outcome <> 'started')";
        let open: i64 = sqlx::query_scalar(sql).fetch_one(&mut *ours).await.context("read the ledger")?;
        if open > 0 {
            self.broken.push(format!("{open} attempts have no end in the ledger"));
        }
        let twice = "SELECT string_agg(kind || ' ' || outcome, ', ' ORDER BY id) FROM provisioner.ledger
                     WHERE outcome <> 'started' GROUP BY pass, seq HAVING count(*) > 1";
        let twice: Vec<String> = sqlx::query_scalar(twice).fetch_all(&mut *ours).await.context("read the ledger")?;
        self.broken.extend(twice.into_iter().map(|ends| format!("an attempt has several ends in the ledger: {ends}")));
        let joins = "SELECT count(*) FROM provisioner.ledger WHERE kind = 'join' AND outcome = 'done'";
        let joins: i64 = sqlx::query_scalar(joins).fetch_one(ours).await.context("read the ledger")?;
        self.joins = usize::try_from(joins)?;
        Ok(())
    }

    /// Every message of the queue has its row, and was deleted after it.
    async fn look_at_messages(&mut self, stage: &Stage, ours: &mut PgConnection) -> Result<()> {
        let sql = "SELECT subject FROM provisioner.accounts WHERE state = 'active'";
        let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(ours).await.context("read the accounts")?;
        let lost = stage.sign_ups.told.iter().filter(|sub| !rows.contains(sub));
        self.broken.extend(lost.map(|sub| format!("the message about {sub} has no row")));
        let left = async || {
            let depth = stage.sign_ups.aws.queue.depth().await?;
            Ok::<_, anyhow::Error>(depth.visible + depth.in_flight + depth.delayed)
        };
        let began = Instant::now();
        while left().await? > 0 {
            if began.elapsed() > PATIENCE {
                self.broken.push(format!("{} messages are left in the queue", left().await?));
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Every command has one answer.
    async fn look_at_answers(&mut self, stage: &Stage, said: &[String]) -> Result<()> {
        let began = Instant::now();
        loop {
            let wrong = unanswered(stage, said).await?;
            if wrong.is_empty() {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                self.broken.extend(wrong);
                self.broken.push(pushes(stage).await?);
                return Ok(());
            }
            tokio::time::sleep(4 * LOOK).await;
        }
    }

    async fn look_at_plan(&mut self, stage: &Stage) -> Result<()> {
        let plan = stage.replicas[0].service.run_cli(&["plan", "--json"]).await?.json()?;
        let left = plan["actions"].as_array().map_or(0, Vec::len);
        if left > 0 {
            self.broken.push(format!("{left} actions are left in the plan: {}", plan["actions"]));
        }
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { settled, strangers_out, removals, joins, approved, broken } = self;
        match settled {
            Some(settled) => write!(formatter, "settled {:.1} s after the last fault", settled.as_secs_f64())?,
            None => write!(formatter, "not settled within {} s after the last fault", PATIENCE.as_secs())?,
        }
        match strangers_out {
            Some(out) => writeln!(formatter, ", the last stranger out after {:.1} s", out.as_secs_f64())?,
            None => writeln!(formatter, ", strangers still there")?,
        }
        writeln!(
            formatter,
            "{joins} joins and {removals} removals by the service, {approved} held plans approved at the end, {} promises broken",
            broken.len()
        )?;
        broken.iter().try_for_each(|one| writeln!(formatter, "  {one}"))
    }
}

fn team_of(stage: &Stage, room: &str) -> Result<&'static str> {
    stage.rooms.iter().find(|(_, id)| *id == room).map(|(team, _)| *team).context("a room that nobody made")
}

/// Where a room is not as the sources say.
struct Difference {
    user: String,
    what: String,
}

impl Difference {
    fn new(user: &str, what: String) -> Self {
        Self { user: user.to_owned(), what }
    }

    fn is_about(&self, users: &BTreeSet<String>) -> bool {
        users.contains(&self.user)
    }
}

async fn differences(stage: &Stage, synapse: &mut PgConnection) -> Result<Vec<Difference>> {
    let mut wrong = Vec::new();
    for (team, room) in &stage.rooms {
        let sql = "SELECT user_id FROM local_current_membership WHERE room_id = $1 AND membership = 'join'";
        let there: Vec<String> =
            sqlx::query_scalar(sql).bind(room).fetch_all(&mut *synapse).await.context("read who is there")?;
        let not_theirs = [stage.bot.as_str(), stage.hand.mxid.as_str()];
        let there: BTreeSet<String> = there.into_iter().filter(|user| !not_theirs.contains(&user.as_str())).collect();
        let wanted = stage.members_of(team);
        wrong.extend(
            wanted.difference(&there).map(|user| Difference::new(user, format!("{user} is missing in {team}"))),
        );
        let more = there.difference(&wanted);
        wrong.extend(more.map(|user| Difference::new(user, format!("{user} is in {team}, and no row says so"))));
        if *team == EVERYONE {
            continue;
        }
        let levels = stage.hand.state(room, "m.room.power_levels", "").await?.context("no power levels")?;
        let leads: BTreeSet<String> = stage.rows.leads(team).into_iter().map(|sub| stage.synapse.mxid(sub)).collect();
        let powerful: BTreeMap<&String, &Value> = levels["users"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(user, _)| !not_theirs.contains(&user.as_str()))
            .collect();
        for (user, level) in powerful {
            let wanted = if leads.contains(user) { 50 } else { 0 };
            if level.as_i64() != Some(wanted) {
                wrong.push(Difference::new(user, format!("{user} has {level} in {team} and not {wanted}")));
            }
        }
        for lead in leads {
            if levels["users"][&lead].is_null() {
                wrong.push(Difference::new(&lead, format!("{lead} leads {team} and has no power")));
            }
        }
    }
    Ok(wrong)
}

/// How far Synapse has pushed, and how far the service has read: where a command without an answer is.
async fn pushes(stage: &Stage) -> Result<String> {
    let mut synapse =
        PgConnection::connect(&stage.synapse.database_url()).await.context("connect to Synapse's database")?;
    let sql = "SELECT coalesce((SELECT string_agg(state, ',') FROM application_services_state), 'none')
                   || ', transactions waiting ' || (SELECT count(*) FROM application_services_txns)
                   || ', events behind ' || (SELECT (SELECT max(stream_ordering) FROM events) - max(stream_ordering)
                                             FROM appservice_stream_position)";
    let pushed: String =
        sqlx::query_scalar(sql).fetch_one(&mut synapse).await.context("ask how far Synapse has pushed")?;
    let mut ours = PgConnection::connect(&stage.database).await.context("connect to the service's database")?;
    let sql = "SELECT 'inbox ' || (SELECT count(*) || ', not handled ' || count(*) FILTER (WHERE handled_at IS NULL) FROM provisioner.inbox)
                   || ', commands ' || coalesce((SELECT string_agg(event_id || ' ' || state || ', answer ' || coalesce(reply_event_id, 'none') || coalesce(', ' || (
                       SELECT string_agg(outcome || ' ' || coalesce(detail, ''), '; ') FROM provisioner.ledger WHERE pass = commands.pass), ''), '; ')
                       FROM provisioner.commands WHERE state <> 'ignored'), 'none')";
    let read: String =
        sqlx::query_scalar(sql).fetch_one(&mut ours).await.context("ask how far the service has read")?;
    Ok(format!("Synapse: {pushed}; service: {read}"))
}

/// Commands without an answer, or with several.
async fn unanswered(stage: &Stage, said: &[String]) -> Result<Vec<String>> {
    let events = stage.hand.messages(&stage.rooms["staff"], 1_000).await?;
    let answers = |command: &str| {
        let answers = events.iter().filter(|event| {
            let relation = &event["content"]["m.relates_to"];
            event["sender"] == stage.bot.as_str()
                && relation["rel_type"] != "m.replace"
                && relation["m.in_reply_to"]["event_id"] == command
        });
        answers.count()
    };
    let counts = said.iter().map(|command| (command, answers(command)));
    Ok(counts
        .filter(|(_, count)| *count != 1)
        .map(|(command, count)| format!("command {command} has {count} answers"))
        .collect())
}
