//! Why the queue does not answer, and what to do about it.

use std::time::Duration;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{BuildError, ProvideErrorMetadata, SdkError};
use thiserror::Error;

use crate::aws::{AwsFault, AwsFaultKind};
use crate::causes::told;

/// The error code of the protocol in use, and that of the protocol before it, which SQS still sends along.
const NO_SUCH_QUEUE: [&str; 2] = ["QueueDoesNotExist", "NonExistentQueue"];

/// Why a call to SQS failed. No body is in it, nor in its sources.
#[derive(Clone, Debug, Error)]
pub enum QueueError {
    #[error("the queue cannot be reached; its messages wait there")]
    Unreachable(#[source] AwsFault),
    #[error("the queue asks for fewer requests")]
    Throttled {
        /// How long to wait at least, if it said so.
        retry: Option<Duration>,
        #[source]
        fault: AwsFault,
    },
    #[error("there is no queue at queue.url; mend the URL, or create the queue")]
    NoSuchQueue(#[source] AwsFault),
    #[error(
        "there are no AWS credentials, or they may not use the queue; give the service a role, and the role sqs:ReceiveMessage, \
         sqs:DeleteMessage, sqs:ChangeMessageVisibility and sqs:GetQueueAttributes on the queue"
    )]
    Credentials(#[source] AwsFault),
    #[error(
        "the queue is encrypted with a key of KMS that cannot be used; give the role of the service kms:Decrypt on that key, let the \
         key's own policy allow it, and see that the key is enabled"
    )]
    Key(#[source] AwsFault),
    #[error("the queue refuses the request; mend queue.url or queue.endpoint_url, as its error code says")]
    Other(#[source] AwsFault),
    #[error("a request to the queue cannot be made")]
    Unusable(#[source] std::sync::Arc<BuildError>),
}

impl QueueError {
    /// Whether waiting cannot help: somebody has to change the configuration, the queue or the role.
    pub fn is_misconfigured(&self) -> bool {
        matches!(self, Self::NoSuchQueue(_) | Self::Credentials(_) | Self::Key(_))
    }

    /// The whole chain in one line.
    pub fn chain(&self) -> String {
        told(self)
    }

    pub(super) fn unusable(error: BuildError) -> Self {
        Self::Unusable(error.into())
    }
}

impl<E> From<SdkError<E, HttpResponse>> for QueueError
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
            AwsFaultKind::Refused if NO_SUCH_QUEUE.contains(&fault.code()) => Self::NoSuchQueue(fault),
            AwsFaultKind::Refused => Self::Other(fault),
        }
    }
}
