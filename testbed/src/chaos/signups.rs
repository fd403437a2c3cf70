//! Sign-ups: users of the pool, and the messages that tell of them.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::aws::{Moto, NewUser, Pool, Queue, QueueOptions, Sqs};
use crate::process::random;

/// The pool, its queue, and who was confirmed.
#[derive(Debug)]
pub(super) struct SignUps {
    pub(super) pool: Pool,
    pub(super) queue: Queue,
    /// Subjects.
    pub(super) confirmed: BTreeSet<String>,
    /// Those of them that a message named.
    pub(super) told: Vec<String>,
    _moto: Moto,
    _sqs: Sqs,
}

impl SignUps {
    pub(super) async fn start() -> Result<SignUps> {
        let (moto, sqs) = tokio::try_join!(Moto::start(), Sqs::start())?;
        // No dead letters: a message that is given back again and again is still to be answered.
        let options = QueueOptions { dead_letter: None, ..QueueOptions::default() };
        let queue = sqs.create_queue("confirmations", options).await?;
        let pool = Pool::create(&moto).await?;
        Ok(SignUps { pool, queue, confirmed: BTreeSet::new(), told: Vec::new(), _moto: moto, _sqs: sqs })
    }

    /// The pool has had these for long; no message tells of them.
    pub(super) async fn confirmed_before(&mut self, subs: impl Iterator<Item = &String>) -> Result<()> {
        let users: Vec<NewUser> = subs.map(|sub| NewUser::with_sub(sub)).collect();
        self.pool.import(&users).await?;
        self.confirmed.extend(users.into_iter().map(|user| user.sub));
        Ok(())
    }

    /// Somebody is confirmed, and a message says so.
    pub(super) async fn confirm_one(&mut self) -> Result<()> {
        let sub = random::sub();
        self.pool.import(&[NewUser::with_sub(&sub)]).await?;
        self.queue.send(&[self.pool.event(&sub).await?.to_string()]).await?;
        self.confirmed.insert(sub.clone());
        self.told.push(sub);
        Ok(())
    }
}
