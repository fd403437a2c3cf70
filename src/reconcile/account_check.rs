//! Whether somebody who approved something has their account still, upstream and now. A seam: the pool and the account store
//! behind it are joined where both are known.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

type Ask = dyn Fn(String) -> BoxFuture<'static, Result<(), String>> + Send + Sync;

/// Asks for an account by its MXID. Returns within a few seconds, with the reason where there is none or nobody can say.
#[derive(Clone)]
pub struct AccountCheck(Arc<Ask>);

impl AccountCheck {
    /// Calls `ask` each time. What it learns must be in the account store before it returns.
    pub fn new<F>(ask: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self(Arc::new(move |user_id| Box::pin(ask(user_id))))
    }

    /// Whether there is an account now.
    pub(crate) async fn ask(&self, user_id: &str) -> Result<(), String> {
        (self.0)(user_id.to_owned()).await
    }
}

impl fmt::Debug for AccountCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountCheck")
    }
}
