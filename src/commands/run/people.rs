//! Finding somebody by e-mail address. The address is neither shown back, nor logged, nor kept.

use super::Failure;
use crate::commands::desk::Desk;

impl Desk {
    /// The MXID of the account with this address.
    pub(in crate::commands) async fn find_by_email(&self, _email: &str) -> Result<String, Failure> {
        Err(Failure::refused(
            "Nobody can be found by e-mail address here, because no pool of accounts is read. Give the Matrix id, the subject \
             or a mention.",
        ))
    }
}
