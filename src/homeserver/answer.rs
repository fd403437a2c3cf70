//! What Synapse answered where it refuses. Its refusals are told apart by their text, since most share `M_FORBIDDEN` or
//! `M_UNKNOWN`; each text below was answered by 1.105.1 and by 1.163.2, or stands in the sources of both.

use std::time::{Duration, SystemTime};

use ruma::api::error::{Error as MatrixError, ErrorBody, ErrorKind, FromHttpResponseError, RetryAfter};

use super::{error::CallError, sending::HttpError};

/// A failed call before it is classified as a [`CallError`]; some calls look at the answer first.
#[derive(Debug)]
pub(super) enum CallFailure {
    Unreachable(Box<HttpError>),
    TimedOut { after: Duration },
    Answer(ErrorAnswer),
    Unreadable(Box<HttpError>),
    TooLarge { limit: usize },
    NotSent(Box<HttpError>),
    NotLeading,
}

/// Synapse's own messages have a line. More is not kept of one: it goes into the log and the ledger.
const LONGEST_MESSAGE: usize = 500;

/// An error answer as Synapse, or a proxy before it, wrote it.
#[derive(Debug)]
pub(super) struct ErrorAnswer {
    pub(super) status: u16,
    pub(super) errcode: String,
    pub(super) message: String,
    retry_after: Option<Duration>,
}

impl CallFailure {
    pub(super) fn from_http(error: HttpError, elapsed: Duration) -> Self {
        match error {
            HttpError::Transport(ref inner) if inner.is_timeout() => Self::TimedOut { after: elapsed },
            HttpError::Transport(_) => Self::Unreachable(Box::new(error)),
            HttpError::Answer(ref inner) => match inner.as_ref() {
                FromHttpResponseError::Server(error) => Self::Answer(ErrorAnswer::read(error)),
                _ => Self::Unreadable(Box::new(error)),
            },
            HttpError::TooLarge { limit } => Self::TooLarge { limit },
            HttpError::Request(_) => Self::NotSent(Box::new(error)),
        }
    }

    /// The value of the metric label `status`.
    pub(super) fn status_label(&self) -> String {
        match self {
            Self::Answer(answer) => answer.status.to_string(),
            Self::Unreachable(_) => "unreachable".to_owned(),
            Self::TimedOut { .. } => "timeout".to_owned(),
            Self::Unreadable(_) => "unreadable".to_owned(),
            Self::TooLarge { .. } => "too_large".to_owned(),
            Self::NotSent(_) | Self::NotLeading => "not_sent".to_owned(),
        }
    }

    /// The answer, if there was one and its message contains `text`.
    pub(super) fn says(&self, text: &str) -> bool {
        matches!(self, Self::Answer(answer) if answer.message.contains(text))
    }

    /// The message of the answer, if it has this error code.
    pub(super) fn message_of(&self, errcode: &str) -> Option<&str> {
        match self {
            Self::Answer(answer) if answer.errcode == errcode => Some(&answer.message),
            _ => None,
        }
    }

    /// Whether Synapse says that there is none of what was asked for. Only its own word counts, with its own status: a proxy's
    /// page, or an error in between, says nothing of what there is.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Answer(answer) if answer.status == 404 && answer.errcode == "M_NOT_FOUND")
    }

    /// Whether there was an answer with this error code.
    pub(super) fn has_code(&self, errcode: &str) -> bool {
        matches!(self, Self::Answer(answer) if answer.errcode == errcode)
    }
}

impl ErrorAnswer {
    fn read(error: &MatrixError) -> Self {
        let status = error.status_code.as_u16();
        let (errcode, message) = match &error.body {
            ErrorBody::Standard(body) => (body.kind.errcode().to_string(), body.message.clone()),
            ErrorBody::Json(body) => {
                (body["errcode"].as_str().unwrap_or_default().to_owned(), "an error without a message".to_owned())
            }
            ErrorBody::NotJson { .. } => (String::new(), "not a Matrix answer (a proxy's page?)".to_owned()),
        };
        let (errcode, message) = (cut(errcode), cut(message));
        let retry_after = match error.error_kind() {
            Some(ErrorKind::LimitExceeded(data)) => data.retry_after.and_then(|retry_after| match retry_after {
                RetryAfter::Delay(delay) => Some(delay),
                RetryAfter::DateTime(at) => at.duration_since(SystemTime::now()).ok(),
            }),
            _ => None,
        };
        Self { status, errcode, message, retry_after }
    }

    fn classify(self) -> CallError {
        let Self { status, errcode, message, retry_after } = self;
        let says = |text: &str| message.contains(text);
        match (status, errcode.as_str()) {
            (429, _) => CallError::RateLimited { retry_after },
            (500.., _) => CallError::ServerError { status, message },
            (_, "M_USER_LOCKED" | "M_USER_DEACTIVATED" | "M_USER_SUSPENDED") => CallError::BotDisabled { message },
            (401, _) => CallError::TokenRejected,
            (404, "M_UNRECOGNIZED" | "") => CallError::NotServedHere,
            (403, _) if says("You are not a server admin") => CallError::NotServerAdmin,
            (403, _) if says("HMAC incorrect") => CallError::SharedSecretRejected,
            (403, "M_BAD_STATE") if says("user who was banned") => CallError::Banned,
            (403, _) if says("banned from") => CallError::Banned,
            (403, _) if says("not in room") => CallError::BotNotInRoom,
            (403, "M_FORBIDDEN") => CallError::NotPermitted { message },
            (404, _) if says("User not found") || says("Unknown user") || says("No row found (users)") => {
                CallError::UserUnknown
            }
            (404, _) if says("Room not found") || says("Not a known room") || says("Can't join remote room") => {
                CallError::RoomUnknown
            }
            (400, _) if says("Server not in room") => CallError::RoomUnknown,
            (400, _) if says("No local admin user in room") => CallError::NoLocalAdmin { message },
            (400, _) if says("legal room ID") => {
                CallError::BadRoomId { room: message.split(' ').next().unwrap_or_default().to_owned() }
            }
            (400, "M_INVALID_USERNAME" | "M_EXCLUSIVE") => CallError::BadUserId { message },
            (400, _) if says("UserID string") || says("local users") || says("Not a valid user_id") => {
                CallError::BadUserId { message }
            }
            _ => CallError::Unexpected { status, errcode, message },
        }
    }
}

fn cut(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
        message.push('…');
    }
    message
}

impl From<CallFailure> for CallError {
    fn from(failure: CallFailure) -> Self {
        match failure {
            CallFailure::Unreachable(source) => Self::Unreachable(source),
            CallFailure::TimedOut { after } => Self::TimedOut { after },
            CallFailure::Answer(answer) => answer.classify(),
            CallFailure::Unreadable(source) => Self::Unreadable(source),
            CallFailure::TooLarge { limit } => Self::TooLarge { limit },
            CallFailure::NotSent(source) => Self::NotSent(source),
            CallFailure::NotLeading => Self::NotLeading,
        }
    }
}

/// What was asked for, or `None` where Synapse says that there is none.
pub(super) fn found<T>(answer: Result<T, CallFailure>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}
