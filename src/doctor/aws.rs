//! The queue with its dead-letter queue, and the pool.
//!
//! The place for them, until there are clients for both: a finding `queue`, `dead_letters` or `pool` each.

use super::Finding;
use crate::config::Config;

/// Looks at what of AWS is configured.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let parts = [("queue", config.queue.is_some()), ("pool", config.cognito.is_some())];
    let configured = parts.into_iter().filter(|(_, configured)| *configured);
    configured.map(|(check, _)| Finding::skip(check, "is configured, and nothing looks at it yet")).collect()
}
