//! Finding somebody by e-mail address. The address is neither shown back, nor logged, nor kept.

use tracing::warn;

use super::Failure;
use crate::accounts::EmailError;
use crate::commands::desk::Desk;

impl Desk {
    /// The MXID of the account with this address.
    pub(in crate::commands) async fn find_by_email(&self, email: &str) -> Result<String, Failure> {
        self.accounts.mxid_of_email(email).await.map_err(|error| {
            if let EmailError::Pool(trouble) = &error {
                warn!("somebody cannot be looked up in the pool: {}", trouble.chain());
            }
            Failure::refused(format!("Not found: {error}."))
        })
    }
}
