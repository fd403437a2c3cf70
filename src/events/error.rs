//! Why the topic does not take events, and what to do about it.

use std::time::Duration;

use aws_sdk_sns::config::http::HttpResponse;
use aws_sdk_sns::error::{BuildError, ProvideErrorMetadata, SdkError};
use thiserror::Error;

use crate::aws::{AwsFault, AwsFaultKind};
use crate::causes::told;

/// Error codes for a topic that is not there.
const NO_SUCH_TOPIC: [&str; 2] = ["NotFound", "NotFoundException"];

/// Why a call to SNS failed. No event is in it, nor in its sources.
#[derive(Clone, Debug, Error)]
pub enum TopicError {
    #[error("the topic cannot be reached; let this service reach SNS of its region by HTTPS")]
    Unreachable(#[source] AwsFault),
    #[error("the topic asks for fewer requests")]
    Throttled {
        /// How long to wait at least, if it said so.
        retry: Option<Duration>,
        #[source]
        fault: AwsFault,
    },
    #[error("there is no topic at events.topic_arn; mend the ARN (region, account, name), or create the topic")]
    NoSuchTopic(#[source] AwsFault),
    #[error(
        "there are no AWS credentials, or they may not publish; give the role of the service sns:Publish on the topic of \
         events.topic_arn"
    )]
    Credentials(#[source] AwsFault),
    #[error(
        "the topic is encrypted with a key of KMS that cannot be used; give the role of the service kms:GenerateDataKey and \
         kms:Decrypt on that key, let the key's own policy allow it, and see that the key is enabled"
    )]
    Key(#[source] AwsFault),
    #[error("the topic refuses the request; mend events.topic_arn or events.endpoint_url, as its error code says")]
    Other(#[source] AwsFault),
    #[error("the topic does not take a part of what is sent; it says {0}")]
    NotTaken(String),
    #[error("a request to the topic cannot be made")]
    Unusable(#[source] std::sync::Arc<BuildError>),
}

impl TopicError {
    /// Whether waiting cannot help: somebody has to change the configuration, the topic or the role.
    pub fn is_misconfigured(&self) -> bool {
        matches!(self, Self::NoSuchTopic(_) | Self::Credentials(_) | Self::Key(_))
    }

    /// How long to wait at least, if SNS said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry, .. } => *retry,
            _ => None,
        }
    }

    /// In a word, for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Throttled { .. } => "throttled",
            Self::NoSuchTopic(_) => "no_topic",
            Self::Credentials(_) => "credentials",
            Self::Key(_) => "key",
            Self::Other(_) | Self::NotTaken(_) | Self::Unusable(_) => "refused",
        }
    }

    /// The whole chain in one line.
    pub fn chain(&self) -> String {
        told(self)
    }

    pub(super) fn unusable(error: BuildError) -> Self {
        Self::Unusable(error.into())
    }
}

impl<E> From<SdkError<E, HttpResponse>> for TopicError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let fault = AwsFault::from(error);
        match fault.kind {
            AwsFaultKind::Unreachable => Self::Unreachable(fault),
            AwsFaultKind::Throttled(retry) => Self::Throttled { retry, fault },
            AwsFaultKind::Credentials => Self::Credentials(fault),
            AwsFaultKind::Key => Self::Key(fault),
            AwsFaultKind::Refused if NO_SUCH_TOPIC.contains(&fault.code()) => Self::NoSuchTopic(fault),
            AwsFaultKind::Refused => Self::Other(fault),
        }
    }
}
