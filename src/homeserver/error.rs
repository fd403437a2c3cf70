//! What a failed call means. Synapse's refusals are told apart by their text, since most share `M_FORBIDDEN` or
//! `M_UNKNOWN`; each text below was answered by 1.105.1 and by 1.163.2, or stands in the sources of both.

use std::time::{Duration, SystemTime};

use ruma::{
    IdParseError,
    api::error::{Error as MatrixError, ErrorBody, ErrorKind, FromHttpResponseError, RetryAfter},
};

use super::sending::HttpError;

/// How a write ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Synapse did it.
    Done,
    /// There was nothing to do. The caller thought otherwise, so its mirror is behind.
    AlreadySo,
}

/// Why the client for Synapse could not be made. Nothing has been sent.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "{user_id:?} is not a Matrix user ID; check sender_localpart of the registration, and homeserver.server_name"
    )]
    BadUserId { user_id: String, source: IdParseError },
    #[error("the HTTP client for Synapse cannot be built")]
    Http(#[source] reqwest::Error),
    #[error("homeserver.url = {url:?} is no address of Synapse; write it like http://localhost:8008")]
    BadUrl { url: String },
}

/// Why a call did not do what was asked, in plain words with the mend.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("Synapse cannot be reached; start it, or mend homeserver.url")]
    Unreachable(#[source] Box<HttpError>),
    #[error("Synapse did not answer within {after:?}; it may have done what was asked all the same")]
    TimedOut { after: Duration },
    #[error("Synapse limits our requests{}; set rate_limited: false in the registration and restart Synapse", retry_text(*retry_after))]
    RateLimited { retry_after: Option<Duration> },
    #[error(
        "Synapse does not accept the as_token; give Synapse and this service the same registration, and restart Synapse"
    )]
    TokenRejected,
    #[error(
        "this Synapse knows the bot as {theirs}, and by the configuration it is {ours}; mend homeserver.url or \
         homeserver.server_name: one is that of another deployment"
    )]
    AnotherHomeserver { ours: String, theirs: String },
    #[error("the bot's account is locked or deactivated on Synapse ({message}); unlock or reactivate it")]
    BotDisabled { message: String },
    #[error("the bot is not a server admin; run `phenom-provisioner bootstrap`")]
    NotServerAdmin,
    #[error(
        "what answers at homeserver.url does not serve this; let homeserver.url lead to Synapse itself, client and admin API"
    )]
    NotServedHere,
    #[error("the user is banned from the room; unban them first if they belong there")]
    Banned,
    #[error("the account is suspended on Synapse ({message}); unsuspend it first")]
    UserSuspended { message: String },
    #[error("Synapse has no such account")]
    UserUnknown,
    #[error("Synapse does not take the user ID: {message}")]
    BadUserId { message: String },
    #[error("the bot is not in the room; run `phenom-provisioner bootstrap` to let it in")]
    BotNotInRoom,
    #[error("Synapse does not know the room; check its id in the configuration")]
    RoomUnknown,
    #[error(
        "{room:?} is not a full room ID; before room version 12 it ends in \":\" and the server name, and an alias is not an ID"
    )]
    BadRoomId { room: String },
    #[error("Synapse refuses: {message}; the bot needs more power in the room, or the room other join rules")]
    NotPermitted { message: String },
    #[error(
        "no local user who is still in the room has the power to admit the bot ({message}); someone in the room must invite it"
    )]
    NoLocalAdmin { message: String },
    #[error("Synapse cannot reach this service ({message}); mend url in the registration, or appservice.listen")]
    ListenerUnreachable { message: String },
    #[error("Synapse does not accept the shared secret; give the registration_shared_secret of its homeserver.yaml")]
    SharedSecretRejected,
    #[error("the account is locked, and its sessions could not be ended: {why}")]
    SessionsRemain { why: Box<CallError> },
    #[error("Synapse failed with status {status}: {message}")]
    ServerError { status: u16, message: String },
    #[error("Synapse answered something that cannot be read")]
    Unreadable(#[source] Box<HttpError>),
    #[error("Synapse's answer is larger than {} MiB and was not read to its end", limit >> 20)]
    TooLarge { limit: usize },
    #[error("the request could not be written")]
    NotSent(#[source] Box<HttpError>),
    #[error("Synapse answered {status} {errcode}: {message}")]
    Unexpected { status: u16, errcode: String, message: String },
}

impl CallError {
    /// Transport failure: Synapse was not there, or may have acted without our knowledge. What was asked about is read
    /// again, and `whoami` says whether Synapse is there.
    pub fn is_transport(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut { .. } => true,
            Self::ServerError { status, .. } => matches!(status, 502..=504),
            Self::SessionsRemain { why } => why.is_transport(),
            _ => false,
        }
    }

    /// Whether what was asked may have been done all the same, or a part of it. A connection that was never made carried no
    /// request.
    pub fn may_have_been_done(&self) -> bool {
        match self {
            Self::Unreachable(error) => !matches!(&**error, HttpError::Transport(error) if error.is_connect()),
            Self::Unreadable(_) | Self::TooLarge { .. } | Self::SessionsRemain { .. } => true,
            error => error.is_transport(),
        }
    }

    /// The answer contradicts what the plan was made from: the room is re-read before anything else is tried in it.
    pub fn means_mirror_is_stale(&self) -> bool {
        matches!(
            self,
            Self::Banned | Self::UserUnknown | Self::BotNotInRoom | Self::RoomUnknown | Self::NotPermitted { .. }
        )
    }

    /// How long Synapse asks us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            Self::SessionsRemain { why } => why.retry_after(),
            _ => None,
        }
    }
}

fn retry_text(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(" for {wait:?}")).unwrap_or_default()
}

/// A failed call before it is classified as a [`CallError`]; some calls look at the answer first.
#[derive(Debug)]
pub(super) enum CallFailure {
    Unreachable(Box<HttpError>),
    TimedOut { after: Duration },
    Answer(ErrorAnswer),
    Unreadable(Box<HttpError>),
    TooLarge { limit: usize },
    NotSent(Box<HttpError>),
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
            Self::NotSent(_) => "not_sent".to_owned(),
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
        }
    }
}
