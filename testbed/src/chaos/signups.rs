//! Sign-ups: users of the pool, and the messages that tell of them.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::aws::{EmulatedAws, NewUser, QueueOptions};
use crate::process::random;

/// The pool, its queue, and who was confirmed.
#[derive(Debug)]
pub(super) struct SignUps {
    pub(super) aws: EmulatedAws,
    /// Subjects.
    pub(super) confirmed: BTreeSet<String>,
    /// Those of them that a message named.
    pub(super) told: Vec<String>,
}

impl SignUps {
    pub(super) async fn start() -> Result<SignUps> {
        // No dead letters: a message that is given back again and again is still to be answered.
        let options = QueueOptions { dead_letter: None, ..QueueOptions::default() };
        let aws = EmulatedAws::start(options).await?;
        Ok(SignUps { aws, confirmed: BTreeSet::new(), told: Vec::new() })
    }

    /// The pool has had these for long; no message tells of them.
    pub(super) async fn confirmed_before(&mut self, subs: impl Iterator<Item = &String>) -> Result<()> {
        let users: Vec<NewUser> = subs.map(|sub| NewUser::with_sub(sub)).collect();
        self.aws.pool.import(&users).await?;
        self.confirmed.extend(users.into_iter().map(|user| user.sub));
        Ok(())
    }

    /// Somebody is confirmed, and a message says so.
    pub(super) async fn confirm_one(&mut self) -> Result<()> {
        let sub = random::sub();
        self.aws.pool.import(&[NewUser::with_sub(&sub)]).await?;
        self.aws.queue.send(&[self.aws.pool.event(&sub).await?.to_string()]).await?;
        self.confirmed.insert(sub.clone());
        self.told.push(sub);
        Ok(())
    }
}
