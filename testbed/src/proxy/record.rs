//! What the proxy remembers of one request.

use std::time::{Duration, Instant};

use serde_json::Value;

/// One request that came through.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: String,
    /// Percent-decoded, without the query.
    pub path: String,
    pub query: Option<String>,
    /// The operation, where the request is one of AWS.
    pub action: Option<String>,
    /// The request's JSON body; null if it had none.
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

/// The operation in `AmazonSQS.GetQueueUrl`.
pub(super) fn action(target: &str) -> Option<String> {
    target.rsplit_once('.').map(|(_, action)| action.to_owned())
}

/// Percent-decodes a path; what is no UTF-8 is shown with replacement characters.
pub(super) fn decode(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.get(..2)).flatten();
        let value = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
