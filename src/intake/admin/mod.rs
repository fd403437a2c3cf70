//! The internal listener: liveness, readiness, metrics, and the roster hook.
//!
//! It must not be reachable from outside, and it changes nothing: a hook is only a wake-up.

mod readiness;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::map_request,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};

use super::{SharedSecret, Wake, body, door};

pub use self::readiness::Readiness;

/// The condition that is met when the database was opened: reached, migrated, and ours. Nothing begins before.
pub const DATABASE: &str = "database";

/// The header that carries the secret of the hook.
const SECRET_HEADER: &str = "x-provisioner-secret";

/// The text format Prometheus scrapes.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the internal listener needs from the rest of the service.
#[derive(Debug)]
pub struct Admin {
    /// What `/readyz` answers from, and `/livez` until the database was opened once.
    pub readiness: Readiness,
    /// What `/metrics` renders.
    pub metrics: PrometheusHandle,
    /// The secret of the roster hook; without one the hook is off.
    pub hook_secret: Option<SharedSecret>,
    /// Called when the hook is.
    pub wake_roster: Wake,
}

/// The routes of the internal listener.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        // Probes keep their connections.
        .route_layer(map_request(async |request: Request| {
            door::admit(request.extensions());
            request
        }))
        .route("/hooks/roster", post(roster_hook))
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::new(admin))
}

/// Always 200: who cannot reach the database is not helped by being ended. What is waited for at the start is beside it, for
/// those who must not take this process for one that works yet (`healthcheck`).
async fn livez(State(admin): State<Arc<Admin>>) -> Response {
    answer(StatusCode::OK, &json!({ "alive": true, "waits_for": admin.readiness.never_met(DATABASE) }))
}

async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    let reasons = admin.readiness.reasons();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, &json!({ "ready": reasons.is_empty(), "reasons": reasons }))
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    ([(CONTENT_TYPE, METRICS_TYPE)], admin.metrics.render()).into_response()
}

/// Wakes the roster source. Hasura sends the changed row, which is not read: the source reads the table.
async fn roster_hook(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let presented = head.headers.get(SECRET_HEADER);
    body::discard(body);
    let Some(secret) = &admin.hook_secret else {
        return refusal(
            StatusCode::NOT_FOUND,
            "the roster hook is off: set `admin.hook_secret` (or PHENOM_PROVISIONER__ADMIN__HOOK_SECRET) to turn it on",
        );
    };
    match presented {
        None => {
            refusal(StatusCode::UNAUTHORIZED, "send the value of `admin.hook_secret` in header x-provisioner-secret")
        }
        Some(presented) if secret.matches(presented.as_bytes()) => {
            door::admit(&head.extensions);
            admin.wake_roster.wake();
            answer(StatusCode::OK, &json!({ "woken": true }))
        }
        Some(_) => {
            refusal(StatusCode::FORBIDDEN, "header x-provisioner-secret is not the value of `admin.hook_secret`")
        }
    }
}

async fn no_such_path(request: Request) -> Response {
    body::discard(request.into_body());
    refusal(StatusCode::NOT_FOUND, "no such path; there are /livez, /readyz, /metrics and /hooks/roster")
}

async fn wrong_method(request: Request) -> Response {
    body::discard(request.into_body());
    refusal(StatusCode::METHOD_NOT_ALLOWED, "wrong method: POST /hooks/roster, GET everything else")
}

fn refusal(status: StatusCode, error: &str) -> Response {
    answer(status, &json!({ "error": error }))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
