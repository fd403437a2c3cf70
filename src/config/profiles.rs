//! `[profiles]`: names and pictures of accounts.

use provisioner_policy::ProfilesPolicy;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use super::{Config, grammar, report::ProblemReport, schema};

/// Names and pictures. Without this section they are left alone, but for the pool's name, which an account gets when it is made.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProfilesSection {
    /// A query for the columns subject, display_name and avatar_url, against the database of `[roster]`. Without it the names are the
    /// pool's, and there are no pictures.
    #[schemars(schema_with = "grammar::text")]
    pub query: Option<String>,
    /// Whether what people chose themselves is replaced, too.
    pub keep: bool,
    /// Hosts from which pictures are fetched, by https alone.
    #[schemars(schema_with = "hosts")]
    pub picture_hosts: Vec<String>,
}

impl ProfilesSection {
    pub(super) fn policy(&self) -> ProfilesPolicy {
        let Self { query: _, keep, picture_hosts: _ } = self;
        ProfilesPolicy { keep: *keep }
    }
}

fn hosts(generator: &mut SchemaGenerator) -> Schema {
    schema::literal(json!({ "type": "array", "items": grammar::host(generator) }))
}

/// Something must say the names, and pictures are named by the query alone.
pub(super) fn check(config: &Config, report: &mut ProblemReport<'_>) {
    let Some(profiles) = &config.profiles else { return };
    if profiles.query.is_some() || !report.sound("/profiles/query") {
        return;
    }
    if config.cognito.is_none() && report.sound("/cognito") {
        report.add(
            "/profiles",
            "[profiles] has no query, and without [cognito] there are no names of a pool either",
            "add query = \"SELECT id::text AS subject, name AS display_name, avatar_url FROM users\", or leave [profiles] out",
        );
    }
    if !profiles.picture_hosts.is_empty() && report.sound("/profiles/picture_hosts") {
        report.add(
            "/profiles/picture_hosts",
            "profiles.picture_hosts is given, and without profiles.query nothing names a picture",
            "add a query that answers avatar_url, or take picture_hosts out",
        );
    }
}
