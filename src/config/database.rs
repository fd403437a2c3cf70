//! `[database]`: the service's own Postgres.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::{Config, Secret, grammar, report::ProblemReport};

/// The service's own database; its tables live in the schema `provisioner` and are migrated at start.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSection {
    /// A Postgres URL.
    #[schemars(schema_with = "grammar::postgres_url")]
    pub url: Secret,
    /// The password as it is, where the URL has none.
    pub password: Option<Secret>,
}

/// A password stands once, and beside the URL that names its user.
pub(super) fn check(config: &Config, report: &mut ProblemReport<'_>) {
    check_password("database", &config.database.url, config.database.password.as_ref(), report);
    let Some(roster) = &config.roster else { return };
    if roster.password.is_some() && roster.url.is_empty() && report.sound("/roster/url") {
        report.add(
            "/roster/password",
            "roster.password is given, and roster.url is not: the roster is then read as the user of database.url",
            "give roster.url with the user that this password is of, or leave roster.password out",
        );
    }
    check_password("roster", &roster.url, roster.password.as_ref(), report);
}

fn check_password(section: &str, url: &Secret, password: Option<&Secret>, report: &mut ProblemReport<'_>) {
    let (url_at, password_at) = (format!("/{section}/url"), format!("/{section}/password"));
    if password.is_some() && report.sound(&url_at) && has_password(url.expose()) {
        let place = report.places.place(&url_at);
        report.add(
            &password_at,
            format!("{section}.password is given, and so is a password in {section}.url ({place})"),
            "take it out of the URL: postgres://user@host:5432/database",
        );
    }
}

/// A URL can hold it in two places.
fn has_password(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password"))
}
