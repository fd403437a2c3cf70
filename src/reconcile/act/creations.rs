//! Joins and admin flags that need an account made in the same slice wait here for it.

use std::collections::HashMap;

use parking_lot::Mutex;
use provisioner_policy::UserIx;
use tokio::sync::Notify;

/// How the account that a join waits for came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    /// There, or not one of those being made.
    There,
    Failed,
    /// The slice ended before it was tried.
    Left,
}

/// The accounts of one slice that are being made: not ended yet, made, or failed.
#[derive(Debug)]
pub(crate) struct Creations {
    state: Mutex<CreationStates>,
    changed: Notify,
}

#[derive(Debug)]
struct CreationStates {
    made: HashMap<UserIx, Option<bool>>,
    closed: bool,
}

impl Creations {
    pub(crate) fn awaiting(users: impl Iterator<Item = UserIx>) -> Self {
        let made = users.map(|user| (user, None)).collect();
        Self { state: Mutex::new(CreationStates { made, closed: false }), changed: Notify::new() }
    }

    /// Says how the creation of an account ended.
    pub(crate) fn ended(&self, user: UserIx, made: bool) {
        self.change(|state| {
            state.made.insert(user, Some(made));
        });
    }

    /// When the answer is dropped, whatever has not ended counts as left.
    pub(crate) fn close_at_the_end(&self) -> impl Drop + '_ {
        struct Close<'a>(&'a Creations);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                self.0.change(|state| state.closed = true);
            }
        }
        Close(self)
    }

    /// Waits for the account of `user`; answers at once for users whose account is not being made.
    pub(crate) async fn of(&self, user: UserIx) -> Creation {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state.lock();
                match state.made.get(&user) {
                    None | Some(Some(true)) => return Creation::There,
                    Some(Some(false)) => return Creation::Failed,
                    Some(None) if state.closed => return Creation::Left,
                    Some(None) => {}
                }
            }
            changed.await;
        }
    }

    /// Whether the account of `user` is one of those, whatever became of it.
    pub(crate) fn has(&self, user: UserIx) -> bool {
        self.state.lock().made.contains_key(&user)
    }

    fn change(&self, with: impl FnOnce(&mut CreationStates)) {
        with(&mut self.state.lock());
        self.changed.notify_waiters();
    }
}
