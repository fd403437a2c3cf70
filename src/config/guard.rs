//! `[guard]`: when destructive work stops and asks.

use std::time::Duration;

use provisioner_policy::GuardLimits;
use ruma::OwnedUserId;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Config, grammar, grammar::duration, report::ProblemReport, schema};

/// Limits of removals, revocations, lowered power and locked accounts, counted per class over a sliding window.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GuardSection {
    /// How far back is counted.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::between::<60, 2_592_000>")]
    pub window: Duration,
    /// Up to this many per room, or among the admins, never ask.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub free_removals: u32,
    /// More than this in all is held.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_removals: u32,
    /// More than the free ones and more than this share of the room's members, or of the admins, is held.
    #[schemars(range(min = 0, max = 1), extend("x-mend" = "write a share between 0 and 1: 0.2 is a fifth"))]
    pub max_fraction: f64,
    /// What takes something away waits until the sources have said so for this long. "0s": it does not wait.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::between::<0, 60>")]
    pub settle: Duration,
    /// User ids that no action names: they keep their rooms, their own level and their admin flag. Power that they have by a raised
    /// `users_default` alone is not theirs.
    #[schemars(schema_with = "user_ids")]
    pub exempt: Vec<OwnedUserId>,
}

impl Default for GuardSection {
    fn default() -> Self {
        let GuardLimits { window_seconds, free_removals, max_removals, max_fraction } = GuardLimits::default();
        Self {
            window: Duration::from_secs(window_seconds),
            free_removals,
            max_removals,
            max_fraction,
            settle: Duration::from_secs(3),
            exempt: Vec::new(),
        }
    }
}

impl GuardSection {
    pub(super) fn limits(&self) -> GuardLimits {
        let Self { window, free_removals, max_removals, max_fraction, settle: _, exempt: _ } = self;
        GuardLimits {
            window_seconds: window.as_secs(),
            free_removals: *free_removals,
            max_removals: *max_removals,
            max_fraction: *max_fraction,
        }
    }
}

fn user_ids(generator: &mut SchemaGenerator) -> Schema {
    schema::literal(json!({ "type": "array", "items": grammar::user_id(generator) }))
}

/// What never asks must not be more than what is always held.
pub(super) fn check(config: &Config, report: &mut ProblemReport<'_>) {
    let GuardSection { free_removals, max_removals, .. } = config.guard;
    if free_removals > max_removals && report.sound("/guard/max_removals") {
        report.add(
            "/guard/free_removals",
            format!("guard.free_removals = {free_removals} is more than guard.max_removals = {max_removals}"),
            format!("write at most {max_removals}, or raise max_removals: more than that in all is held anyway"),
        );
    }
}
