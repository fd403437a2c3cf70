//! Everything in Postgres that is ours: connections, migrations, and one function a statement in the files below.
//! No decision is taken here.

#[macro_use]
mod text_enum;

mod accounts;
mod alerts;
mod backgrounds;
mod cleared_leaves;
mod commands;
mod follows;
mod groups;
mod held;
mod held_posts;
mod history;
mod inbox;
mod leadership;
mod ledger;
mod listings;
mod migrate;
mod noticed;
mod nul;
mod outbox;
mod pause;
mod peopled_teams;
mod profiles;
mod refused_commands;
mod requests;
mod shown_names;
mod stamp;
mod strangers;
mod trim;
mod withheld;

use std::fmt;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

pub use accounts::{AccountOrigin, AccountRow, AccountSource, AccountsRead, SeenAccount, SeenIn};
pub use alerts::AlertRow;
pub use backgrounds::{AccountSince, KnownLoss, LastPlace, LossRow};
pub use cleared_leaves::ClearedLeaveRow;
pub use commands::{CommandEntry, CommandRow, CommandState};
pub use follows::{Follow, NewFollow};
pub use groups::{GroupRow, Leavers};
pub use held::{HeldPlan, HeldPlanState};
pub use held_posts::{HeldPost, HeldPostContent, HeldPostState};
pub use history::{HistoryFilter, HistoryLine};
pub use inbox::{InboxRow, OwnLeave};
pub use leadership::{Leadership, Lease};
pub use ledger::{LedgerEntry, LedgerLine, LedgerOutcome, PassId, RecentAction, RemovedMember, TakenAway};
pub use listings::{Listing, ListingLock};
pub use migrate::{SchemaError, SchemaNeed};
pub use noticed::Noticed;
pub use outbox::OutboxLine;
pub use pause::Paused;
pub use profiles::{Gift, GivenRow};
pub use refused_commands::RefusedCommand;
pub use requests::{Asked, PassRequest};
pub use shown_names::FormerNameRow;
pub use stamp::{Stamp, StampError};
pub use strangers::StrangerRow;

use crate::postgres::{BoundedPool, Session};
pub use crate::postgres::{ConnectionSource, Login, SharedSessions};

/// A connection is needed by the reconciler, the intake and the metrics at once; Postgres is never the limit here.
const MAX_CONNECTIONS: u32 = 8;

/// Where all of our tables live.
const SCHEMA: &str = "provisioner";

/// Channels of NOTIFY.
pub const INBOX_CHANNEL: &str = "provisioner_inbox";
pub const ACCOUNTS_CHANNEL: &str = "provisioner_accounts";
pub const REQUESTS_CHANNEL: &str = "provisioner_requests";
pub const FOLLOWS_CHANNEL: &str = "provisioner_follows";
pub const COMMANDS_CHANNEL: &str = "provisioner_commands";

/// The service's own database.
#[derive(Clone)]
pub struct Store {
    pool: BoundedPool,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.pool.source())
    }
}

impl Store {
    /// Where its connections come from.
    pub fn source(login: Login) -> Result<ConnectionSource> {
        ConnectionSource::new(login, Session::ReadWrite)
            .context("database.url is not a Postgres URL; write it like postgres://user:password@host/database")
    }

    /// Connects and brings the schema up to date.
    pub async fn open(url: &str) -> Result<Self> {
        let store = Self::connect(Self::source(Login { url: url.to_owned(), ..Login::default() })?).await?;
        migrate::to_newest(&store.pool).await?;
        Ok(store)
    }

    /// The same with the database of one deployment: of another's nothing is changed.
    pub async fn open_of(source: ConnectionSource, ours: &Stamp, schema: SchemaNeed) -> Result<Self> {
        let store = Self::connect(source).await?;
        store.refuse_others(ours).await?;
        match schema {
            SchemaNeed::Newest => migrate::to_newest(&store.pool).await?,
            SchemaNeed::AsItIs => migrate::only_where_there_is_none(&store.pool).await?,
        }
        store.stamp(ours).await?;
        Ok(store)
    }

    /// The same without a look at what is there, for what an answer can do without: nothing is changed, and nothing is asked
    /// before it is used.
    pub fn unopened(source: ConnectionSource) -> Self {
        Self { pool: BoundedPool::new(source, 1) }
    }

    async fn connect(source: ConnectionSource) -> Result<Self> {
        let pool = BoundedPool::new(source, MAX_CONNECTIONS);
        let shared = pool.shares_sessions().await;
        if shared.context("the database of database.url cannot be reached; start it, or mend database.url")? {
            return Err(SharedSessions.into());
        }
        Ok(Self { pool })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> sqlx::Result<()> {
        self.run(sqlx::query("SELECT 1")).await
    }

    /// Runs a statement that answers nothing.
    async fn run(&self, statement: Query<'_, Postgres, PgArguments>) -> sqlx::Result<()> {
        statement.execute(&self.pool).await.map(drop)
    }

    /// The database's clock, which every replica shares.
    pub async fn now(&self) -> sqlx::Result<DateTime<Utc>> {
        sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(&self.pool).await
    }

    /// The pool, for a listener on the channels above.
    pub fn pool(&self) -> &BoundedPool {
        &self.pool
    }
}
