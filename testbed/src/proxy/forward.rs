//! One request through the proxy: record it, let the first matching fault act, forward, record the answer.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use hyper::{HeaderMap, Request, Response, StatusCode};
use serde_json::Value;

use super::fault::{Effect, Fault};
use super::{Recorded, State, record};
use std::sync::atomic::Ordering;

/// An error makes hyper close the connection without an answer.
pub(super) async fn handle(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    if state.down.load(Ordering::SeqCst) {
        bail!("down");
    }
    let (parts, body) = request.into_parts();
    let body = body.collect().await.context("read the request")?.to_bytes();
    let said = record::body(&parts.headers, &body);
    let recorded = Recorded {
        method: parts.method.to_string(),
        path: record::decode(parts.uri.path()),
        action: record::action(&parts.headers, &said),
        query: parts.uri.query().map(ToOwned::to_owned),
        body: said,
        status: None,
        at: Instant::now(),
        took: None,
    };
    let at = recorded.at;
    // Before the fault counts it: who sees the hit finds the request.
    state.requests.lock().unwrap_or_else(PoisonError::into_inner).push(recorded.clone());
    let fault = claim(&state, &recorded);
    let response = act(&state, fault, &parts, body).await?;
    if state.down.load(Ordering::SeqCst) {
        bail!("went down meanwhile");
    }
    let mut requests = state.requests.lock().unwrap_or_else(PoisonError::into_inner);
    // After a `clear` it is no longer there. Instants of one process are unique enough to find it by.
    if let Some(entry) = requests.iter_mut().rev().find(|entry| entry.at == at && entry.path == recorded.path) {
        entry.status = Some(response.status().as_u16());
        entry.took = Some(at.elapsed());
    }
    Ok(response)
}

fn claim(state: &State, request: &Recorded) -> Option<(Fault, Effect)> {
    let faults = state.faults.lock().unwrap_or_else(PoisonError::into_inner);
    faults.iter().find_map(|fault| Some((fault.clone(), fault.claim(request)?)))
}

async fn act(
    state: &State,
    fault: Option<(Fault, Effect)>,
    parts: &hyper::http::request::Parts,
    body: Bytes,
) -> Result<Response<Full<Bytes>>> {
    let Some((fault, effect)) = fault else { return forward(state, parts, body).await };
    match effect {
        Effect::Answer(status, value) => answer(status, "application/json", value.to_string()),
        Effect::Page(status) => answer(status, "text/html", format!("<html><h1>{status}</h1></html>")),
        Effect::Drop => bail!("dropped on purpose"),
        Effect::LoseAnswer => {
            forward(state, parts, body).await?;
            bail!("answer lost on purpose")
        }
        Effect::Delay(duration) => {
            tokio::time::sleep(duration).await;
            forward(state, parts, body).await
        }
        Effect::Rewrite(change) => {
            let (head, body) = forward(state, parts, body).await?.into_parts();
            let bytes = body.collect().await.context("read the answer")?.to_bytes();
            let body = change(serde_json::from_slice(&bytes).unwrap_or(Value::Null));
            answer(head.status.as_u16(), "application/json", body.to_string())
        }
        Effect::Hold => {
            fault.until_released().await;
            forward(state, parts, body).await
        }
        Effect::HoldAnswer => {
            let response = forward(state, parts, body).await?;
            fault.until_released().await;
            Ok(response)
        }
    }
}

async fn forward(state: &State, parts: &hyper::http::request::Parts, body: Bytes) -> Result<Response<Full<Bytes>>> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let url = format!("{}{target}", state.upstream);
    let mut headers = parts.headers.clone();
    headers.remove(HOST);
    let request = state.client.request(parts.method.clone(), url).headers(end_to_end(headers)).body(body);
    let answer = request.send().await.context("reach Synapse")?;
    let (status, headers) = (answer.status(), end_to_end(answer.headers().clone()));
    let mut response = Response::new(Full::new(answer.bytes().await.context("read Synapse's answer")?));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Without what belongs to one connection only; lengths are set anew.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [hyper::header::CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers
}

fn answer(status: u16, kind: &'static str, body: String) -> Result<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).context("no such status")?;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    Ok(response)
}
