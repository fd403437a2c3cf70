//! An error with what caused it: what is wrong, why, and then what to do, in one line or apart.

use std::error::Error;

/// An error with its causes, each said once. What our errors say to do stands behind a semicolon, and so behind the cause.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    match apart(error) {
        (what, Some(mend)) => format!("{what}; {mend}"),
        (what, None) => what,
    }
}

/// What is wrong and why, and what our error says to do.
pub(crate) fn apart(error: &(dyn Error + 'static)) -> (String, Option<String>) {
    if let Some(error) = error.downcast_ref::<sqlx::Error>() {
        return (of_postgres(error), None);
    }
    let text = error.to_string();
    let cause = error.source().map(told).filter(|cause| !text.contains(cause));
    let (what, mend) = match text.split_once("; ") {
        Some((what, mend)) => (what, Some(mend.to_owned())),
        None => (&*text, None),
    };
    (cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}")), mend)
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

    #[test]
    fn the_mend_is_what_stands_behind_the_first_semicolon_of_the_error_itself() {
        let caused = |text: &'static str| {
            let cause = sqlx::Error::Io(io::Error::other("refused; for now"));
            Err::<(), _>(cause).context(text).unwrap_err()
        };
        let alone = |text: &'static str| anyhow::Error::msg(text);
        for (error, what, mend) in [
            (caused("it cannot be reached; start it"), "it cannot be reached: refused; for now", Some("start it")),
            (caused("it cannot be reached"), "it cannot be reached: refused; for now", None),
            (caused("it says refused; for now"), "it says refused", Some("for now")),
            (alone("too many rows; look there; raise it"), "too many rows", Some("look there; raise it")),
            (alone("too many rows"), "too many rows", None),
        ] {
            assert_eq!(apart(error.as_ref()), (what.to_owned(), mend.map(str::to_owned)));
        }
        let alone = sqlx::Error::Io(io::Error::other("refused; for now"));
        assert_eq!(apart(&alone), ("refused; for now".to_owned(), None));
    }
}
