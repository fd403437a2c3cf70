//! Why the pool does not answer, and what to do about it.

use std::time::Duration;

use thiserror::Error;

use crate::aws::{AwsFault, AwsFaultKind};
use crate::causes::told;

/// How long to wait after a throttle that says nothing about it.
const RETRY_AFTER_THROTTLE: Duration = Duration::from_secs(2);

/// Why the pool cannot be read. No e-mail address is in it, nor in its sources.
#[derive(Clone, Debug, Error)]
pub enum DirectoryError {
    #[error(
        "the user pool asks for fewer requests; ask again in {} s, and find out who else lists the pool if this lasts",
        retry.as_secs_f32()
    )]
    Throttled {
        /// How long to wait at least.
        retry: Duration,
        #[source]
        fault: AwsFault,
    },
    #[error("the user pool cannot be reached; the last good reading stands and nobody is removed because of it")]
    Unreachable(#[source] AwsFault),
    #[error(
        "there is no user pool {pool} in {region}; mend cognito.user_pool_id and cognito.region, and give the service credentials \
         of the pool's AWS account"
    )]
    NoSuchPool {
        pool: String,
        region: String,
        #[source]
        fault: AwsFault,
    },
    #[error("the user pool has no group \"{group}\"; create it there, or mend the selector that names it")]
    NoSuchGroup {
        group: String,
        #[source]
        fault: AwsFault,
    },
    #[error("the user pool does not take this place in the listing any more; begin the listing anew")]
    BadToken(#[source] AwsFault),
    #[error(
        "there are no AWS credentials, or they may not read the user pool; give the service a role, and the role \
         cognito-idp:ListUsers and cognito-idp:ListUsersInGroup on the pool"
    )]
    Credentials(#[source] AwsFault),
    #[error(
        "the user pool refuses the request; mend cognito.user_pool_id or cognito.endpoint_url, as its error code says"
    )]
    Other(#[source] AwsFault),
    /// There is an answer, and it is no word that the pool lacks the user.
    #[error("the user pool does not say whether it has a user: {0}; look at that user in the pool if this lasts")]
    Unclear(&'static str),
}

impl DirectoryError {
    /// Whether waiting cannot help: somebody has to change the configuration, the pool or the role.
    pub fn is_misconfigured(&self) -> bool {
        matches!(self, Self::NoSuchPool { .. } | Self::NoSuchGroup { .. } | Self::Credentials(_))
    }

    /// Whether the same request may well succeed a little later, and how long to wait for it at least.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry, .. } => Some(*retry),
            Self::Unreachable(_) => Some(Duration::ZERO),
            _ => None,
        }
    }

    /// The whole chain in one line.
    pub fn chain(&self) -> String {
        told(self)
    }
}

/// What was asked for, as far as it changes what a refusal means.
#[derive(Clone, Copy)]
pub(super) struct PoolRequest<'a> {
    pub(super) pool: &'a str,
    pub(super) region: &'a str,
    pub(super) from_token: bool,
}

impl PoolRequest<'_> {
    pub(super) fn failed(self, fault: AwsFault) -> DirectoryError {
        match fault.kind {
            AwsFaultKind::Throttled(retry) => {
                DirectoryError::Throttled { retry: retry.unwrap_or(RETRY_AFTER_THROTTLE), fault }
            }
            AwsFaultKind::Unreachable => DirectoryError::Unreachable(fault),
            AwsFaultKind::Credentials => DirectoryError::Credentials(fault),
            AwsFaultKind::Refused if fault.code() == NOT_FOUND => {
                DirectoryError::NoSuchPool { pool: self.pool.to_owned(), region: self.region.to_owned(), fault }
            }
            // Cognito has no code of its own for it. All else that a page is asked with is ours and constant.
            AwsFaultKind::Refused if self.from_token && fault.code() == "InvalidParameterException" => {
                DirectoryError::BadToken(fault)
            }
            AwsFaultKind::Refused | AwsFaultKind::Key => DirectoryError::Other(fault),
        }
    }
}

/// Said of pools and of groups alike.
const NOT_FOUND: &str = "ResourceNotFoundException";
