//! What we ask of Synapse: one method a question (`read`, `events`, `users`, `server`; `anonymous`
//! without a token) or a write (`write`, `accounts`,
//! `bootstrap`, `made`).
//!
//! Every call is bounded in time, counted, and answered in terms a caller can act on ([`CallError`], [`WriteOutcome`]). Nothing
//! here retries, remembers or decides: the next pass plans again. The wire formats live in `requests`, the meaning of
//! Synapse's refusals in `answer` and `error`.

mod accounts;
mod anonymous;
mod answer;
mod bootstrap;
mod error;
mod events;
mod lenient;
mod made;
mod previews;
mod profile;
mod read;
mod requests;
mod sending;
mod server;
mod users;
mod write;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use ruma::exports::http::Method;
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};

pub(crate) use self::requests::rooms::IsOurBan;
pub use self::{
    accounts::AccountCreation,
    anonymous::Anonymous,
    bootstrap::PromoteError,
    error::{CallError, ConnectError, WriteOutcome},
    events::{NewestEvent, SeenEvent},
    made::{MadeRoom, RoomVersions},
    profile::Profile,
    read::{MemberEvent, RoomOrigin, RoomSummary, StateEvent},
    users::{ServerAdminList, UserEntry, UserPage},
    write::NewRoom,
};
use self::{
    answer::CallFailure,
    requests::PathSegment,
    sending::{HttpError, MatrixRequest, Sender},
};

const REQUESTS: &str = "provisioner_homeserver_requests_total";
const SECONDS: &str = "provisioner_homeserver_request_seconds";
const UNREADABLE: &str = "provisioner_homeserver_unreadable_entries_total";

/// Describes the metrics of the homeserver to the installed recorder.
pub fn describe_metrics() {
    metrics::describe_counter!(REQUESTS, "Requests to Synapse by endpoint, and by status or why there is none");
    metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "How long a request to Synapse took, by endpoint");
    metrics::describe_counter!(UNREADABLE, "Entries of Synapse's answers that cannot be read and were skipped");
}

/// What a ban of this service gives as its reason, by which it is known again.
pub const BAN_REASON: &str = "no longer a member, and came back again and again; lifted when they are a member again";

/// How long is waited for what is asked only to say more: Synapse may search a room for it through years.
const ASIDE: Duration = Duration::from_secs(2);

/// An answer to anything but a bulk read is no larger: an event has 64 KiB at the most, and lists of these calls are short.
const LARGEST_ANSWER: usize = 16 << 20;

/// What a bulk read may answer: the memberships of a million people who left a room, at 800 bytes each, and some more.
const LARGEST_BULK: usize = 1 << 30;

/// How long one call may take in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Any call but the bulk reads. A join into a room of 5,000 takes seconds when others are queued before it.
    pub call: Duration,
    /// Reads that grow with a room or with the number of accounts.
    pub bulk_read: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { call: Duration::from_secs(30), bulk_read: Duration::from_secs(120) }
    }
}

/// Synapse, as the bot. Cheap to clone.
#[derive(Clone)]
pub struct Homeserver {
    inner: Arc<Connection>,
    may_write: Option<MayWrite>,
}

/// Whether this process may write at this moment.
type MayWrite = Arc<dyn Fn() -> bool + Send + Sync>;

struct Connection {
    sender: Sender,
    url: String,
    user_id: OwnedUserId,
    timeouts: Timeouts,
}

impl fmt::Debug for Homeserver {
    /// Without the token, which the client holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Homeserver").field("url", &self.inner.url).field("user_id", &self.inner.user_id).finish()
    }
}

impl Homeserver {
    /// Prepares the client for `user_id` (the registration's sender) with its `as_token`. Sends nothing.
    pub async fn connect(
        url: &str,
        user_id: &str,
        access_token: &str,
        timeouts: Timeouts,
    ) -> Result<Self, ConnectError> {
        let user_id =
            UserId::parse(user_id).map_err(|source| ConnectError::BadUserId { user_id: user_id.to_owned(), source })?;
        let sender = Sender::new(url, access_token)?;
        let inner = Arc::new(Connection { sender, url: url.to_owned(), user_id, timeouts });
        Ok(Self { inner, may_write: None })
    }

    /// The same, which sends a write only while this holds: it is asked before each of them, since a process may be frozen
    /// between a question and the write that its answer leads to.
    #[must_use]
    pub fn writing_while(&self, may_write: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { may_write: Some(Arc::new(may_write)), ..self.clone() }
    }

    /// The bot's own MXID.
    pub fn user_id(&self) -> &str {
        self.inner.user_id.as_str()
    }

    /// Sends one request and waits for its answer, at most [`Timeouts::call`].
    async fn call<R: MatrixRequest>(
        &self,
        endpoint: &'static str,
        request: R,
    ) -> Result<R::IncomingResponse, CallFailure> {
        if R::METHOD != Method::GET && self.may_write.as_ref().is_some_and(|may_write| !may_write()) {
            return Err(CallFailure::NotLeading);
        }
        measure(endpoint, self.inner.timeouts.call, self.inner.sender.answered(request, LARGEST_ANSWER)).await
    }

    /// Sends one request and waits for its answer, at most [`Timeouts::bulk_read`].
    async fn bulk_read<R: MatrixRequest>(
        &self,
        endpoint: &'static str,
        request: R,
    ) -> Result<R::IncomingResponse, CallFailure> {
        measure(endpoint, self.inner.timeouts.bulk_read, self.inner.sender.answered(request, LARGEST_BULK)).await
    }

    /// Sends one request and waits for its answer, at most [`ASIDE`].
    async fn aside<R: MatrixRequest>(
        &self,
        endpoint: &'static str,
        request: R,
    ) -> Result<R::IncomingResponse, CallFailure> {
        measure(endpoint, ASIDE.min(self.inner.timeouts.call), self.inner.sender.answered(request, LARGEST_ANSWER))
            .await
    }
}

/// An answer that is waited for no longer than this, however many requests it takes.
pub async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
    tokio::time::timeout(limit, answer).await.unwrap_or(Err(CallError::TimedOut { after: limit }))
}

/// Bounds, times and counts one request. `endpoint` is a fixed short name, so that the metrics stay few.
async fn measure<T>(
    endpoint: &'static str,
    limit: Duration,
    sent: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, CallFailure> {
    let started = Instant::now();
    let result = match tokio::time::timeout(limit, sent).await {
        Ok(answer) => answer.map_err(|error| CallFailure::from_http(error, started.elapsed())),
        Err(_) => Err(CallFailure::TimedOut { after: limit }),
    };
    let status = result.as_ref().map_or_else(CallFailure::status_label, |_| "2xx".to_owned());
    metrics::histogram!(SECONDS, "endpoint" => endpoint).record(started.elapsed().as_secs_f64());
    metrics::counter!(REQUESTS, "endpoint" => endpoint, "status" => status).increment(1);
    result
}

/// A room ID ready for a path. An alias is refused here: Synapse would resolve it, and aliases are never a room's name.
///
/// ruma leaves `%` as it is in a path, so it is escaped first.
fn room_in_path(room: &str) -> Result<OwnedRoomId, CallError> {
    RoomId::parse(room.replace('%', "%25")).map_err(|_| CallError::BadRoomId { room: room.to_owned() })
}

/// The same for the requests that are our own, which escape by themselves.
fn room_segment(room: &str) -> Result<PathSegment, CallError> {
    room_in_path(room)?;
    Ok(PathSegment(room.to_owned()))
}

/// An MXID ready for a path.
fn user_segment(user: &str) -> Result<PathSegment, CallError> {
    checked_user(user).map(PathSegment)
}

/// Refuses what cannot be an MXID before it becomes part of a path. Stranger ids than ruma accepts exist; Synapse judges them.
fn checked_user(user: &str) -> Result<String, CallError> {
    if user.starts_with('@') && user.contains(':') {
        Ok(user.to_owned())
    } else {
        Err(CallError::BadUserId { message: format!("{user:?} does not look like @localpart:server") })
    }
}
