//! One call of AWS's JSON protocol. The emulators check no signature, but read from it which service is meant.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use super::REGION;

/// Longer than the longest long poll.
const BOUND: Duration = Duration::from_secs(40);

/// A service of AWS, as its protocol spells it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Protocol {
    /// The scope of a signature.
    pub(super) service: &'static str,
    /// What `X-Amz-Target` begins with.
    pub(super) target: &'static str,
    pub(super) content_type: &'static str,
}

pub(super) const SQS: Protocol =
    Protocol { service: "sqs", target: "AmazonSQS", content_type: "application/x-amz-json-1.0" };

pub(super) const COGNITO: Protocol = Protocol {
    service: "cognito-idp",
    target: "AWSCognitoIdentityProviderService",
    content_type: "application/x-amz-json-1.1",
};

/// Calls `action` and gives the answer; an empty one is `null`.
///
/// # Errors
/// When nobody answers, or the answer is an error; the message carries it.
pub(super) async fn call(
    client: &Client,
    endpoint: &str,
    protocol: Protocol,
    action: &str,
    body: &Value,
) -> Result<Value> {
    let Protocol { service, target, content_type } = protocol;
    let signature = format!(
        "AWS4-HMAC-SHA256 Credential=testbed/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let request = client
        .post(endpoint)
        .timeout(BOUND)
        .header("X-Amz-Target", format!("{target}.{action}"))
        .header(CONTENT_TYPE, content_type)
        .header(AUTHORIZATION, signature)
        .body(body.to_string());
    let answer = request.send().await.with_context(|| format!("call {action}"))?;
    let status = answer.status();
    let text = answer.text().await.with_context(|| format!("read the answer to {action}"))?;
    if !status.is_success() {
        bail!("{action} answered {status}: {text}");
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("read the answer to {action}: {text}"))
}

/// A string of an answer.
///
/// # Errors
/// When it is not there.
pub(super) fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).context("a string is missing in the answer")
}
