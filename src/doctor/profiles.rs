//! Names and pictures: whether the query can be asked and answers the right columns.

use super::setup::Setup;
use super::{Finding, PATIENCE, database};
use crate::config::{ProfilesSection, RosterSection};
use crate::sources::{ProfileSource, ProfilesError};

/// Asks for the columns of the query, where there is one.
pub(super) async fn examine(setup: &Setup) -> Vec<Finding> {
    let config = &setup.config;
    let Some(ProfilesSection { query: Some(query), picture_hosts, .. }) = &config.profiles else { return Vec::new() };
    let login = match &config.roster {
        Some(roster) => database::login(&roster.url, roster.password.as_ref()),
        None => database::login(&config.database.url, config.database.password.as_ref()),
    };
    let max_rows = config.roster.as_ref().map_or(RosterSection::default().max_rows, |roster| roster.max_rows);
    let checked = async { ProfileSource::new(login, query, max_rows)?.check().await };
    match tokio::time::timeout(2 * PATIENCE, checked).await {
        Ok(Ok(())) => {
            let hosts = match &picture_hosts[..] {
                [] => "no host; pictures are those of this server".to_owned(),
                hosts => hosts.join(", "),
            };
            vec![Finding::pass(
                "profiles",
                format!("profiles.query answers the right columns; pictures are fetched from {hosts}"),
            )]
        }
        Ok(Err(error)) => vec![failed(&error)],
        Err(_) => {
            let text = format!("profiles.query does not answer within {:?}", 2 * PATIENCE);
            vec![Finding::fail("profiles", text, "look at the load of that database, or make the query cheaper")]
        }
    }
}

fn failed(error: &ProfilesError) -> Finding {
    let found = Finding::of("profiles", error);
    match error {
        ProfilesError::Unreachable(_) => {
            found.mended_by("start that Postgres, or mend roster.url (host, port, user, name) and its password")
        }
        _ => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_mend() {
        let lost = || sqlx::Error::PoolTimedOut;
        for error in [
            ProfilesError::Url(lost()),
            ProfilesError::Unreachable(lost()),
            ProfilesError::Refused(lost()),
            ProfilesError::Columns { found: Vec::new() },
            ProfilesError::TooManyRows { max: 1 },
        ] {
            assert!(failed(&error).mend.is_some(), "{error:?}");
        }
    }
}
