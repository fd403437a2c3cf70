//! Who was joined lately, remembered from plan to plan. After a pool move that may be the whole roster, while removals wait
//! for approval over days: each plan asks the ledger only for the lines that were added since the one before.

use std::collections::HashMap;

use anyhow::{Context, Result};
use provisioner_policy::{Arrivals, World};

use crate::store::Store;

/// Arrivals by a pool move are looked for over the last days: approval may take a weekend.
const LATELY_DAYS: i32 = 3;

/// What was read of the ledger. It is kept while it is asked for, and dropped at each resync: nobody is remembered for much
/// longer than the days.
#[derive(Debug, Default)]
pub(crate) struct ArrivalsRead {
    /// Up to which line the ledger was read; nothing where it was not.
    seen: Option<i64>,
    arrivals: Arrivals,
    /// Users that the world does not know yet, and how many it knew at the last look.
    strangers: HashMap<String, i64>,
    users: usize,
}

impl ArrivalsRead {
    /// Who was joined lately.
    pub(crate) async fn arrivals(&mut self, store: &Store, world: &World) -> Result<Arrivals> {
        // Only the one replica that reconciles joins anybody, and none of its lines are under way while it plans.
        let newest = store.newest_line().await.context("look how long the ledger is")?;
        match self.seen {
            None => {
                let each = |mxid, line| self.note(world, mxid, line);
                store.joined_lately(LATELY_DAYS, each).await.context("look who was joined lately")?;
            }
            Some(seen) if seen < newest => {
                let joined = store.joined_since(seen, newest).await.context("look who was joined since")?;
                joined.into_iter().for_each(|(mxid, line)| self.note(world, mxid, line));
            }
            Some(_) => {}
        }
        self.seen = Some(newest);
        self.meet(world);
        Ok(self.arrivals.clone())
    }

    /// Takes over strangers that the world knows by now.
    fn meet(&mut self, world: &World) {
        if self.users == world.users.len() {
            return;
        }
        self.users = world.users.len();
        for (mxid, line) in std::mem::take(&mut self.strangers) {
            self.note(world, mxid, line);
        }
    }

    fn note(&mut self, world: &World, mxid: String, line: i64) {
        match world.users.get(&mxid) {
            Some(user) => self.arrivals.note(user, line),
            None => {
                let last = self.strangers.entry(mxid).or_insert(line);
                *last = line.max(*last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::Policy;

    use super::*;

    #[test]
    fn the_last_line_of_each_counts_and_a_stranger_counts_once_they_are_known() {
        let mut world = World::new(Policy { server_name: "phenom.test".to_owned(), ..Policy::default() });
        let known = world.intern("@known:phenom.test");
        let mut read = ArrivalsRead::default();
        for (mxid, line) in [("known", 3), ("stranger", 4), ("known", 9), ("known", 5), ("stranger", 2)] {
            read.note(&world, format!("@{mxid}:phenom.test"), line);
        }
        read.meet(&world);
        let mut wanted = Arrivals::default();
        wanted.note(known, 9);
        assert_eq!(read.arrivals, wanted);
        wanted.note(world.intern("@stranger:phenom.test"), 4);
        read.meet(&world);
        assert_eq!(read.arrivals, wanted);
        assert!(read.strangers.is_empty());
    }
}
