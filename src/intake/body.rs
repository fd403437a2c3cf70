//! Request bodies: read up to a limit, or discarded within a bound.
//!
//! A body that nobody wants is read to its end in the background, within a bound: closing a socket with unread data
//! resets it, and the caller would see a broken connection in place of the answer that says what is wrong.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use futures_util::StreamExt;
use tokio::time::timeout;

/// How long a caller may take to send a whole body. Synapse sends one in milliseconds, from memory.
const READ_WITHIN: Duration = Duration::from_secs(60);

/// How much of an unwanted body is read before the connection is given up.
#[derive(Debug, Clone, Copy)]
struct Discard {
    bytes: usize,
    within: Duration,
}

/// For callers who have not shown a token, and bodies that carry no input: what an honest caller sends fits easily.
const DISCARD_SMALL: Discard = Discard { bytes: 1 << 20, within: Duration::from_secs(5) };

/// For callers who have shown the token and sent too much.
const DISCARD_LARGE: Discard = Discard { bytes: 512 << 20, within: Duration::from_secs(60) };

/// Why a body could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Longer than the limit.
    TooLarge,
    /// Not complete within [`READ_WITHIN`].
    TooSlow,
    /// The connection broke, or its framing is wrong.
    Broken,
}

/// Reads a whole body of at most `limit` bytes; a body that came in one piece is not copied.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut stream = body.into_data_stream();
    if announced > limit {
        discard_stream(stream, DISCARD_LARGE);
        return Err(BodyError::TooLarge);
    }
    let result = timeout(READ_WITHIN, collect(&mut stream, announced, limit)).await.unwrap_or(Err(BodyError::TooSlow));
    if result == Err(BodyError::TooLarge) {
        discard_stream(stream, DISCARD_LARGE);
    }
    result
}

async fn collect(stream: &mut BodyDataStream, announced: usize, limit: usize) -> Result<Bytes, BodyError> {
    let mut whole = Vec::new();
    let mut first = Bytes::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        if first.len().max(whole.len()) + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() && whole.is_empty() {
            first = chunk;
            continue;
        }
        if whole.is_empty() {
            whole.reserve_exact(announced.max(first.len() + chunk.len()));
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(if whole.is_empty() { first } else { whole.into() })
}

/// Lets the answer go out now and reads what is left of `body` in the background, within a bound.
pub(super) fn discard(body: Body) {
    if !body.is_end_stream() {
        discard_stream(body.into_data_stream(), DISCARD_SMALL);
    }
}

fn discard_stream(mut stream: BodyDataStream, bound: Discard) {
    tokio::spawn(timeout(bound.within, async move {
        let mut left = bound.bytes;
        while let Some(Ok(chunk)) = stream.next().await {
            let Some(rest) = left.checked_sub(chunk.len()) else { return };
            left = rest;
        }
    }));
}
