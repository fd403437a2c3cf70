//! What load runs on: a Postgres, a Synapse, the tables where teams live, and the service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use super::Setup;
use super::truth::Truth;
use crate::aws::plain_environment;
use crate::hasura::Hasura;
use crate::people::{Admin, NewRoom};
use crate::postgres::Postgres;
use crate::process::{ports, random};
use crate::service::{Service, ServiceSpec};
use crate::synapse::{Slot, Synapse, SynapseOptions};

/// What Hasura would send with its webhook. Nothing but this run ever knows it.
const HOOK_SECRET: &str = "a-secret-for-one-load-run";

/// Synapse makes 60 to 120 accounts a second, however many are asked for at once.
const ACCOUNTS_AT_ONCE: usize = 4;

/// The running parts. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) service: Service,
    pub(super) hasura: Hasura,
    /// The service's bot.
    pub(super) bot: Admin,
    /// A server admin who belongs to no application service: the bare loop's.
    pub(super) hand: Admin,
    pub(super) truth: Truth,
    pub(super) synapse: Synapse,
    /// The service's `homeserver.url`.
    homeserver: String,
    postgres: Arc<Postgres>,
    slot: Slot,
    database: String,
    admin: String,
    http: reqwest::Client,
}

/// A managed room and who belongs in it.
#[derive(Debug, Clone)]
pub(super) struct ManagedRoom {
    pub(super) id: String,
    /// A selector, as TOML.
    pub(super) members: String,
}

impl Stack {
    /// Starts everything but the service.
    pub(super) async fn start(setup: &Setup) -> Result<Stack> {
        (setup.tell)(&format!("starting Postgres and Synapse {} …", setup.version));
        let postgres = Arc::new(Postgres::start().await?);
        let synapse =
            Synapse::start(&postgres, SynapseOptions { slots: 1, ..SynapseOptions::new(setup.version) }).await?;
        let slot = synapse.slot();
        let hand = Admin::register(&synapse).await?;
        let bot = hand.enlist(&slot).await?;
        let hasura = Hasura::create(&postgres).await?;
        let database = postgres.create_database(&format!("provisioner_{}", random::word())).await?;
        let admin = format!("127.0.0.1:{}", ports::free_port()?);
        let env = plain_environment();
        let binary = setup.binary.clone();
        let service = Service::install(ServiceSpec { binary, config: String::new(), env, admin: admin.clone() })?;
        service.keep_the_door(&slot.listen())?;
        let (truth, http) = (Truth::of(&synapse)?, reqwest::Client::new());
        let homeserver = synapse.url();
        Ok(Stack { service, hasura, bot, hand, truth, synapse, homeserver, postgres, slot, database, admin, http })
    }

    /// Starts the service for these rooms, with `sections` added to its configuration, and waits until it is ready.
    pub(super) async fn start_service(&mut self, rooms: &[ManagedRoom], sections: &str) -> Result<()> {
        self.spawn_service(rooms, sections)?;
        self.service.wait_ready().await
    }

    /// The same without waiting.
    pub(super) fn spawn_service(&mut self, rooms: &[ManagedRoom], sections: &str) -> Result<()> {
        self.service.set_config(&self.config(rooms, sections))?;
        self.service.start_again()
    }

    /// Whether `/readyz` says so.
    pub(super) async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("http://{}/readyz", self.admin)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// From its next start the service reaches Synapse by this address.
    pub(super) fn reach_synapse_by(&mut self, url: &str) {
        self.homeserver = url.to_owned();
    }

    /// The service's own database.
    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// Transactions so far in the service's database and in the roster's, asked for in neither.
    pub(super) async fn transactions(&self) -> Result<[i64; 2]> {
        let mut connection = self.postgres.connect("postgres").await?;
        let mut counts = [0; 2];
        for (count, url) in counts.iter_mut().zip([self.database.as_str(), self.hasura.url()]) {
            let name = url.rsplit('/').next().context("name the database")?;
            let sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1";
            *count =
                sqlx::query_scalar(sql).bind(name).fetch_one(&mut connection).await.context("count transactions")?;
        }
        Ok(counts)
    }

    /// Ends the service, in order.
    pub(super) async fn stop_service(&self) -> Result<()> {
        let status = self.service.sigterm().await?;
        ensure!(status.success(), "the service ended with {status}; its log:\n{}", self.service.log());
        Ok(())
    }

    /// Gives the service, which must not run, a database without anything in it.
    pub(super) async fn fresh_database(&mut self) -> Result<()> {
        self.database = self.postgres.create_database(&format!("provisioner_{}", random::word())).await?;
        Ok(())
    }

    /// So many people with accounts on Synapse, by their subs.
    pub(super) async fn people(&self, count: usize) -> Result<Vec<String>> {
        stream::iter((0..count).map(|_| random::sub()))
            .map(|sub| async {
                self.hand.put_user(&self.synapse.mxid(&sub), json!({})).await?;
                Ok(sub)
            })
            .buffer_unordered(ACCOUNTS_AT_ONCE)
            .try_collect()
            .await
    }

    /// So many rooms with `maker` in them and nobody else.
    pub(super) async fn rooms(&self, maker: &Admin, count: usize) -> Result<Vec<String>> {
        stream::iter(0..count).then(|_| self.room(maker)).try_collect().await
    }

    /// An invite-only room with `maker` in it and nobody else.
    pub(super) async fn room(&self, maker: &Admin) -> Result<String> {
        maker.create_room(NewRoom::default()).await
    }

    /// Somebody with an account, to act in their own name.
    pub(super) async fn person(&self) -> Result<Admin> {
        let mxid = self.synapse.mxid(&random::sub());
        self.hand.put_user(&mxid, json!({})).await?;
        let login = format!("/_synapse/admin/v1/users/{}/login", mxid.replace('@', "%40").replace(':', "%3A"));
        let answer = self.hand.call(Method::POST, &login, Some(json!({}))).await?;
        Ok(self.hand.with_token(&mxid, answer["access_token"].as_str().context("no token")?))
    }

    /// Pushes one event to the service, as Synapse would.
    pub(super) async fn push(&self, transaction: &str, event: &Value) -> Result<()> {
        let url = format!("http://{}/_matrix/app/v1/transactions/{transaction}", self.slot.listen());
        let request = self.http.put(url).bearer_auth(&self.slot.hs_token).json(&json!({ "events": [event] }));
        let status = request.send().await.context("push an event")?.status();
        ensure!(status.is_success(), "the service answered a push with {status}");
        Ok(())
    }

    /// From an event's place in the inbox until it was handled, once it was.
    pub(super) async fn handled(&self, event: &str) -> Result<Option<Duration>> {
        let mut connection =
            PgConnection::connect(&self.database).await.context("connect to the service's database")?;
        let sql = "SELECT EXTRACT(EPOCH FROM handled_at - received_at)::float8 FROM provisioner.inbox
                   WHERE event_id = $1 AND handled_at IS NOT NULL";
        let seconds: Option<f64> =
            sqlx::query_scalar(sql).bind(event).fetch_optional(&mut connection).await.context("read the inbox")?;
        Ok(seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))))
    }

    /// The one call that joins somebody.
    pub(super) async fn join(&self, room: &str, sub: &str) -> Result<()> {
        self.hand.force_join(room, &self.synapse.mxid(sub)).await
    }

    /// Calls the roster hook, as Hasura's event trigger does.
    pub(super) async fn webhook(&self) -> Result<()> {
        let request = self.http.post(format!("http://{}/hooks/roster", self.admin));
        let body = json!({ "event": { "op": "INSERT" } });
        let answer = request.header("x-provisioner-secret", HOOK_SECRET).json(&body).send().await;
        let status = answer.context("call the roster hook")?.status();
        ensure!(status.is_success(), "the roster hook answered {status}");
        Ok(())
    }

    /// How long it takes from the beginning of `work` until somebody is a member, looked at every `pause`.
    pub(super) async fn timed(
        &self,
        room: &str,
        sub: &str,
        pause: Duration,
        work: impl Future<Output = Result<()>>,
    ) -> Result<Duration> {
        let mxid = self.synapse.mxid(sub);
        let began = Instant::now();
        let joined = async {
            self.truth.until_member(room, &mxid, pause, bound(1)).await?;
            Ok(began.elapsed())
        };
        let ((), took) = tokio::try_join!(work, joined)?;
        Ok(took)
    }

    /// Joins these people to each of the rooms: one call after the other in a room, the rooms at once, as the service does.
    pub(super) async fn join_all(&self, hand: &Admin, rooms: &[String], people: &[String]) -> Result<()> {
        let lane = async |room: &String| {
            for sub in people {
                hand.force_join(room, &self.synapse.mxid(sub)).await?;
            }
            Ok(())
        };
        futures_util::future::try_join_all(rooms.iter().map(lane)).await.map(drop)
    }

    /// How many joins the service's ledger has as done.
    pub(super) async fn done_joins(&self) -> Result<i64> {
        let mut connection =
            PgConnection::connect(&self.database).await.context("connect to the service's database")?;
        let sql = "SELECT count(*) FROM provisioner.ledger WHERE kind = 'join' AND outcome = 'done'";
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.context("read the ledger")
    }

    /// How many chat messages are in the service's inbox.
    pub(super) async fn chat_in_inbox(&self) -> Result<i64> {
        let mut connection =
            PgConnection::connect(&self.database).await.context("connect to the service's database")?;
        let sql = "SELECT count(*) FROM provisioner.inbox WHERE type = 'm.room.message'";
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.context("read the inbox")
    }

    /// One of the service's metrics, by its name and labels.
    pub(super) async fn metric(&self, series: &str) -> Result<f64> {
        let answer =
            self.http.get(format!("http://{}/metrics", self.admin)).send().await.context("read the metrics")?;
        let text = answer.text().await.context("read the metrics")?;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        value.with_context(|| format!("there is no metric {series}"))
    }

    /// Everything that is not needed is left at its default.
    fn config(&self, rooms: &[ManagedRoom], sections: &str) -> String {
        let mut text = format!(
            r#"environment = "load"
[homeserver]
url = "{url}"
server_name = "{server}"
[appservice]
registration = "{registration}"
listen = "{listen}"
[admin]
listen = "{admin}"
hook_secret = "{HOOK_SECRET}"
[database]
url = "{database}"
[roster]
url = "{roster}"
[modes]
accounts = "enforce"
joins = "enforce"
{sections}"#,
            url = self.homeserver,
            server = self.synapse.server_name(),
            registration = self.slot.registration.display(),
            listen = self.slot.listen(),
            admin = self.admin,
            database = self.database,
            roster = self.hasura.url(),
        );
        for (number, ManagedRoom { id, members }) in rooms.iter().enumerate() {
            text.push_str(&format!("[[rooms]]\nkey = \"room-{number}\"\nid = \"{id}\"\nmembers = [{members}]\n"));
        }
        text
    }
}

/// How long so many joins may take before something is wrong: a loaded machine makes one a second.
pub(super) fn bound(joins: usize) -> Duration {
    Duration::from_secs(60) + Duration::from_secs(1) * u32::try_from(joins).unwrap_or(u32::MAX)
}
