//! Everything in Postgres that is ours: connections, migrations, and one function a statement in the files below.
//! No decision is taken here.

#[macro_use]
mod text_enum;

mod accounts;
mod alerts;
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
mod pause;
mod peopled_teams;
mod refused_commands;
mod requests;
mod stamp;
mod strangers;
mod trim;
mod withheld;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};

pub use accounts::{AccountOrigin, AccountRow, AccountSource, AccountsRead, SeenAccount, SeenIn};
pub use alerts::AlertRow;
pub use cleared_leaves::ClearedLeaveRow;
pub use commands::{CommandEntry, CommandRow, CommandState};
pub use follows::{Follow, NewFollow};
pub use groups::GroupRow;
pub use held::{HeldPlan, HeldPlanState};
pub use held_posts::{HeldPost, HeldPostContent, HeldPostState};
pub use history::{HistoryFilter, HistoryLine, JoinedAt};
pub use inbox::InboxRow;
pub use leadership::Leadership;
pub use ledger::{LedgerEntry, LedgerLine, LedgerOutcome, PassId, RecentAction, RemovedMember, TakenAway};
pub use listings::{Listing, ListingLock};
pub use pause::Paused;
pub use refused_commands::RefusedCommand;
pub use requests::{Asked, PassRequest};
pub use stamp::{Stamp, StampError};
pub use strangers::StrangerRow;

use crate::postgres;

/// A connection is needed by the reconciler, the intake and the metrics at once; Postgres is never the limit here.
const MAX_CONNECTIONS: u32 = 8;

/// Longer than any statement here takes; a database that answers later is as good as gone.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that rested longer is asked whether it still lives before it is used. Asking each time would double the
/// round trips.
const TRUSTED: Duration = Duration::from_secs(1);

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
    pool: PgPool,
    options: PgConnectOptions,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", postgres::place(&self.options))
    }
}

impl Store {
    /// Connects and brings the schema up to date.
    pub async fn open(url: &str) -> Result<Self> {
        let store = Self::connect(url).await?;
        let mut migrations = sqlx::migrate!();
        // Beside the tables it speaks of: dropping the schema is then a whole undo, and nothing of ours is in "public".
        migrations.create_schema(SCHEMA);
        migrations.dangerous_set_table_name(format!("{SCHEMA}._sqlx_migrations"));
        migrations.run(&store.pool).await.context("bring the schema \"provisioner\" up to date")?;
        Ok(store)
    }

    async fn connect(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)
            .context("read database.url; it has the form postgres://user:password@host/database")?
            .application_name("phenom-provisioner");
        let opened = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, rested| {
                Box::pin(async move {
                    if rested.idle_for > TRUSTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options.clone())
            .await;
        let pool = match opened {
            Ok(pool) => pool,
            Err(error) => {
                return Err(postgres::reason(&options, error).await)
                    .context("connect to the database of database.url; start it, or mend the URL");
            }
        };
        Ok(Self { pool, options })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> sqlx::Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(drop)
    }

    /// The database's clock, which every replica shares.
    pub async fn now(&self) -> sqlx::Result<DateTime<Utc>> {
        sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(&self.pool).await
    }

    /// The pool, for a listener on the channels above.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}
