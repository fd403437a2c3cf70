//! Offboarded users, asked for once more. What the pool said of them may be hours old by the time somebody approves that they go. The
//! questions are asked beside everything else, and the approval waits for them; of whom the pool says nothing stays held.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::reconcile::account_check::AccountCheck;
use crate::reconcile::reconciler::Reconciler;

/// Users who are asked for at once, and how long all answers may take: at the pace of the pool, more than a thousand.
const AT_ONCE: usize = 8;
const ANSWERED: Duration = Duration::from_secs(60);

/// The request of an approval; none where a process approves for itself.
type Request = Option<i64>;

/// Users of whom the pool has said nothing yet.
type Unsaid = Arc<Mutex<BTreeSet<String>>>;

/// The questions that approvals wait for.
#[derive(Debug, Default)]
pub(crate) struct OffboardedUsers {
    asking: HashMap<Request, (Unsaid, AbortOnDropHandle<()>)>,
    ended: Arc<Notify>,
}

impl OffboardedUsers {
    fn begin(&mut self, request: Request, check: AccountCheck, users: BTreeSet<String>) {
        let (unsaid, ended) = (Arc::new(Mutex::new(users.clone())), Arc::clone(&self.ended));
        let left = Arc::clone(&unsaid);
        let asking = async move {
            let answers = stream::iter(users).for_each_concurrent(AT_ONCE, |user| {
                let (check, left) = (&check, &left);
                async move {
                    if check.ask(user.clone()).await.is_ok() {
                        left.lock().remove(&user);
                    }
                }
            });
            let _ = timeout(ANSWERED, answers).await;
            ended.notify_one();
        };
        self.asking.insert(request, (unsaid, AbortOnDropHandle::new(tokio::spawn(asking))));
    }

    /// Waits until all was asked that one approval waits for.
    pub(crate) async fn one_ends(&self) {
        self.ended.notified().await;
    }

    /// Ends the questions of a request, and returns of whom the pool has said nothing.
    pub(crate) fn end(&mut self, request: Request) -> BTreeSet<String> {
        self.asking.remove(&request).map(|(unsaid, _)| std::mem::take(&mut *unsaid.lock())).unwrap_or_default()
    }
}

impl Reconciler {
    /// Whether the pool is being asked for those whom it has closed and of whom something is held. Begins to ask, once for each
    /// request.
    pub(crate) async fn asks_for_offboarded(&mut self, request: Request) -> Result<bool> {
        let Some(check) = self.account_check.clone() else { return Ok(false) };
        if !self.offboarded.asking.contains_key(&request) {
            let plan = self.plan().await?;
            let held = plan.held().flat_map(|action| action.change.counted()).filter_map(|key| key.user());
            let closed = held.filter(|user| self.world.facts.account(*user).is_closed());
            let users = closed.map(|user| self.world.users.mxid(user)).collect();
            self.offboarded.begin(request, check, users);
        }
        Ok(!self.offboarded.asking[&request].1.is_finished())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pool answers for a thousand, one at a time, errs about one, and says nothing about another.
    #[tokio::test(start_paused = true)]
    async fn of_however_many_only_those_of_whom_the_pool_says_nothing_are_left() {
        let pace = Arc::new(tokio::sync::Mutex::new(()));
        let check = AccountCheck::new(move |user: String| {
            let pace = Arc::clone(&pace);
            async move {
                match user.as_str() {
                    "@errs:a" => Err("no".to_owned()),
                    "@silent:a" => std::future::pending().await,
                    _ => {
                        let _mine = pace.lock().await;
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        Ok(Err("disabled".to_owned()))
                    }
                }
            }
        });
        let mut users = OffboardedUsers::default();
        let many = (0..1000).map(|number| format!("@{number}:a"));
        users.begin(Some(1), check, many.chain(["@errs:a", "@silent:a"].map(str::to_owned)).collect());
        users.one_ends().await;
        assert_eq!(users.end(Some(1)), ["@errs:a", "@silent:a"].map(str::to_owned).into());
        assert_eq!(users.end(Some(1)), BTreeSet::new(), "once");
    }
}
