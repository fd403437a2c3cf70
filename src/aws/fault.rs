//! What a failed call means, in words that hold no secret and no e-mail address.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

/// Error codes of services for throttling.
const THROTTLED: [&str; 6] = [
    "LimitExceededException",
    "RequestThrottled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Error codes of services for missing, expired or insufficient credentials.
const DENIED: [&str; 15] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "NotAuthorizedException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// What codes about a key of KMS begin with, in lower case: SQS says `KmsAccessDenied`, and `KMS.AccessDeniedException` in the
/// protocol before.
const OF_KMS: &str = "kms";

/// What kind of failure it was, as far as it decides what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsFaultKind {
    /// No answer, or the service itself is in trouble. Waiting may help.
    Unreachable,
    /// Too many requests. When the service said how long to wait, that is it.
    Throttled(Option<Duration>),
    /// No credentials, or none that are allowed to do this.
    Credentials,
    /// The service cannot use the key of KMS that the data is encrypted with: no right to it, or it is disabled or gone.
    Key,
    /// The service refused the request itself; its code says why.
    Refused,
}

/// A failed call: its kind, the code of the service if it answered, and the whole chain of causes in one line.
#[derive(Clone, Debug)]
pub struct AwsFault {
    /// What to make of it.
    pub kind: AwsFaultKind,
    code: Option<String>,
    text: String,
}

impl AwsFault {
    /// The error code without its namespace, such as `ResourceNotFoundException`; that it is of KMS is left in it.
    pub fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_default()
    }

    /// Whether the caller is known and lacks a right. Other trouble with credentials: there are none, or they are not good.
    pub fn is_denial(&self) -> bool {
        ["AccessDenied", "AccessDeniedException", "AuthorizationError"].contains(&self.code())
    }
}

impl fmt::Display for AwsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for AwsFault {}

impl<E> From<SdkError<E, HttpResponse>> for AwsFault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let code = error.code().map(bare).map(str::to_owned);
        let kind = kind(&error, code.as_deref());
        let text = match (&code, error.message()) {
            (Some(code), Some(message)) => without_addresses(&format!("{code}: {message}")),
            (Some(code), None) => without_addresses(code),
            (None, _) => without_addresses(&chain(&error)),
        };
        Self { kind, code, text }
    }
}

/// A code without its namespace. `KMS.` is what tells a refused key from a refused queue, and stays.
fn bare(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or(code);
    if is_of_kms(code) { code } else { code.rsplit('.').next().unwrap_or(code) }
}

fn is_of_kms(code: &str) -> bool {
    code.get(..OF_KMS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OF_KMS))
}

fn kind<E>(error: &SdkError<E, HttpResponse>, code: Option<&str>) -> AwsFaultKind
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match causes(error).find_map(|cause| cause.downcast_ref()) {
        // The service that hands out credentials does not answer.
        Some(CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_)) => {
            return AwsFaultKind::Unreachable;
        }
        Some(_) => return AwsFaultKind::Credentials,
        None => {}
    }
    let Some(answer) = error.raw_response() else { return AwsFaultKind::Unreachable };
    let status = answer.status().as_u16();
    match code {
        Some(code) if THROTTLED.contains(&code) => AwsFaultKind::Throttled(retry_after(answer)),
        Some(code) if is_of_kms(code) && code.contains("Thrott") => AwsFaultKind::Throttled(retry_after(answer)),
        _ if status == 429 => AwsFaultKind::Throttled(retry_after(answer)),
        // A half-read answer (`ResponseError`) has a good status and is worth asking for again.
        _ if !(400..500).contains(&status) => AwsFaultKind::Unreachable,
        Some(code) if is_of_kms(code) => AwsFaultKind::Key,
        Some(code) if DENIED.contains(&code) => AwsFaultKind::Credentials,
        _ => AwsFaultKind::Refused,
    }
}

fn retry_after(answer: &HttpResponse) -> Option<Duration> {
    let number = |name| answer.headers().get(name)?.trim().parse().ok();
    let milliseconds = number("x-amz-retry-after").map(Duration::from_millis);
    milliseconds.or_else(|| number("retry-after").map(Duration::from_secs))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| (*cause).source())
}

/// Each cause once: some of the SDK's repeat their source.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text
}

/// Services quote the request, and a filter in it may hold an e-mail address.
fn without_addresses(text: &str) -> String {
    let shown: Vec<&str> = text.split_whitespace().map(|word| if word.contains('@') { "…" } else { word }).collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_loses_its_namespace_and_stays_one_of_kms() {
        for (code, bare_code, kms) in [
            ("com.amazonaws.sqs#QueueDoesNotExist", "QueueDoesNotExist", false),
            ("AWS.SimpleQueueService.NonExistentQueue", "NonExistentQueue", false),
            ("com.amazonaws.sqs#KmsAccessDenied", "KmsAccessDenied", true),
            ("KMS.AccessDeniedException", "KMS.AccessDeniedException", true),
        ] {
            assert_eq!((bare(code), is_of_kms(bare(code))), (bare_code, kms), "{code}");
        }
    }

    #[test]
    fn an_address_in_what_a_service_says_is_not_repeated() {
        assert_eq!(without_addresses("filter email = \"jo@example.org\" is bad"), "filter email = … is bad");
    }
}
