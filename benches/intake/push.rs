//! Pushes a transaction through a router, as hyper would hand it over.

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, header::AUTHORIZATION},
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::service::TOKEN;

/// A runtime on this thread, so that its CPU time is all there is.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The request that Synapse makes.
pub(crate) fn request(body: &Bytes) -> Request<Body> {
    Request::put("/_matrix/app/v1/transactions/1732161600")
        .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .header("user-agent", "Synapse/1.163.2")
        .body(Body::from(body.clone()))
        .expect("a request")
}

/// Sends `request`, and waits for its 200.
pub(crate) fn send(runtime: &Runtime, router: &Router, request: Request<Body>) {
    let answer = runtime.block_on(router.clone().oneshot(request)).expect("a router never fails");
    assert!(answer.status().is_success(), "answered {}", answer.status());
}
