//! Names and pictures: whether the query can be asked and answers the right columns.

use super::setup::Setup;
use super::{Finding, PATIENCE, database};
use crate::causes;
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
    let (text, mend) = match error {
        ProfilesError::Url(source) => (
            format!("the URL of the database of profiles.query is none of Postgres: {source}"),
            "write roster.url, or without [roster] database.url, like postgres://user:password@host/database",
        ),
        ProfilesError::Unreachable(source) => (
            format!("the database of profiles.query cannot be reached: {}", causes::of_postgres(source)),
            "start that Postgres, or mend roster.url (host, port, user, name) and its password",
        ),
        ProfilesError::Refused(source) => (
            format!("profiles.query is refused by Postgres: {}", causes::of_postgres(source)),
            "mend profiles.query, or grant SELECT on its tables to the role of roster.url",
        ),
        ProfilesError::Columns { found } => (
            format!(
                "profiles.query answers the columns ({}), and must answer (subject, display_name, avatar_url)",
                found.join(", ")
            ),
            "rename them in the query, as in SELECT id::text AS subject, NULL AS display_name, avatar_url FROM users",
        ),
        ProfilesError::TooManyRows { max } => (
            format!("profiles.query answers more than roster.max_rows = {max} rows"),
            "let it answer one row for each person, or raise roster.max_rows",
        ),
    };
    Finding::fail("profiles", text, mend)
}
