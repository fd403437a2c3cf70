//! What chaos happens to: two replicas on one Synapse, a pool and its queue, three rooms, and people, some of them never changing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::json;

use super::front::Front;
use super::replica::{Replica, Ways};
use super::rows::Rows;
use super::signups::SignUps;
use crate::hasura::Hasura;
use crate::load::Setup;
use crate::people::{Admin, NewRoom, Person};
use crate::postgres::Postgres;
use crate::process::random;
use crate::synapse::{Slot, Synapse, SynapseOptions};

/// Of each of the two teams that remove: entitled all the while.
const STEADY: usize = 12;
/// Come and go.
const MOVERS: usize = 6;

pub(super) const TEAMS: [&str; 2] = ["staff", "analysts"];

/// The one of them whose leads are server admins.
pub(super) const ADMINS: &str = "staff";

/// The room of all users that the pool has confirmed.
pub(super) const EVERYONE: &str = "red-room";

#[derive(Debug)]
pub(super) struct Stage {
    pub(super) replicas: [Replica; 2],
    pub(super) front: Front,
    pub(super) rows: Rows,
    pub(super) sign_ups: SignUps,
    pub(super) movers: Vec<String>,
    /// A server admin who belongs to no application service, in every room.
    pub(super) hand: Admin,
    /// May command in the Staff room.
    pub(super) lead: Person,
    /// The rooms of [`TEAMS`], by team, and that of [`EVERYONE`].
    pub(super) rooms: BTreeMap<&'static str, String>,
    pub(super) bot: String,
    pub(super) synapse: Synapse,
    /// Where the service's tables are.
    pub(super) database: String,
    /// Has the service's database and the roster's; Synapse's is on another.
    pub(super) postgres: Postgres,
    _of_synapse: Arc<Postgres>,
}

impl Stage {
    /// Everything runs, and everybody is where they belong.
    pub(super) async fn start(setup: &Setup) -> Result<Stage> {
        (setup.tell)(&format!("starting Postgres, Synapse {} and two replicas …", setup.version));
        let (of_synapse, postgres) = (Arc::new(Postgres::start().await?), Postgres::start().await?);
        let options = SynapseOptions { slots: 1, ..SynapseOptions::new(setup.version) };
        let synapse = Synapse::start(&of_synapse, options).await?;
        let (slot, hand) = (synapse.slot(), Admin::register(&synapse).await?);
        let bot = hand.enlist(&slot).await?;
        let mut rooms = BTreeMap::new();
        for team in TEAMS.into_iter().chain([EVERYONE]) {
            rooms.insert(team, hand.create_room_with(&bot, NewRoom::default()).await?);
        }
        let mut sign_ups = SignUps::start().await?;
        let (hasura, database) = (Hasura::create(&postgres).await?, postgres.create_database(&random::word()).await?);
        let lead_sub = random::sub();
        let ways = Ways {
            synapse: &synapse.url(),
            port: postgres.port(),
            database: &database,
            roster: hasura.url(),
            pool: &sign_ups.aws.pool,
            queue: &sign_ups.aws.queue,
            registration: &slot.registration,
            rest: &rest(&rooms, &hand.mxid, &lead_sub),
        };
        let replicas = [Replica::install(&setup.binary, &ways).await?, Replica::install(&setup.binary, &ways).await?];
        let front = front(&slot, &replicas).await?;
        let lead = Person::login(&synapse, &lead_sub).await?;
        let steady = TEAMS.map(|team| (team, (0..STEADY).map(|_| random::sub()).collect::<Vec<_>>()));
        let movers: Vec<String> = (0..MOVERS).map(|_| random::sub()).collect();
        let everybody = [&lead_sub].into_iter().chain(steady.iter().flat_map(|(_, subs)| subs)).chain(&movers);
        sign_ups.confirmed_before(everybody).await?;
        let mut rows = Rows::new(hasura);
        rows.put(&lead_sub, "staff", "lead").await?;
        for (team, subs) in &steady {
            for sub in subs {
                rows.put(sub, team, "member").await?;
            }
        }
        for replica in &replicas {
            replica.service.start_again()?;
            replica.service.wait_ready().await?;
        }
        let (bot, _of_synapse) = (slot.bot, of_synapse);
        Ok(Stage {
            replicas,
            front,
            rows,
            sign_ups,
            movers,
            hand,
            lead,
            rooms,
            bot,
            synapse,
            database,
            postgres,
            _of_synapse,
        })
    }

    /// A replica is frozen, and the load balancer has noticed.
    pub(super) fn freeze(&self, replica: usize) -> Result<()> {
        self.front.set_open(replica, false);
        self.replicas[replica].service.signal(Signal::SIGSTOP)
    }

    /// Whatever was done to a replica is over.
    pub(super) fn heal(&self, replica: usize) -> Result<()> {
        self.replicas[replica].heal()?;
        self.front.set_open(replica, true);
        Ok(())
    }

    /// Somebody signs up and is confirmed.
    pub(super) async fn sign_up(&mut self) -> Result<()> {
        self.sign_ups.confirm_one().await
    }

    /// Who should be in a room.
    pub(super) fn members_of(&self, room: &'static str) -> BTreeSet<String> {
        let subs: Vec<&str> = match room {
            EVERYONE => self.sign_ups.confirmed.iter().map(String::as_str).collect(),
            team => self.rows.of(team).into_iter().collect(),
        };
        subs.into_iter().map(|sub| self.synapse.mxid(sub)).collect()
    }

    /// A new account, which no row names.
    pub(super) async fn stranger(&self) -> Result<String> {
        let mxid = self.synapse.mxid(&random::sub());
        self.hand.put_user(&mxid, json!({})).await?;
        Ok(mxid)
    }

    /// Ends Synapse as a kill does, and starts it again.
    pub(super) async fn restart_synapse(&self, down: Duration) -> Result<()> {
        self.synapse.kill().await?;
        tokio::time::sleep(down).await;
        self.synapse.start_again().await
    }
}

async fn front(slot: &Slot, replicas: &[Replica; 2]) -> Result<Front> {
    let listen = replicas.each_ref().map(|replica| replica.listen.clone());
    Front::start(&slot.listen(), listen).await.context("stand before the replicas")
}

/// The lead may command by name too, so that an answer is due whatever the rows say. The guard lets people go one by one, and holds a team
/// that vanishes, whose leads keep their flag of server admins, too. Synapse keeps pushes back for minutes after a failure, so rooms are
/// read again often.
fn rest(rooms: &BTreeMap<&'static str, String>, hand: &str, lead: &str) -> String {
    let mut text = format!(
        "[mirror]\nresync_interval = \"10s\"\n[guard]\nwindow = \"1m\"\nfree_removals = 3\nmax_removals = 1000\n\
         max_fraction = 0.5\nsettle = \"1s\"\nexempt = [\"{hand}\"]\n\
         [commands]\nroom = \"staff\"\nallow = [{{ team = \"staff\", role = \"lead\" }}, {{ subject = \"{lead}\" }}]\n\
         [server_admins]\ngrant = [{{ team = \"{ADMINS}\", role = \"lead\" }}]\n\
         [modes]\naccounts = \"enforce\"\njoins = \"enforce\"\nremovals = \"enforce\"\npower_levels = \"enforce\"\n\
         server_admins = \"enforce\"\n"
    );
    for (room, id) in rooms {
        text.push_str(&format!("[[rooms]]\nkey = \"{room}\"\nid = \"{id}\"\nfederate = true\n"));
        text.push_str(&match *room {
            EVERYONE => "members = [\"everyone\"]\n".to_owned(),
            team => format!(
                "members = [{{ team = \"{team}\" }}]\n\
                 power = [{{ level = 50, grant = [{{ team = \"{team}\", role = \"lead\" }}] }}]\n"
            ),
        });
    }
    text
}
