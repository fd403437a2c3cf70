//! What leads to a database: a URL, a password that may stand apart from it, and the files that both may come from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use parking_lot::Mutex;
use sqlx::postgres::PgConnectOptions;
use tracing::warn;

/// How a database is reached, as it was written down.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// A Postgres URL.
    pub url: String,
    /// The password where the URL has none, as it is: nothing in it is percent-encoded.
    pub password: Option<String>,
    /// The files that these were read from.
    pub url_file: Option<PathBuf>,
    pub password_file: Option<PathBuf>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

impl Login {
    /// What sqlx connects with. What is sent at the start is what every pooler lets through: the rest is set when a session
    /// begins.
    pub fn options(&self) -> sqlx::Result<PgConnectOptions> {
        let options = PgConnectOptions::from_str(&self.url)?;
        let options = options.application_name("phenom-provisioner").extra_float_digits(None);
        Ok(match &self.password {
            Some(password) => options.password(password),
            None => options,
        })
    }

    /// Whether a password that was changed can be read where this one was.
    pub(super) fn is_read_again(&self) -> bool {
        match self.password {
            Some(_) => self.password_file.is_some(),
            None => self.url_file.is_some(),
        }
    }

    /// The same with what its files say now. A file that is being written, or is gone, changes nothing.
    fn read_again(&self) -> Self {
        let mut fresh = self.clone();
        if let Some(url) = self.url_file.as_deref().and_then(content) {
            fresh.url = url;
        }
        if let Some(password) = self.password_file.as_deref().and_then(content) {
            fresh.password = Some(password);
        }
        fresh
    }
}

fn content(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let text = text.trim_end_matches(['\r', '\n']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// A login whose files are read again for each new connection: a password that was rotated is there first.
pub(super) struct CurrentLogin {
    given: PgConnectOptions,
    last: Mutex<(Login, PgConnectOptions)>,
}

impl CurrentLogin {
    /// The URL is judged at once.
    pub(super) fn new(login: Login) -> sqlx::Result<Self> {
        let given = login.options()?;
        Ok(Self { last: Mutex::new((login, given.clone())), given })
    }

    pub(super) fn is_read_again(&self) -> bool {
        self.last.lock().0.is_read_again()
    }

    /// With the user and the password as they are now. Files that name another server or database change nothing: that belongs
    /// to a new process, which looks whose it is first.
    pub(super) fn options(&self) -> PgConnectOptions {
        let mut last = self.last.lock();
        let login = last.0.read_again();
        if login != last.0 {
            let fresh = login.options().ok().filter(|fresh| {
                let is_same = place(fresh) == place(&self.given);
                if !is_same {
                    warn!(
                        "the file of a database URL names another server or database now: restart the service for it"
                    );
                }
                is_same
            });
            let options = fresh.unwrap_or_else(|| last.1.clone());
            *last = (login, options);
        }
        last.1.clone()
    }
}

fn place(options: &PgConnectOptions) -> (String, u16, Option<String>) {
    (options.get_host().to_owned(), options.get_port(), options.get_database().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(options: &PgConnectOptions) -> String {
        format!("{options:?}")
    }

    #[test]
    fn a_new_password_is_read_from_the_file_and_another_place_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        let url = "postgres://ours:first@db.test:5433/provisioner";
        std::fs::write(&file, url).unwrap();
        let login = Login { url: url.to_owned(), url_file: Some(file.clone()), ..Login::default() };
        let current = CurrentLogin::new(login).unwrap();
        assert!(shown(&current.options()).contains("first"));
        for (text, password) in [
            ("postgres://ours:second@db.test:5433/provisioner\n", "second"),
            ("postgres://ours:third@other.test:5433/provisioner", "second"),
            ("postgres://ours:third@db.test:5433/another", "second"),
            ("postgres://ours:th", "second"),
            ("", "second"),
            ("postgres://ours:fourth@db.test:5433/provisioner", "fourth"),
        ] {
            std::fs::write(&file, text).unwrap();
            let options = current.options();
            assert!(shown(&options).contains(password), "{text}");
            assert_eq!((options.get_host(), options.get_database()), ("db.test", Some("provisioner")), "{text}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(shown(&current.options()).contains("fourth"));
    }

    #[test]
    fn a_password_apart_is_taken_as_it_is_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let first = "p@ss:w/o%20rd?#";
        let login = Login {
            url: "postgres://ours@db.test:5433/provisioner".to_owned(),
            password: Some(first.to_owned()),
            password_file: Some(file.clone()),
            ..Login::default()
        };
        let current = CurrentLogin::new(login).unwrap();
        let is = |password: &str| shown(&current.options()).contains(&format!("{password:?}"));
        assert!(is(first), "{}", shown(&current.options()));
        std::fs::write(&file, "").unwrap();
        assert!(is(first), "it is being written");
        std::fs::write(&file, "second@\n").unwrap();
        assert!(is("second@"));
        std::fs::remove_file(&file).unwrap();
        assert!(is("second@") && current.options().get_host() == "db.test");
    }

    #[test]
    fn only_a_password_from_a_file_can_be_another_one_later() {
        let file = || Some(PathBuf::from("file"));
        let login = |url_file, password: Option<&str>, password_file| Login {
            url_file,
            password: password.map(str::to_owned),
            password_file,
            ..Login::default()
        };
        assert!(login(file(), None, None).is_read_again());
        assert!(login(None, Some("x"), file()).is_read_again());
        assert!(!login(None, None, None).is_read_again());
        assert!(!login(file(), Some("x"), None).is_read_again(), "the URL's file does not hold it");
    }
}
