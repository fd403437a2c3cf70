//! `[cognito]`: the user pool that accounts come from.

use std::time::Duration;

use provisioner_policy::Offboarding;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Config, grammar, grammar::duration, report::ProblemReport};

/// The user pool. Without it the accounts are those that the queue and the roster name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CognitoSection {
    /// The AWS region of the pool.
    #[schemars(schema_with = "grammar::region")]
    pub region: String,
    /// The id of the pool.
    #[schemars(schema_with = "grammar::user_pool_id")]
    pub user_pool_id: String,
    /// How often the whole pool is listed: the only way to learn of disabled and deleted users.
    #[serde(with = "duration", default = "six_hours")]
    #[schemars(schema_with = "duration::between::<1, 604_800>")]
    pub listing_interval: Duration,
    /// For emulators only.
    #[serde(default)]
    #[schemars(schema_with = "grammar::http_url")]
    pub endpoint_url: Option<String>,
    /// What becomes of users who are disabled or deleted in the pool.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["remove", "lock", "deactivate"]))]
    pub offboarding: Offboarding,
}

/// A listing is late once so many intervals have gone by: one may be under way, and one may have failed.
const LATE: u32 = 2;

/// However short the interval, a listing is not late sooner than this.
const SOON: Duration = Duration::from_secs(10 * 60);

impl CognitoSection {
    /// How old the last whole listing may be.
    pub fn listing_lasts(&self) -> Duration {
        (self.listing_interval * LATE).max(SOON)
    }
}

fn six_hours() -> Duration {
    Duration::from_secs(6 * 60 * 60)
}

/// A pool's id begins with its region. Emulators need not keep to that.
pub(super) fn check(config: &Config, report: &mut ProblemReport<'_>) {
    let Some(cognito) = &config.cognito else { return };
    let pool_region = cognito.user_pool_id.split('_').next().unwrap_or_default();
    if cognito.endpoint_url.is_none() && pool_region != cognito.region && report.sound("/cognito/region") {
        report.add(
            "/cognito/user_pool_id",
            format!("cognito.user_pool_id = \"{}\" is not in the region \"{}\"", cognito.user_pool_id, cognito.region),
            format!("write region = \"{pool_region}\", or the id of a pool in {}", cognito.region),
        );
    }
}
