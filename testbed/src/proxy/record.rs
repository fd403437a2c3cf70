//! What the proxy remembers of one request.

use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use serde_json::{Value, json};

const FORM: &str = "application/x-www-form-urlencoded";

/// One request that came through.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: String,
    /// Percent-decoded, without the query.
    pub path: String,
    pub query: Option<String>,
    /// The operation, where the request is one of AWS.
    pub action: Option<String>,
    /// The request's JSON body, or the fields of its form; null if it had neither.
    pub body: Value,
    /// What the client was told; nothing while unanswered, or when the connection was dropped.
    pub status: Option<u16>,
    pub at: Instant,
    pub took: Option<Duration>,
}

impl Recorded {
    /// Whether the method is this one and the path contains this text.
    pub fn is(&self, method: &str, path_part: &str) -> bool {
        self.method == method && self.path.contains(path_part)
    }
}

/// The operation in `AmazonSQS.GetQueueUrl`, or in a form, where AWS's protocol is the older one.
pub(super) fn action(headers: &HeaderMap, body: &Value) -> Option<String> {
    match headers.get("x-amz-target") {
        Some(target) => target.to_str().ok()?.rsplit_once('.').map(|(_, action)| action.to_owned()),
        None => body["Action"].as_str().map(str::to_owned),
    }
}

/// What a request says in its body.
pub(super) fn body(headers: &HeaderMap, bytes: &[u8]) -> Value {
    let is_form = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(FORM.as_bytes()));
    if !is_form {
        return serde_json::from_slice(bytes).unwrap_or(Value::Null);
    }
    // The form of a body is that of a query.
    let url = Url::parse(&format!("form:?{}", String::from_utf8_lossy(bytes)));
    url.map_or(Value::Null, |url| url.query_pairs().map(|(name, value)| (name.into_owned(), json!(value))).collect())
}

/// Percent-decodes a path; what is no UTF-8 is shown with replacement characters.
pub(super) fn decode(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}
