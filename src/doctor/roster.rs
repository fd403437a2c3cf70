//! The roster: whether the query can be asked, answers the right columns, and has rows that mean somebody.

use provisioner_policy::{RosterReading, how_many};
use sqlx::{PgConnection, Row};

use super::setup::Setup;
use super::{Finding, PATIENCE, database};
use crate::causes;
use crate::config::RosterSection;
use crate::postgres::{self, Login};
use crate::sources::{Roster, RosterError};

/// At most so many rows with trouble are named.
const NAMED: usize = 10;

/// What was found, and the roster itself.
#[derive(Default)]
pub(super) struct RosterExamined {
    pub(super) findings: Vec<Finding>,
    pub(super) reading: Option<RosterReading>,
}

/// Asks the roster query once.
pub(super) async fn examine(setup: &Setup) -> RosterExamined {
    let Some(configured) = &setup.config.roster else { return RosterExamined::default() };
    let login = database::login(&configured.url, configured.password.as_ref());
    let connection = match database::connect(&login).await {
        Ok(connection) => connection,
        Err(why) => return RosterExamined { findings: vec![unreachable(&why)], reading: None },
    };
    let deaf = match configured.notify_channel {
        Some(_) => {
            let looked = tokio::time::timeout(PATIENCE, notifications(connection, &login)).await;
            looked.ok().and_then(Result::ok).flatten()
        }
        None => None,
    };
    let mut examined = read(setup, configured, login).await;
    examined.findings.extend(deaf);
    examined
}

/// Why nothing is ever heard on the notify channel.
async fn notifications(mut one: PgConnection, login: &Login) -> Result<Option<Finding>, String> {
    let plain = |error: sqlx::Error| causes::of_postgres(&error);
    let row = sqlx::raw_sql("SELECT pg_is_in_recovery()").fetch_one(&mut one).await.map_err(plain)?;
    let text = if row.try_get(0).map_err(plain)? {
        "roster.notify_channel is set, and a standby cannot notify: changes are found by polling alone"
    } else if postgres::shares_sessions(&mut one, &mut database::connect(login).await?).await.map_err(plain)? {
        "roster.notify_channel is set, and nothing is heard through a pooler in transaction mode: changes are found by polling \
         alone"
    } else {
        return Ok(None);
    };
    let mend = "let roster.url lead to the primary itself, or take notify_channel out and poll more often";
    Ok(Some(Finding::warn("roster", text, mend)))
}

async fn read(setup: &Setup, configured: &RosterSection, login: Login) -> RosterExamined {
    let read = async {
        let roster = Roster::new(login, &configured.query, configured.max_rows)?;
        roster.read(&setup.policy.server_name, &setup.policy.bot).await
    };
    // A new connection, then two queries: one for the columns, one for the rows.
    match tokio::time::timeout(2 * PATIENCE, read).await {
        Ok(Ok(reading)) => RosterExamined { findings: described(&reading), reading: Some(reading) },
        Ok(Err(error)) => RosterExamined { findings: vec![failed(&error)], reading: None },
        Err(_) => {
            let text = format!("roster.query does not answer within {:?}", 2 * PATIENCE);
            let mend = "look at the load of that database, or make the query cheaper";
            RosterExamined { findings: vec![Finding::fail("roster", text, mend)], reading: None }
        }
    }
}

fn described(reading: &RosterReading) -> Vec<Finding> {
    let RosterReading { rows, people, folded: _, trouble } = reading;
    let mut findings = vec![match rows {
        0 => Finding::warn(
            "roster",
            "roster.query answers no row: nobody is joined, and removals are held by the guard",
            "put somebody into a team, or mend roster.query and roster.url",
        ),
        rows => Finding::pass(
            "roster",
            format!(
                "roster.query answers {} of {}",
                how_many(*rows, "row", "rows"),
                how_many(people.len(), "person", "people")
            ),
        ),
    }];
    let named = trouble.iter().take(NAMED);
    findings.extend(named.map(|row| Finding::warn("roster", row.to_string(), "mend that row")));
    if trouble.len() > NAMED {
        let text = how_many(
            trouble.len() - NAMED,
            "further row of the roster has trouble",
            "further rows of the roster have trouble",
        );
        findings.push(Finding::warn("roster", text, "mend those named, and look again"));
    }
    findings
}

fn unreachable(why: &str) -> Finding {
    Finding::fail(
        "roster",
        format!("the database of roster.url cannot be reached: {why}"),
        "start that Postgres, or mend roster.url (host, port, user, name) and its password",
    )
}

/// The doctor has no last good reading that could stand: where the error speaks of it, the mend is another.
fn failed(error: &RosterError) -> Finding {
    let found = Finding::of("roster", error);
    match error {
        RosterError::Unreachable(source) => unreachable(&causes::of_postgres(source)),
        RosterError::Login(_) => found.mended_by("mend them in roster.url or roster.password, or in their files"),
        RosterError::NoDatabase(_) => found.mended_by("mend the name at the end of roster.url, or make the database"),
        RosterError::Interrupted(_) => found.mended_by(
            "look again; if it lasts, a reading may take 30 seconds, and a standby must not cancel it \
             (max_standby_streaming_delay)",
        ),
        RosterError::TooManyRows { .. } => found.mended_by("look what fills its tables, or raise roster.max_rows"),
        RosterError::Url(_) | RosterError::Refused(_) | RosterError::Columns { .. } => found,
    }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{RosterRow, read_roster};

    use super::super::FindingStatus;
    use super::*;

    #[test]
    fn rows_with_trouble_are_named_up_to_a_number() {
        let bad = |number: usize| RosterRow { subject: Some(format!("_{number}")), ..RosterRow::default() };
        let findings = described(&read_roster((0..13).map(bad), "x", "@bot:x"));
        assert_eq!(findings.len(), 1 + NAMED + 1);
        assert_eq!(findings[0].text, "roster.query answers 13 rows of 0 people");
        assert!(findings[11].text.starts_with("3 further rows") && findings[11].status == FindingStatus::Warn);
    }

    #[test]
    fn every_failure_has_a_mend_that_needs_no_earlier_reading() {
        let lost = || sqlx::Error::PoolTimedOut;
        for error in [
            RosterError::Url(lost()),
            RosterError::Unreachable(lost()),
            RosterError::Login(lost()),
            RosterError::NoDatabase(lost()),
            RosterError::Interrupted(lost()),
            RosterError::Refused(lost()),
            RosterError::Columns { found: Vec::new() },
            RosterError::TooManyRows { max: 1 },
        ] {
            let mend = failed(&error).mend;
            assert!(mend.is_some_and(|mend| !mend.contains("reading stands")), "{error:?}");
        }
    }
}
