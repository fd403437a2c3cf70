//! One replica, and what can happen to it: its process, and each of its ways out.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::aws::{Pool, Queue, plain_environment};
use crate::process::ports;
use crate::proxy::{Effect, Matching, Proxy, Relay};
use crate::service::{Service, ServiceSpec};

/// A replica between its relays. It does not start itself again.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) service: Service,
    /// Where Synapse's pushes arrive.
    pub(super) listen: String,
    pub(super) synapse: Proxy,
    pub(super) ours: Relay,
    pub(super) roster: Relay,
    pub(super) pool: Relay,
    pub(super) queue: Relay,
}

/// Where everything is, and the rest of the configuration file.
pub(super) struct Ways<'a> {
    pub(super) synapse: &'a str,
    /// Of the Postgres that has both databases.
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) roster: &'a str,
    pub(super) pool: &'a Pool,
    pub(super) queue: &'a Queue,
    pub(super) registration: &'a Path,
    pub(super) rest: &'a str,
}

impl Replica {
    /// Not started yet.
    pub(super) async fn install(binary: &Path, ways: &Ways<'_>) -> Result<Replica> {
        let [listen, admin] = [ports::free_port()?, ports::free_port()?].map(|port| format!("127.0.0.1:{port}"));
        let synapse = Proxy::start(ways.synapse).await?;
        let (ours, roster) = (Relay::to(ways.port).await?, Relay::to(ways.port).await?);
        let (pool, queue) =
            (Relay::to(port(&ways.pool.endpoint)?).await?, Relay::to(port(&ways.queue.endpoint)?).await?);
        let config = format!(
            "environment = \"chaos\"\n[homeserver]\nurl = \"{}\"\nserver_name = \"phenom.test\"\n[appservice]\n\
             registration = \"{}\"\nlisten = \"{listen}\"\nlinger = \"0s\"\n[admin]\nlisten = \"{admin}\"\n\
             [database]\nurl = \"{}\"\n[roster]\nurl = \"{}\"\npoll_interval = \"10s\"\n\
             notify_channel = \"team_members_changed\"\n\
             [cognito]\nregion = \"{}\"\nuser_pool_id = \"{}\"\nendpoint_url = \"{}\"\n\
             [queue]\nurl = \"{}\"\nendpoint_url = \"{}\"\nvisibility_timeout = \"10s\"\n{}",
            synapse.url(),
            ways.registration.display(),
            ours.through(ways.database, ways.port),
            roster.through(ways.roster, ways.port),
            ways.pool.region,
            ways.pool.id,
            pool.url(),
            ways.queue.url,
            queue.url(),
            ways.rest,
        );
        let env = plain_environment();
        let service = Service::install(ServiceSpec { binary: binary.to_owned(), config, env, admin })?;
        Ok(Replica { service, listen, synapse, ours, roster, pool, queue })
    }

    /// Whatever was done to it is over: it runs, and reaches everything.
    pub(super) fn heal(&self) -> Result<()> {
        for relay in [&self.ours, &self.roster, &self.pool, &self.queue] {
            relay.speak();
        }
        self.synapse.clear_faults();
        if self.service.running() {
            return self.service.signal(Signal::SIGCONT);
        }
        self.service.start_again()
    }

    /// From now on Synapse answers it in one of five bad ways.
    pub(super) fn spoil_synapse(&self, way: usize) {
        let effect = match way % 5 {
            0 => Effect::Drop,
            1 => Effect::Page(502),
            2 => Effect::LoseAnswer,
            3 => Effect::Delay(Duration::from_secs(2)),
            _ => Effect::HoldAnswer,
        };
        self.synapse.fault(Matching::any(), effect);
    }
}

fn port(url: &str) -> Result<u16> {
    url.rsplit(':').next().unwrap_or_default().parse().with_context(|| format!("read the port of {url}"))
}
