//! Refusals, as the Matrix specification words them (client-server API, *Standard error response*).

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::transaction::Malformed;

/// A refusal: every one there is, is a constant below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MatrixError {
    status: StatusCode,
    errcode: &'static str,
    error: &'static str,
}

impl MatrixError {
    const fn new(status: StatusCode, errcode: &'static str, error: &'static str) -> Self {
        Self { status, errcode, error }
    }

    pub(super) const MISSING_TOKEN: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "M_MISSING_TOKEN",
        "no token: send the hs_token of the registration as `Authorization: Bearer`",
    );
    pub(super) const WRONG_TOKEN: Self = Self::new(
        StatusCode::FORBIDDEN,
        "M_FORBIDDEN",
        "wrong token: homeserver and service must load the same registration, with the same hs_token",
    );
    pub(super) const UNRECOGNIZED_PATH: Self =
        Self::new(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "no such path in the application service API");
    pub(super) const UNRECOGNIZED_METHOD: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED", "this path does not take this method");
    pub(super) const NO_SUCH_USER: Self =
        Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", "not a user of this application service");
    pub(super) const NO_SUCH_ROOM: Self =
        Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", "this application service makes no rooms on demand");
    pub(super) const TOO_LARGE: Self =
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", "the transaction is larger than 64 MiB");
    pub(super) const TOO_SLOW: Self =
        Self::new(StatusCode::REQUEST_TIMEOUT, "M_UNKNOWN", "the transaction did not arrive in time");
    pub(super) const BROKEN_BODY: Self =
        Self::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", "the transaction broke off before its end");
    /// Any answer but 200 makes Synapse send the transaction again.
    pub(super) const NOT_KEPT: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "M_UNKNOWN", "the events could not be kept; send them again");
    const NOT_JSON: Self = Self::new(StatusCode::BAD_REQUEST, "M_NOT_JSON", "the body is not JSON in UTF-8");
    const BAD_JSON: Self = Self::new(StatusCode::BAD_REQUEST, "M_BAD_JSON", "the body has no `events` array");
}

impl From<Malformed> for MatrixError {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::NotJson => Self::NOT_JSON,
            Malformed::NoEvents => Self::BAD_JSON,
        }
    }
}

impl IntoResponse for MatrixError {
    fn into_response(self) -> Response {
        let Self { status, errcode, error } = self;
        let body = json!({ "errcode": errcode, "error": error }).to_string();
        (status, [(CONTENT_TYPE, "application/json")], body).into_response()
    }
}
