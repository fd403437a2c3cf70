//! The AWS of the demo, emulated: a pool with the people in it, a queue, and the forwarder between them.

use anyhow::Result;
use testbed::{EmulatedAws, NewUser, QueueOptions, Trigger};

use super::cast::{Actor, CAST, LATECOMER, by_name};

/// The group of the pool that holds the administrators, and who is in it.
const ADMINS: &str = "nest-admin";
const ADMIN: &str = "Ada";

/// What the service is told in `environment`, and the forwarder, too.
pub(crate) const ENVIRONMENT: &str = "demo";

/// How many people are in the pool at the beginning.
pub(crate) fn people() -> usize {
    at_the_beginning().count()
}

fn at_the_beginning() -> impl Iterator<Item = &'static Actor> {
    CAST.iter().filter(|actor| actor.is_in_pool() && actor.name != LATECOMER)
}

fn user(actor: &Actor) -> NewUser {
    NewUser { name: Some(actor.name.to_owned()), ..NewUser::with_sub(actor.sub) }
}

/// The running parts.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) aws: EmulatedAws,
    pub(crate) trigger: Trigger,
}

impl Cloud {
    /// Starts all of it, with everybody in the pool who is there at the beginning.
    ///
    /// # Errors
    /// When a part does not start.
    pub(crate) async fn set_up() -> Result<Cloud> {
        let aws = EmulatedAws::start(QueueOptions::default()).await?;
        let trigger = Trigger::start(&aws.queue, &[("ENVIRONMENT", ENVIRONMENT)]).await?;
        let pool = &aws.pool;
        pool.import(&at_the_beginning().map(user).collect::<Vec<_>>()).await?;
        pool.create_group(ADMINS).await?;
        pool.add_to_group(by_name(ADMIN).sub, ADMINS).await?;
        Ok(Cloud { aws, trigger })
    }

    /// An administrator makes the latecomer in the pool. No event says so: only a listing finds them.
    ///
    /// # Errors
    /// When the pool refuses.
    pub(crate) async fn add_the_latecomer(&self) -> Result<()> {
        self.aws.pool.import(&[user(by_name(LATECOMER))]).await
    }
}
