//! Requests for a pass: how `apply` asks the running service.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Store;
use super::nul::WithoutNul;

/// A pass that somebody asked for.
#[derive(Clone, Debug)]
pub struct PassRequest {
    pub id: i64,
    pub progress: Option<Value>,
    pub report: Option<Value>,
}

/// A request as the reconciling replica claims it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub id: i64,
    /// The id of the held plan to be approved.
    pub approve: Option<String>,
    /// Only what this one showed, too.
    pub approve_within: Option<String>,
    pub requested_by: String,
    /// Whether an approval may still be acted on: it was given within two minutes, to the leader of now where it was said in the Staff
    /// room, and no process took it before this one did. What another one had begun is not begun again.
    pub is_fresh: bool,
}

impl Store {
    /// Asks for a pass and wakes the reconciling replica. `approve` is the id of a held plan, and of another one that must
    /// have shown the same; `heard` is the number of the command that says so.
    pub async fn request_pass(
        &self,
        approve: Option<(&str, Option<&str>)>,
        by: &str,
        heard: Option<i64>,
    ) -> sqlx::Result<i64> {
        sqlx::query_scalar!(
            r#"WITH asked AS (
                 INSERT INTO provisioner.pass_requests (approve, approve_within, requested_by, heard)
                 VALUES ($1, $2, $3, $4)
                 RETURNING id
               )
               SELECT id AS "id!" FROM asked, LATERAL (SELECT pg_notify('provisioner_requests', '')) AS woken"#,
            approve.map(|(id, _)| id),
            approve.and_then(|(_, within)| within),
            by,
            heard,
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Claims every open request; one pass answers them all. A request that a killed service had claimed is claimed again. What was
    /// said in the Staff room before `since` was said to another leader, who cannot say any more what came of it.
    pub async fn claim_pass_requests(&self, since: DateTime<Utc>) -> sqlx::Result<Vec<Asked>> {
        sqlx::query_as!(
            Asked,
            r#"WITH open AS (
                 SELECT id, taken_at IS NULL AND requested_at > now() - interval '2 minutes'
                            AND (heard IS NULL OR requested_at >= $1) AS is_fresh
                 FROM provisioner.pass_requests WHERE finished_at IS NULL FOR UPDATE
             )
             UPDATE provisioner.pass_requests AS request SET taken_at = now() FROM open WHERE request.id = open.id
             RETURNING request.id, approve, approve_within, requested_by, is_fresh AS "is_fresh!""#,
            since,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Ends the approvals that are not spent yet, by the no of `by`, and says whether there was any: also one that this no had ended
    /// before it was cut short. One that is `begun`, named by its event, ends none that was given after it.
    pub async fn refuse_approvals(&self, by: &str, begun: Option<&str>) -> sqlx::Result<bool> {
        let ended = sqlx::query!(
            "UPDATE provisioner.pass_requests SET refused_by = COALESCE(refused_by, $1)
             WHERE finished_at IS NULL AND approve IS NOT NULL
               AND requested_at <= COALESCE((SELECT taken_at FROM provisioner.commands WHERE event_id = $2), now())",
            by,
            begun,
        );
        Ok(ended.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Which of these requests are over: somebody said no since, who is named then, or nobody waits for an answer any more. A no that
    /// another process has begun need not have found the request.
    pub async fn ended_among(&self, ids: &[i64]) -> sqlx::Result<Vec<(i64, Option<String>)>> {
        let rows = sqlx::query!(
            r#"SELECT request.id, COALESCE(request.refused_by, CASE WHEN no.is_said THEN 'somebody' END) AS refused_by
               FROM provisioner.pass_requests AS request, LATERAL (SELECT EXISTS (
                   SELECT FROM provisioner.commands AS command
                   -- An index serves the time; what somebody approves is minutes old at most.
                   WHERE command.received_at > now() - interval '1 hour' AND command.id > request.heard
                     AND command.command = 'dismiss' AND command.pass IS NOT NULL
               ) AS is_said) AS no
               WHERE request.id = ANY($1) AND (refused_by IS NOT NULL OR finished_at IS NOT NULL OR no.is_said)"#,
            ids,
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(|row| (row.id, row.refused_by)).collect())
    }

    /// Stores how far the pass is, for the processes that wait.
    pub async fn set_pass_progress(&self, ids: &[i64], progress: &Value) -> sqlx::Result<()> {
        self.run(sqlx::query!("UPDATE provisioner.pass_requests SET progress = $2 WHERE id = ANY($1)", ids, progress))
            .await
    }

    /// Stores the report, which ends the requests.
    pub async fn finish_pass_requests(&self, ids: &[i64], report: &Value) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "UPDATE provisioner.pass_requests SET report = $2, finished_at = now() WHERE id = ANY($1)",
            ids,
            &*report.without_nul(),
        ))
        .await
    }

    /// Takes back a request that nobody waits for any more.
    pub async fn withdraw_pass_request(&self, id: i64) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "UPDATE provisioner.pass_requests SET finished_at = now() WHERE id = $1 AND finished_at IS NULL",
            id,
        ))
        .await
    }

    /// The state of a request.
    pub async fn pass_request(&self, id: i64) -> sqlx::Result<Option<PassRequest>> {
        sqlx::query_as!(PassRequest, "SELECT id, progress, report FROM provisioner.pass_requests WHERE id = $1", id)
            .fetch_optional(&self.pool)
            .await
    }
}
