//! An error with what caused it, in one line: what is wrong, why, and then what to do.

use std::error::Error;

/// An error with its causes, each said once. What our errors say to do stands behind a semicolon, and so behind the cause.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<sqlx::Error>() {
        return of_postgres(error);
    }
    let text = error.to_string();
    let Some(cause) = error.source().map(told).filter(|cause| !text.contains(cause)) else { return text };
    match text.split_once("; ") {
        Some((what, mend)) => format!("{what}: {cause}; {mend}"),
        None => format!("{text}: {cause}"),
    }
}

/// What Postgres or the network says: sqlx repeats its cause, and says where in Postgres' source it stands.
pub(crate) fn of_postgres(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) => error.to_string(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context;

    use super::*;

    #[test]
    fn the_cause_stands_before_the_mend_and_is_said_once() {
        let refused = || sqlx::Error::Io(io::Error::other("connection refused"));
        let outer = Err::<(), _>(refused()).context("the database cannot be reached; start it").unwrap_err();
        assert_eq!(told(outer.as_ref()), "the database cannot be reached: connection refused; start it");
        let twice = Err::<(), _>(outer).context("look at the brake").unwrap_err();
        assert_eq!(
            told(twice.as_ref()),
            "look at the brake: the database cannot be reached: connection refused; start it"
        );
        let repeated = Err::<(), _>(refused()).context("it says connection refused").unwrap_err();
        assert_eq!(told(repeated.as_ref()), "it says connection refused");
        assert_eq!(told(&refused()), "connection refused");
    }
}
