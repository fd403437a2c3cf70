//! What the service is measured against: the shortest axum handler that reads type, room_id and state_key of each event.
//!
//! It is written well (borrowed strings, nothing else is built), and leaves out what the service does besides: it checks no
//! token, bounds nothing, counts nothing, survives no event it cannot read, and keeps nothing.

use std::borrow::Cow;
use std::hint::black_box;

use axum::{Router, body::Bytes, extract::DefaultBodyLimit, http::StatusCode, routing::put};
use serde::Deserialize;

#[derive(Deserialize)]
struct Transaction<'a> {
    #[serde(borrow)]
    events: Vec<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    room_id: Cow<'a, str>,
    #[serde(borrow)]
    state_key: Option<Text<'a>>,
}

/// Borrowed, which an `Option<Cow<str>>` never is.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The handler on the path that Synapse calls.
pub(crate) fn router() -> Router {
    Router::new().route("/_matrix/app/v1/transactions/{txnId}", put(take)).layer(DefaultBodyLimit::max(64 << 20))
}

async fn take(body: Bytes) -> Result<&'static str, StatusCode> {
    let transaction: Transaction<'_> = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    for event in &transaction.events {
        black_box((&*event.r#type, &*event.room_id, event.state_key.as_ref().map(|key| &*key.0)));
    }
    Ok("{}")
}
