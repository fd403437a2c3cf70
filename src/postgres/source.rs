//! Where connections come from: a URL whose password may change, and what each session begins with.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor, Row};
use tracing::warn;

/// How long one attempt to find a reason may take.
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

/// A URL, perhaps from a file, and the kind of session.
#[derive(Clone)]
pub struct ConnectionSource {
    given: PgConnectOptions,
    /// Read again for each new connection: a password that was rotated is there first.
    file: Option<Arc<UrlFile>>,
    session: Session,
    password: Arc<Mutex<Password>>,
}

/// The file of a URL, and what it said last.
struct UrlFile {
    path: PathBuf,
    last: Mutex<(String, PgConnectOptions)>,
}

/// How the server took the password.
#[derive(Clone, Copy, Debug, Default)]
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
    /// From a URL, which is judged at once.
    pub fn new(url: &str, file: Option<PathBuf>, session: Session) -> sqlx::Result<Self> {
        let given = options(url)?;
        let file = file.map(|path| Arc::new(UrlFile { path, last: Mutex::new((url.to_owned(), given.clone())) }));
        Ok(Self { given, file, session, password: Arc::default() })
    }

    /// The URL with the user and the password as they are now. A file that is being written, or is gone, changes nothing, and
    /// so does one that names another server or database: that belongs to a new process, which looks whose it is first.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.file.as_ref().map_or_else(|| self.given.clone(), |file| file.options(&self.given))
    }

    /// Since when the server refuses a password of which no new one can be read: a new process may be given one.
    pub fn refused_since(&self) -> Option<Instant> {
        self.password().refused_since.filter(|_| self.file.is_none())
    }

    /// The same where it was taken before: it was changed while this process runs.
    pub fn changed_since(&self) -> Option<Instant> {
        self.refused_since().filter(|_| self.password().was_taken)
    }

    /// Notes how the server took the password, where that shows.
    pub(super) fn noted<T>(&self, answer: sqlx::Result<T>) -> sqlx::Result<T> {
        let mut password = self.password.lock().unwrap_or_else(PoisonError::into_inner);
        match &answer {
            Ok(_) => *password = Password { was_taken: true, refused_since: None },
            Err(error) if super::is_password_refused(error) => {
                password.refused_since.get_or_insert_with(Instant::now);
            }
            // Whoever waited for a connection was not told anything.
            Err(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => {}
            Err(_) => password.refused_since = None,
        }
        drop(password);
        answer
    }

    fn password(&self) -> Password {
        *self.password.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn session(&self) -> Session {
        self.session
    }

    /// One connection, or what is wrong, for example that nothing listens there.
    pub async fn connect(&self, patience: Duration) -> sqlx::Result<PgConnection> {
        let connecting = async {
            let mut connection = PgConnection::connect_with(&self.options()).await?;
            self.session.begin(&mut connection).await?;
            Ok(connection)
        };
        self.noted(super::within(patience, connecting).await)
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

impl UrlFile {
    fn options(&self, given: &PgConnectOptions) -> PgConnectOptions {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(text) = std::fs::read_to_string(&self.path) else { return last.1.clone() };
        let url = text.trim_end_matches(['\r', '\n']);
        if url != last.0 {
            let place = |options: &PgConnectOptions| {
                let database = options.get_database().map(str::to_owned);
                (options.get_host().to_owned(), options.get_port(), database)
            };
            let fresh = options(url).ok().filter(|fresh| {
                let is_same = place(fresh) == place(given);
                if !is_same {
                    warn!(
                        "the file of a database URL names another server or database now: restart the service for it"
                    );
                }
                is_same
            });
            *last = (url.to_owned(), fresh.unwrap_or_else(|| last.1.clone()));
        }
        last.1.clone()
    }
}

/// What is sent at the start is what every pooler lets through: the rest is set by [`Session::begin`].
pub fn options(url: &str) -> sqlx::Result<PgConnectOptions> {
    Ok(PgConnectOptions::from_str(url)?.application_name("phenom-provisioner").extra_float_digits(None))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_is_read_from_the_file_and_another_place_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        let url = "postgres://ours:first@db.test:5433/provisioner";
        std::fs::write(&file, url).unwrap();
        let source = ConnectionSource::new(url, Some(file.clone()), Session::ReadWrite).unwrap();
        let shown = |source: &ConnectionSource| format!("{:?}", source.options());
        assert!(shown(&source).contains("first"));
        for (text, password) in [
            ("postgres://ours:second@db.test:5433/provisioner\n", "second"),
            ("postgres://ours:third@other.test:5433/provisioner", "second"),
            ("postgres://ours:third@db.test:5433/another", "second"),
            ("postgres://ours:th", "second"),
            ("", "second"),
            ("postgres://ours:fourth@db.test:5433/provisioner", "fourth"),
        ] {
            std::fs::write(&file, text).unwrap();
            let options = source.options();
            assert!(shown(&source).contains(password), "{text}");
            assert_eq!((options.get_host(), options.get_database()), ("db.test", Some("provisioner")), "{text}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(shown(&source).contains("fourth"));
    }
}
