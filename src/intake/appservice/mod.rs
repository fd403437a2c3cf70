//! The application service API: what Synapse calls.
//!
//! A transaction is answered 200 only when all of it that matters is in the inbox. Nothing else is done with it here:
//! no event is interpreted, no room or user is ever made because Synapse asks for one.

mod error;
mod event;
mod inbox;
mod interest;
mod json;
mod seen;
mod token;
pub mod transaction;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use tracing::{debug, warn};

use self::{error::MatrixError, seen::Counters};
use super::{
    SharedSecret, Wake,
    body::{self, BodyError},
    door,
};

pub use self::{
    inbox::{InboxError, InboxEvent, InboxWriter},
    interest::{Interest, SharedInterest},
    seen::describe_metrics,
};

/// The largest transaction taken. Synapse sends at most 100 events of at most 64 KiB, some 6.5 MB, plus at most as
/// many ephemeral and to-device events; escaping (`\u0001` for one byte) can multiply that by six. Only a caller with
/// the token can make us hold this much. A larger one is refused for good, so the limit is far from anything real.
pub const MAX_TRANSACTION_BYTES: usize = 64 << 20;

/// What the listener needs from the rest of the service.
#[derive(Debug)]
pub struct AppService<W> {
    /// The token Synapse presents, from the registration.
    pub hs_token: SharedSecret,
    /// Which events matter; read for each transaction.
    pub interest: SharedInterest,
    /// Where they go.
    pub inbox: W,
    /// Called after something was appended.
    pub wake: Wake,
}

struct Edge<W> {
    service: AppService<W>,
    counters: Counters,
}

/// The routes of the application service API, with the unprefixed ones of servers before its first version.
/// Registers its counters: install the metrics recorder first.
pub fn router<W: InboxWriter>(service: AppService<W>) -> Router {
    let edge = Arc::new(Edge { service, counters: Counters::register() });
    // Flat, since a nested router costs each transaction a new URI.
    let at = |prefix: &str| {
        Router::new()
            .route(&format!("{prefix}/transactions/{{txnId}}"), put(take_transaction::<W>))
            .route(&format!("{prefix}/users/{{userId}}"), get(find_user::<W>))
            .route(&format!("{prefix}/rooms/{{roomAlias}}"), get(find_room::<W>))
    };
    at("")
        .merge(at("/_matrix/app/v1"))
        .route("/_matrix/app/v1/ping", post(ping::<W>))
        .fallback(unrecognized_path)
        .method_not_allowed_fallback(unrecognized_method)
        .with_state(edge)
}

async fn take_transaction<W: InboxWriter>(State(edge): State<Arc<Edge<W>>>, request: Request) -> Response {
    edge.take_transaction(request).await.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

/// Users in our namespace exist before Synapse hears of them: only the bot is known.
async fn find_user<W: InboxWriter>(
    State(edge): State<Arc<Edge<W>>>,
    user: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let known = |Path(user): &Path<String>| edge.service.interest.current().is_bot(user);
    match edge.admit_and_discard(request) {
        Ok(()) if user.as_ref().is_ok_and(known) => done().into_response(),
        Ok(()) => MatrixError::NO_SUCH_USER.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Rooms are never found, and never made, by alias.
async fn find_room<W: InboxWriter>(State(edge): State<Arc<Edge<W>>>, request: Request) -> Response {
    edge.admit_and_discard(request).map_or_else(|refusal| refusal, |()| MatrixError::NO_SUCH_ROOM).into_response()
}

async fn ping<W: InboxWriter>(State(edge): State<Arc<Edge<W>>>, request: Request) -> Response {
    edge.admit_and_discard(request).map_or_else(IntoResponse::into_response, |()| done().into_response())
}

async fn unrecognized_path(request: Request) -> MatrixError {
    body::discard(request.into_body());
    MatrixError::UNRECOGNIZED_PATH
}

async fn unrecognized_method(request: Request) -> MatrixError {
    body::discard(request.into_body());
    MatrixError::UNRECOGNIZED_METHOD
}

/// The empty object that Synapse wants with its 200.
fn done() -> impl IntoResponse {
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], "{}")
}

impl<W: InboxWriter> Edge<W> {
    /// Hands the request back only to a caller who shows the token; nothing of the body is waited for before.
    fn admit(&self, request: Request) -> Result<Request, MatrixError> {
        match token::check(&request, &self.service.hs_token) {
            Ok(()) => {
                door::admit(request.extensions());
                Ok(request)
            }
            Err(refusal) => {
                body::discard(request.into_body());
                Err(refusal)
            }
        }
    }

    fn admit_and_discard(&self, request: Request) -> Result<(), MatrixError> {
        self.admit(request).map(|request| body::discard(request.into_body()))
    }

    async fn take_transaction(&self, request: Request) -> Result<impl IntoResponse + use<W>, MatrixError> {
        let request = self.admit(request)?;
        let body = body::read(request.into_body(), MAX_TRANSACTION_BYTES).await.map_err(|error| match error {
            BodyError::TooLarge => MatrixError::TOO_LARGE,
            BodyError::TooSlow => MatrixError::TOO_SLOW,
            BodyError::Broken => MatrixError::BROKEN_BODY,
        })?;
        let transaction = transaction::read(&body, &self.service.interest.current())?;
        if transaction.seen.total() > 0 && !self.service.inbox.is_open() {
            debug!("left a transaction to the homeserver: which events matter is not known yet");
            return Err(MatrixError::NOT_KEPT);
        }
        if !transaction.matters.is_empty() {
            if let Err(error) = self.service.inbox.append(&transaction.matters).await {
                let error: &dyn std::error::Error = &error;
                warn!(error, "cannot keep a transaction; the homeserver will send it again");
                return Err(MatrixError::NOT_KEPT);
            }
            self.service.wake.wake();
        }
        let unreadable = transaction.seen.unreadable();
        if unreadable > 0 {
            warn!(events.unreadable = unreadable, "skipped events that are not valid Matrix events");
        }
        debug!(events.kept = transaction.matters.len(), "took a transaction");
        self.counters.add(&transaction.seen);
        Ok(done())
    }
}
