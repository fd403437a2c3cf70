//! Offboarded users, asked for once more. What the pool said of them may be hours old by the time somebody approves that they go. The
//! questions are asked beside everything else, and the approval waits for them; a user about whom the pool says nothing stays held.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::reconcile::account_check::AccountCheck;

/// Users who are asked for at once, and how long all answers may take: at the pace of the pool, some nine hundred. Together with the
/// readings that an approval waits for it is less than its sender waits.
const AT_ONCE: usize = 8;
const ANSWERED: Duration = Duration::from_secs(45);

/// The request of an approval; none where a process approves for itself.
type ApprovalRequest = Option<i64>;

/// What comes of the questions of one request.
#[derive(Debug, Default)]
struct PoolAnswers {
    /// Users that the pool has answered for.
    users: Mutex<BTreeSet<String>>,
    are_over: AtomicBool,
}

/// The questions that approvals wait for.
#[derive(Debug, Default)]
pub(crate) struct OffboardedUsers {
    asked: HashMap<ApprovalRequest, (Arc<PoolAnswers>, AbortOnDropHandle<()>)>,
    ended: Arc<Notify>,
}

impl OffboardedUsers {
    /// Whether a request's questions were begun.
    pub(crate) fn has_asked(&self, request: ApprovalRequest) -> bool {
        self.asked.contains_key(&request)
    }

    /// Whether they go on.
    pub(crate) fn is_asking(&self, request: ApprovalRequest) -> bool {
        self.asked.get(&request).is_some_and(|(answers, _)| !answers.are_over.load(Ordering::Acquire))
    }

    pub(crate) fn begin(&mut self, request: ApprovalRequest, check: AccountCheck, users: BTreeSet<String>) {
        let answers = Arc::new(PoolAnswers { are_over: AtomicBool::new(users.is_empty()), ..PoolAnswers::default() });
        let (noted, ended) = (Arc::clone(&answers), Arc::clone(&self.ended));
        let asking = async move {
            let all = stream::iter(users).for_each_concurrent(AT_ONCE, |user| {
                let (check, noted) = (&check, &noted);
                async move {
                    if check.ask(user.clone()).await.is_ok() {
                        noted.users.lock().insert(user);
                    }
                }
            });
            let _ = timeout(ANSWERED, all).await;
            // Before anybody is woken, who would wait for this otherwise.
            noted.are_over.store(true, Ordering::Release);
            ended.notify_one();
        };
        self.asked.insert(request, (answers, AbortOnDropHandle::new(tokio::spawn(asking))));
    }

    /// Waits until all was asked that one approval waits for.
    pub(crate) async fn one_ends(&self) {
        self.ended.notified().await;
    }

    /// Ends the questions of a request, and returns the users that the pool has answered for.
    pub(crate) fn end(&mut self, request: ApprovalRequest) -> BTreeSet<String> {
        self.asked.remove(&request).map(|(answers, _)| std::mem::take(&mut *answers.users.lock())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pool answers for hundreds, one at a time, errs about one, and says nothing about another.
    #[tokio::test(start_paused = true)]
    async fn however_many_are_asked_for_only_those_of_whom_the_pool_says_nothing_are_missing() {
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
        let many: BTreeSet<String> = (0..800).map(|number| format!("@{number}:a")).collect();
        let others = ["@errs:a", "@silent:a"].map(str::to_owned);
        users.begin(Some(1), check, many.iter().cloned().chain(others).collect());
        assert!(users.is_asking(Some(1)));
        users.one_ends().await;
        assert!(!users.is_asking(Some(1)));
        assert_eq!(users.end(Some(1)), many);
        assert_eq!(users.end(Some(1)), BTreeSet::new(), "once");
    }
}
