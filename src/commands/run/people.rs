//! Finds a user by e-mail address. The address is neither shown back, nor logged, nor kept.

use std::time::Duration;

use tracing::warn;

use super::CommandFailure;
use crate::accounts::{EmailError, NamedByEmail};
use crate::commands::room::desk::Desk;

/// How long the pool may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

impl Desk {
    /// The one person with this address.
    pub(crate) async fn find_by_email(&self, email: &str) -> Result<NamedByEmail, CommandFailure> {
        let found = tokio::time::timeout(PATIENCE, self.accounts.named_by_email(email)).await;
        let found =
            found.map_err(|_| CommandFailure::refused("Not found: the pool does not answer. Say it again later."))?;
        found.map_err(|error| {
            if let EmailError::Pool(trouble) = &error {
                warn!("somebody cannot be looked up in the pool: {}", trouble.chain());
            }
            CommandFailure::refused(format!("Not found: {error}."))
        })
    }
}
