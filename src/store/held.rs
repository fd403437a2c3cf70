//! Held plans: what the guard holds, stored from when it is first seen until it is decided or gone.

use std::fmt;

use chrono::{DateTime, Utc};
use provisioner_policy::Digest;
use serde_json::Value;

use super::Store;
use super::nul::WithoutNul;
use super::withheld::columns;

text_enum! {
    /// What became of a held plan.
    pub enum HeldPlanState {
        /// Nobody has decided.
        Open = "open",
        /// Somebody wants it to stay held, and silent. It can still be approved.
        Dismissed = "dismissed",
        Approved = "approved",
        /// Another one is held.
        Superseded = "superseded",
        /// Nothing is held any more; the ledger says so, too.
        Expired = "expired",
    }
}

/// A held plan as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldPlan {
    pub id: String,
    pub created_at: DateTime<Utc>,
    /// `[{"class", "room", "count"}]`
    pub counts: Value,
    pub reasons: Vec<String>,
    pub state: HeldPlanState,
    pub decided_at: Option<DateTime<Utc>>,
    pub decided_by: Option<String>,
}

impl HeldPlan {
    /// Whether it waits for somebody to decide.
    pub fn is_open(&self) -> bool {
        self.state == HeldPlanState::Open
    }

    /// Whether somebody said no to it, whatever became of it since: what is held next leaves their name here.
    pub fn is_refused(&self) -> bool {
        self.decided_by.is_some() && self.state != HeldPlanState::Approved
    }
}

impl fmt::Display for HeldPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |at: &DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
        write!(f, "held plan {}: {} since {} UTC", self.id, self.state.as_str(), time(&self.created_at))?;
        if let (Some(at), Some(by)) = (&self.decided_at, &self.decided_by) {
            write!(f, ", by {by} on {} UTC", time(at))?;
        }
        Ok(())
    }
}

impl Store {
    /// What is held now, as far as the replica that reconciles has seen: open, or dismissed.
    pub async fn held_plan(&self) -> sqlx::Result<Option<HeldPlan>> {
        sqlx::query_as!(
            HeldPlan,
            r#"SELECT id, created_at, counts, reasons, state AS "state: HeldPlanState", decided_at, decided_by
             FROM provisioner.held_plans WHERE state IN ('open', 'dismissed')"#,
        )
        .fetch_optional(&self.pool)
        .await
    }

    /// The ids of stored held plans that begin so, of what is held now and of the last week: two where it is not clear which is
    /// meant.
    pub async fn held_plans_called(&self, beginning: &str) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar!(
            // A range, which an index serves; `starts_with` would read the table. What is stored is hex digits.
            r#"SELECT DISTINCT id FROM provisioner.held_plans
               WHERE id COLLATE "C" >= $1 AND id COLLATE "C" < $1 || '~'
                 AND parts <> '{}' AND (state IN ('open', 'dismissed') OR created_at > now() - interval '7 days') LIMIT 2"#,
            beginning,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// What a held plan takes, part by part.
    pub async fn held_parts(&self, id: &str) -> sqlx::Result<Vec<Digest>> {
        let parts = sqlx::query_scalar!(
            "SELECT parts FROM provisioner.held_plans WHERE id = $1 ORDER BY seq DESC LIMIT 1",
            id,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(parts.into_iter().flatten().filter_map(|part| part.try_into().ok()).collect())
    }

    /// The newest held plan with this id, whatever became of it.
    pub async fn held_plan_called(&self, id: &str) -> sqlx::Result<Option<HeldPlan>> {
        sqlx::query_as!(
            HeldPlan,
            r#"SELECT id, created_at, counts, reasons, state AS "state: HeldPlanState", decided_at, decided_by
             FROM provisioner.held_plans WHERE id = $1 ORDER BY seq DESC LIMIT 1"#,
            id,
        )
        .fetch_optional(&self.pool)
        .await
    }

    /// Nothing is held any more.
    pub async fn expire_held_plan(&self) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "WITH expired AS (
                 UPDATE provisioner.held_plans
                 SET state = 'expired', decided_at = CASE WHEN decided_by IS NULL THEN now() ELSE decided_at END
                 WHERE state IN ('open', 'dismissed')
                 RETURNING id
             )
             INSERT INTO provisioner.ledger (pass, seq, kind, cause, mode, outcome)
             SELECT nextval('provisioner.pass'), 0, 'expire', 'nothing is held any more: held plan ' || id, 'enforce', 'done'
             FROM expired",
        )).await
    }

    /// Something is held that was not: what was held before is superseded. The ledger says so, too.
    pub async fn open_held_plan(
        &self,
        id: &str,
        parts: &[Digest],
        counts: &Value,
        reasons: &[String],
    ) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        let superseded = sqlx::query_scalar!(
            "UPDATE provisioner.held_plans
             SET state = 'superseded', decided_at = CASE WHEN decided_by IS NULL THEN now() ELSE decided_at END
             WHERE state IN ('open', 'dismissed') RETURNING id",
        )
        .fetch_optional(&mut *transaction)
        .await?;
        sqlx::query!(
            "WITH held AS (
                 INSERT INTO provisioner.held_plans (id, parts, counts, reasons) VALUES ($1, $2, $3, $4)
             )
             INSERT INTO provisioner.ledger (pass, seq, kind, before, after, cause, mode, outcome)
             VALUES (nextval('provisioner.pass'), 0, 'hold', to_jsonb($5::text), $3, 'the guard: held plan ' || $1,
                     'enforce', 'done')",
            id,
            &columns(parts),
            counts,
            &*reasons.without_nul(),
            superseded,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    /// Records who approved a held plan, in the ledger too: the one that is held now, or one that was held before and of
    /// which something is held still. False where it was approved already.
    pub async fn approve_held_plan(&self, id: &str, by: &str) -> sqlx::Result<bool> {
        let from = [HeldPlanState::Open, HeldPlanState::Dismissed, HeldPlanState::Superseded, HeldPlanState::Expired];
        self.decide_held_plan(id, &from, HeldPlanState::Approved, "approve", by).await
    }

    /// What is held stays held, and is silent until it changes; the ledger keeps who said so. False where it is not held,
    /// or was dismissed before. Where a message showed it longer than it was held, a no to it is kept all the same.
    pub async fn dismiss_held_plan(&self, id: &str, by: &str) -> sqlx::Result<bool> {
        let dismissed =
            self.decide_held_plan(id, &[HeldPlanState::Open], HeldPlanState::Dismissed, "dismiss", by).await?;
        if !dismissed {
            self.run(sqlx::query!(
                "UPDATE provisioner.held_plans SET decided_at = now(), decided_by = $2
                 WHERE seq = (SELECT seq FROM provisioner.held_plans WHERE id = $1 ORDER BY seq DESC LIMIT 1)
                   AND state IN ('superseded', 'expired') AND decided_by IS NULL",
                id,
                by,
            ))
            .await?;
        }
        Ok(dismissed)
    }

    async fn decide_held_plan(
        &self,
        id: &str,
        from: &[HeldPlanState],
        state: HeldPlanState,
        kind: &str,
        by: &str,
    ) -> sqlx::Result<bool> {
        let from: Vec<String> = from.iter().map(|state| state.as_str().to_owned()).collect();
        let decided = sqlx::query!(
            "WITH held AS (
                 SELECT seq, state FROM provisioner.held_plans WHERE id = $1 ORDER BY seq DESC LIMIT 1 FOR UPDATE
             ), decided AS (
                 UPDATE provisioner.held_plans AS plan SET state = $2, decided_at = now(), decided_by = $4
                 FROM held WHERE plan.seq = held.seq AND held.state = ANY($5)
                 RETURNING held.state AS before
             ), noted AS (
                 INSERT INTO provisioner.ledger (pass, seq, kind, before, after, cause, mode, outcome)
                 SELECT nextval('provisioner.pass'), 0, $3, to_jsonb(before), to_jsonb($2::text),
                        'command of ' || $4 || ': held plan ' || $1, 'enforce', 'done' FROM decided
             )
             SELECT pg_notify('provisioner_requests', '') FROM decided",
            id,
            state.as_str(),
            kind,
            by,
            &from,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(decided.is_some())
    }
}
