//! Where connections come from: a login whose password may change, and what each session begins with.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor, Row};

use super::login::{CurrentLogin, Login};

/// How long one attempt of our own may take: to find a reason, or whether the password is refused.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Of a session that writes.
const LIMITS: &str =
    "SET statement_timeout = '120s'; SET lock_timeout = '15s'; SET idle_in_transaction_session_timeout = '30s'";

/// What a session may do, and how it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Our own database: written to. A server that is a standby is refused.
    ReadWrite,
    /// The roster's, perhaps behind a pooler that others share: nothing is set for a session, and each reading is a read-only
    /// transaction.
    ReadOnly,
}

/// A login and the kind of session.
#[derive(Clone)]
pub struct ConnectionSource {
    login: Arc<CurrentLogin>,
    session: Session,
    password: Arc<Mutex<Password>>,
}

/// How the server took the password.
#[derive(Debug, Default)]
struct Password {
    /// Once at least, in this process.
    was_taken: bool,
    refused_since: Option<Instant>,
}

impl fmt::Debug for ConnectionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::place(&self.options()))
    }
}

impl ConnectionSource {
    /// From a login, whose URL is judged at once.
    pub fn new(login: Login, session: Session) -> sqlx::Result<Self> {
        Ok(Self { login: Arc::new(CurrentLogin::new(login)?), session, password: Arc::default() })
    }

    /// What to connect with now.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.login.options()
    }

    /// Since when the server refuses a password of which no new one can be read: a new process may be given one. Nobody may have
    /// connected since then: see [`Self::is_refused`].
    pub fn refused_since(&self) -> Option<Instant> {
        self.password.lock().refused_since.filter(|_| !self.is_read_again())
    }

    /// The same where it was taken before: it was changed while this process runs.
    pub fn changed_since(&self) -> Option<Instant> {
        self.refused_since().filter(|_| self.password.lock().was_taken)
    }

    /// Whether the server refuses the password now.
    pub async fn is_refused(&self) -> bool {
        self.connect(ATTEMPT).await.is_err_and(|error| super::is_password_refused(&error))
    }

    /// Whether a password that was changed can be read.
    pub(super) fn is_read_again(&self) -> bool {
        self.login.is_read_again()
    }

    /// Notes that the server took the password. A new session alone says so: an old one outlives a change of the password.
    pub(super) fn taken(&self) {
        *self.password.lock() = Password { was_taken: true, refused_since: None };
    }

    /// Notes why there is no connection, where that says something of the password.
    pub(super) fn failed(&self, error: &sqlx::Error) {
        match error {
            error if super::is_password_refused(error) => {
                self.password.lock().refused_since.get_or_insert_with(Instant::now);
            }
            // A caller that waited for a connection was told nothing.
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {}
            _ => self.password.lock().refused_since = None,
        }
    }

    pub(super) fn session(&self) -> Session {
        self.session
    }

    /// One connection, or what is wrong, for example that nothing listens there.
    pub async fn connect(&self, patience: Duration) -> sqlx::Result<PgConnection> {
        let connecting = async {
            let mut connection = PgConnection::connect_with(&self.options()).await?;
            self.taken();
            self.session.begin(&mut connection).await?;
            Ok(connection)
        };
        super::within(patience, connecting).await.inspect_err(|error| self.failed(error))
    }

    /// Why a pool gave no connection. Where it reports only that its time was up, one attempt of our own finds the reason. That
    /// attempt succeeds where all connections of the pool were in use.
    pub async fn reason(&self, error: sqlx::Error) -> sqlx::Error {
        if !matches!(error, sqlx::Error::PoolTimedOut) {
            return error;
        }
        self.connect(ATTEMPT).await.err().unwrap_or(error)
    }
}

impl Session {
    /// Sets what holds for the session. Server-side limits are for what our own deadlines leave behind: a statement that is
    /// waited for no longer, or a transaction of a process that is frozen.
    pub(super) async fn begin(self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if self == Self::ReadOnly {
            return Ok(());
        }
        connection.execute(LIMITS).await?;
        let read_only: String = sqlx::raw_sql("SHOW transaction_read_only").fetch_one(connection).await?.try_get(0)?;
        if read_only == "on" {
            return Err(sqlx::Error::Io(io::Error::other(
                "the database can only be read: it is a standby, or was made read-only; let the URL lead to the primary",
            )));
        }
        Ok(())
    }
}
