//! What a call that failed means to its caller, with the mend.

use std::time::Duration;

use ruma::IdParseError;

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
    #[error("Synapse cannot be reached; start Synapse, or mend homeserver.url")]
    Unreachable(#[source] Box<HttpError>),
    #[error("Synapse did not answer within {after:?}; it may have done what was asked all the same")]
    TimedOut { after: Duration },
    #[error("Synapse limits our requests{}; set rate_limited: false in the registration and restart Synapse", retry_text(*retry_after))]
    RateLimited { retry_after: Option<Duration> },
    #[error(
        "Synapse does not accept the as_token; give Synapse and this service the same registration file, and restart \
         Synapse"
    )]
    TokenRejected,
    #[error(
        "this Synapse knows the bot as {theirs}, and by the configuration it is {ours}; mend homeserver.url or \
         homeserver.server_name: one is that of another deployment"
    )]
    AnotherHomeserver { ours: String, theirs: String },
    #[error(
        "the bot's account is locked or deactivated on Synapse ({message}); let a server admin unlock or reactivate it (PUT \
         /_synapse/admin/v2/users/… with \"locked\" or \"deactivated\": false)"
    )]
    BotDisabled { message: String },
    #[error(
        "the bot is not a server admin; run `phenom-provisioner bootstrap` with --admin-token-file or --shared-secret-file"
    )]
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
    #[error("Synapse failed with status {status}: {message}; look at Synapse's log")]
    ServerError { status: u16, message: String },
    #[error("Synapse answered something that cannot be read; see that homeserver.url leads to Synapse itself")]
    Unreadable(#[source] Box<HttpError>),
    #[error("Synapse's answer is larger than {} MiB and was not read to its end", limit >> 20)]
    TooLarge { limit: usize },
    #[error("the request could not be written")]
    NotSent(#[source] Box<HttpError>),
    #[error("not sent: it is not certain that this process still leads")]
    NotLeading,
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
