//! What the pool says of somebody's account at this moment: of users who approve something, and of those who are to lose what
//! they have for the pool's word. A seam: the pool and the account store behind it are joined where both are known.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

/// The word of the pool: there is an account, or why not. Where nobody can say, the text says why.
type PoolWord = Result<Result<(), String>, String>;

type Ask = dyn Fn(String) -> BoxFuture<'static, PoolWord> + Send + Sync;

/// Asks for an account by its MXID. Returns within a few seconds.
#[derive(Clone)]
pub struct AccountCheck(Arc<Ask>);

impl AccountCheck {
    /// Calls `ask` each time. What it learns must be in the account store before it returns.
    pub fn new<F>(ask: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = PoolWord> + Send + 'static,
    {
        Self(Arc::new(move |user_id| Box::pin(ask(user_id))))
    }

    /// Whether there is an account now.
    pub(crate) async fn ask(&self, user_id: String) -> PoolWord {
        (self.0)(user_id).await
    }
}

impl fmt::Debug for AccountCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountCheck")
    }
}
