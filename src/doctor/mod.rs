//! The doctor: looks at everything that a set-up needs, and says of each thing whether it is right, and if not, its mend.
//!
//! One file an area. Areas are looked at side by side, and one that fails hides no other: checks that depend on it are
//! reported as skipped. Nothing here changes anything anywhere, the database's schema included.

mod access;
mod answers;
mod aws;
mod clock;
mod database;
mod devices;
mod events;
mod exposure;
mod federation;
mod followed;
mod listener;
mod listing;
mod misuse;
mod open;
mod pool;
mod power;
mod profiles;
mod protection;
mod pushes;
mod queue;
mod room;
mod roster;
mod selectors;
mod setup;
mod staff;
mod synapse;
mod tables;
mod together;

use std::error::Error;
use std::time::Duration;

use provisioner_policy::how_many;
use serde::Serialize;

use crate::causes;

pub use self::followed::policy_in_force;
pub use self::power::lacks_power;
pub use self::together::together;
pub use crate::config::ConfigLocation;

/// How long one question may take. Areas ask side by side, at most three questions one after the other, so that the
/// whole ends within 20 seconds even where nothing answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The kind of thing, a name that stays the same.
    pub check: &'static str,
    pub status: FindingStatus,
    /// What is so, a sentence that reads alone.
    pub text: String,
    /// What to do about it.
    pub mend: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingStatus {
    Pass,
    /// Works, and somebody should know.
    Warn,
    Fail,
    /// Cannot be looked at until something else is mended.
    Skip,
}

impl Finding {
    fn pass(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, status: FindingStatus::Pass, text: text.into(), mend: None }
    }

    fn warn(check: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, status: FindingStatus::Warn, text: text.into(), mend: Some(mend.into()) }
    }

    fn fail(check: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, status: FindingStatus::Fail, text: text.into(), mend: Some(mend.into()) }
    }

    fn skip(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, status: FindingStatus::Skip, text: text.into(), mend: None }
    }

    /// A failure in the error's own words: what is wrong, and the mend where it says one.
    fn of(check: &'static str, error: &(dyn Error + 'static)) -> Self {
        let (text, mend) = causes::apart(error);
        Self { check, status: FindingStatus::Fail, text, mend }
    }

    /// With this mend in place of any other.
    fn mended_by(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }
}

/// What it comes to: what to do first, and how much else was looked at.
pub fn summary(findings: &[Finding]) -> (String, String) {
    let of = |status| findings.iter().filter(move |finding| finding.status == status);
    let [pass, warn, fail, skip] = [FindingStatus::Pass, FindingStatus::Warn, FindingStatus::Fail, FindingStatus::Skip]
        .map(|status| of(status).count());
    let skipped = if skip == 0 { String::new() } else { format!(", {skip} could not be looked at") };
    let first = of(FindingStatus::Fail).chain(of(FindingStatus::Warn)).next();
    let Some(first) = first else {
        return ("All is well.".to_owned(), format!("{pass} of {} checks pass{skipped}.", findings.len()));
    };
    let parts = [(fail, "check fails", "checks fail"), (warn, "check warns", "checks warn")];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, one, many)| how_many(count, one, many)).collect();
    let lead = format!("{}: begin with {}.", parts.join(", "), first.check);
    (lead, format!("{pass} pass{skipped}."))
}

/// Looks at the set-up whose configuration stands there.
pub async fn examine(location: &ConfigLocation) -> Vec<Finding> {
    let (mut findings, setup) = setup::read(location);
    let Some(setup) = setup else {
        let checks = ["registration", "database", "roster", "homeserver", "queue", "pool"];
        findings.extend(checks.map(|check| Finding::skip(check, "needs a valid configuration")));
        return findings;
    };
    // A database that cannot be asked has its own finding.
    let (policy, _) = policy_in_force(&setup.config, &setup.policy).await;
    let setup = setup::Setup { policy, ..setup };
    let config = &setup.config;
    findings.extend(exposure::examine(config));
    let (database, synapse, open, roster, profiles, queue, events, pool) = tokio::join!(
        database::examine(config),
        synapse::examine(&setup),
        open::examine(config),
        roster::examine(&setup),
        profiles::examine(&setup),
        queue::examine(config),
        events::examine(config),
        pool::examine(config)
    );
    findings.extend(database.findings);
    findings.extend(synapse.findings);
    findings.extend(open);
    findings.extend(clock::compare(database.clock, synapse.clock));
    findings.extend(roster.findings);
    findings.extend(selectors::examine(config, roster.reading.as_ref()));
    findings.extend(profiles);
    findings.extend(queue);
    findings.extend(events);
    findings.extend(pool);
    findings.extend(database.listing);
    findings
}
