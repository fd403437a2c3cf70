//! What the dashboard looks at: two replicas on one Synapse, three rooms, a pool with people, a queue, and the table of teams
//! behind a relay that can refuse.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::aws::{EmulatedAws, NewUser, QueueOptions, Trigger, plain_environment};
use crate::chaos::front::Front;
use crate::hasura::Hasura;
use crate::load::Setup;
use crate::people::{Admin, NewRoom, Person};
use crate::postgres::Postgres;
use crate::process::{ports, random};
use crate::proxy::Relay;
use crate::service::{Service, ServiceSpec};
use crate::synapse::{Synapse, SynapseOptions};
use crate::wait::wait_until;

const ENVIRONMENT: &str = "dashboard";
/// The room, its team, and how many are in it at the beginning.
const ROOMS: [(&str, &str, usize); 3] = [("red-room", "", 0), ("staff", "staff", 16), ("analysts", "analysts", 12)];
const SOON: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(super) struct Stage {
    pub(super) replicas: [Service; 2],
    listeners: [String; 2],
    pub(super) front: Front,
    pub(super) hasura: Hasura,
    /// Between the replicas and the table.
    pub(super) roster: Relay,
    pub(super) aws: EmulatedAws,
    pub(super) trigger: Trigger,
    /// A server admin who belongs to no application service, in every room.
    pub(super) hand: Admin,
    /// May command in the Staff room.
    pub(super) lead: Person,
    /// In the order of [`ROOMS`].
    pub(super) rooms: Vec<String>,
    /// Of team staff, but for the lead.
    pub(super) staff: Vec<String>,
    pub(super) synapse: Synapse,
    _postgres: [Arc<Postgres>; 2],
}

impl Stage {
    /// Everything but the running replicas.
    pub(super) async fn set(setup: &Setup) -> Result<Stage> {
        (setup.tell)(&format!("starting Postgres, Synapse {}, a pool, a queue and Prometheus …", setup.version));
        let (of_synapse, postgres) = (Arc::new(Postgres::start().await?), Arc::new(Postgres::start().await?));
        let options = SynapseOptions { slots: 1, ..SynapseOptions::new(setup.version) };
        let synapse = Synapse::start(&of_synapse, options).await?;
        let (slot, hand) = (synapse.slot(), Admin::register(&synapse).await?);
        let bot = hand.enlist(&slot).await?;
        let (mut rooms, mut people) = (Vec::new(), Vec::new());
        let hasura = Hasura::create(&postgres).await?;
        for (_, team, members) in ROOMS {
            rooms.push(hand.create_room_with(&bot, NewRoom::default()).await?);
            for _ in 0..members {
                let sub = random::sub();
                hasura.add(&sub, team, "member").await?;
                people.push((sub, team));
            }
        }
        let aws = EmulatedAws::start(QueueOptions::default()).await?;
        let trigger = Trigger::start(&aws.queue, &[("ENVIRONMENT", ENVIRONMENT)]).await?;
        aws.pool.import(&people.iter().map(|(sub, _)| NewUser::with_sub(sub)).collect::<Vec<_>>()).await?;
        let staff: Vec<String> = people.into_iter().filter(|(_, team)| *team == "staff").map(|(sub, _)| sub).collect();
        let (lead, staff) = staff.split_first().context("team staff has people")?;
        hasura.set_role(lead, "staff", "lead").await?;

        let roster = Relay::to(postgres.port()).await?;
        let address = || ports::free_port().map(|port| format!("127.0.0.1:{port}"));
        let (listen, listeners) = ([address()?, address()?], [address()?, address()?]);
        let shared = format!(
            "environment = \"{ENVIRONMENT}\"\n[homeserver]\nurl = \"{}\"\nserver_name = \"{}\"\n[database]\nurl = \"{}\"\n\
             [roster]\nurl = \"{}\"\npoll_interval = \"10s\"\nnotify_channel = \"team_members_changed\"\n\
             {}{}",
            synapse.url(),
            synapse.server_name(),
            postgres.create_database(&random::word()).await?,
            roster.through(hasura.url(), postgres.port()),
            aws.sections(),
            policy(&rooms, &hand.mxid),
        );
        let replica = |number: usize| {
            let (listen, admin) = (&listen[number], &listeners[number]);
            let config = format!(
                "{shared}[appservice]\nregistration = \"{}\"\nlisten = \"{listen}\"\nlinger = \"0s\"\n[admin]\nlisten = \"{admin}\"\n",
                slot.registration.display()
            );
            let env = plain_environment();
            Service::install(ServiceSpec { binary: setup.binary.clone(), config, env, admin: admin.clone() })
        };
        let replicas = [replica(0)?, replica(1)?];
        let front = Front::start(&slot.listen(), listen).await?;
        let (lead, staff) = (Person::login(&synapse, lead).await?, staff.to_vec());
        let _postgres = [of_synapse, postgres];
        Ok(Stage {
            replicas,
            listeners,
            front,
            hasura,
            roster,
            trigger,
            hand,
            lead,
            rooms,
            staff,
            synapse,
            _postgres,
            aws,
        })
    }

    /// Where `/metrics` of each replica is.
    pub(super) fn listeners(&self) -> Vec<String> {
        self.listeners.to_vec()
    }

    /// Starts both replicas, and waits until the operator is in the Staff room.
    pub(super) async fn start(&self) -> Result<()> {
        for replica in &self.replicas {
            replica.start_again()?;
            replica.wait_ready().await?;
        }
        let (room, lead) = (&self.rooms[1], &self.lead.mxid);
        let joined = async || self.hand.membership_of(room, lead).await.is_ok_and(|membership| membership == "join");
        wait_until("the lead is in the Staff room", SOON, joined).await
    }

    /// The number of the replica that reconciles, while one does.
    pub(super) async fn leader(&self) -> Option<usize> {
        for (number, listener) in self.listeners.iter().enumerate() {
            let metrics = reqwest::get(format!("http://{listener}/metrics")).await.ok()?.text().await.ok()?;
            if metrics.lines().any(|line| line == "provisioner_leads 1") {
                return Some(number);
            }
        }
        None
    }
}

/// Rooms and what is enforced in them. Two may go from a room within a minute; a team that vanishes is held.
fn policy(rooms: &[String], hand: &str) -> String {
    let mut text = format!(
        "[mirror]\nresync_interval = \"1m\"\n[guard]\nwindow = \"1m\"\nsettle = \"1s\"\nexempt = [\"{hand}\"]\n\
         [commands]\nroom = \"staff\"\nallow = [{{ team = \"staff\", role = \"lead\" }}]\n\
         [modes]\naccounts = \"enforce\"\njoins = \"enforce\"\nremovals = \"enforce\"\npower_levels = \"enforce\"\n\
         room_state = \"enforce\"\n"
    );
    for ((key, team, _), id) in ROOMS.iter().zip(rooms) {
        let members = if team.is_empty() { "\"everyone\"".to_owned() } else { format!("{{ team = \"{team}\" }}") };
        text.push_str(&format!(
            "[[rooms]]\nkey = \"{key}\"\nid = \"{id}\"\nname = \"{key}\"\nmembers = [{members}]\nfederate = true\n\
             power = [{{ level = 50, grant = [{{ team = \"staff\", role = \"lead\" }}] }}]\n"
        ));
    }
    text
}
