//! `testbed load`: what the service costs on a real Synapse, beside bare calls in the same run.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand, value_parser};
use testbed::load::{Events, Flood, Idle, Joins, Latency, Published, Setup, Unlisted};

use super::version::Version;
use crate::binary;

/// Measure the service on a real Synapse beside bare calls in the same run; build for release to mean anything
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The Synapse to measure on; 1.105.1 is what production runs
    #[arg(long, global = true, value_enum, default_value = "1.105.1", value_name = "VERSION")]
    synapse: Version,
    /// The service's binary; built when left out
    #[arg(long, global = true)]
    binary: Option<PathBuf>,
    #[command(subcommand)]
    kind: LoadCommand,
}

#[derive(Debug, Subcommand)]
enum LoadCommand {
    /// Join many people, through the service and by a bare loop at the same concurrency
    Joins {
        /// People who join, a round and side
        #[arg(long, default_value_t = 200, value_parser = value_parser!(u16).range(1..=5000))]
        people: u16,
        /// Rooms that each of them joins
        #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=16))]
        rooms: u16,
        /// Rounds; the sides begin in turn
        #[arg(long, default_value_t = 4, value_parser = value_parser!(u16).range(1..=100))]
        rounds: u16,
    },
    /// Join one person at a time: from the webhook, and from the confirmation on the queue, until they are in the room
    Latency {
        /// How often each way is gone
        #[arg(long, default_value_t = 100, value_parser = value_parser!(u16).range(1..=2000))]
        runs: u16,
    },
    /// Send a flood of chat into a managed room while people join it
    Flood {
        #[arg(long, default_value_t = 20_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
        messages: u32,
        /// People who join through the service; as many join by bare calls beside them
        #[arg(long, default_value_t = 200, value_parser = value_parser!(u16).range(1..=5000))]
        members: u16,
    },
    /// Start the service again and again, then leave it alone: how soon it is ready, and what it costs to let it be
    Idle {
        /// How long it is left alone
        #[arg(long, default_value_t = 10, value_parser = value_parser!(u16).range(1..=1440))]
        minutes: u16,
        /// Starts on a database that was used before
        #[arg(long, default_value_t = 20, value_parser = value_parser!(u16).range(1..=1000))]
        starts: u16,
    },
    /// Send events into rooms of several sizes: what one event by a member costs the service
    Events {
        /// Members of each room
        #[arg(long, value_delimiter = ',', default_values_t = [10, 1_000, 100_000], value_parser = value_parser!(u32).range(2..=100_000))]
        members: Vec<u32>,
        /// Events of each kind and size
        #[arg(long, default_value_t = 20, value_parser = value_parser!(u16).range(1..=1000))]
        runs: u16,
    },
    /// Publish a long ledger to a topic, and leave the service alone with a topic and without
    Published {
        /// Lines of the ledger, an event each
        #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
        lines: u32,
        /// How long it is left alone, twice
        #[arg(long, default_value_t = 120, value_parser = value_parser!(u16).range(10..=3600))]
        quiet_seconds: u16,
    },
    /// Fill an invite-only room, and a public one that no directory lists: what each join costs Synapse
    Unlisted {
        /// People who join each room
        #[arg(long, default_value_t = 200, value_parser = value_parser!(u16).range(1..=5000))]
        people: u16,
        /// Steps to fill the rooms in, the rooms in turn
        #[arg(long, default_value_t = 4, value_parser = value_parser!(u16).range(1..=20))]
        steps: u16,
    },
}

impl Load {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        if cfg!(debug_assertions) {
            tell("this is a build for development: times mean little; use cargo run --release --bin testbed -- load …");
        }
        let binary = match self.binary {
            Some(binary) => binary.canonicalize().context("find the binary")?,
            None => {
                tell("building the service …");
                binary::build().await?
            }
        };
        let setup = Setup { binary, version: self.synapse.into(), tell };
        let report = match self.kind {
            LoadCommand::Joins { people, rooms, rounds } => {
                let asked = Joins { people: people.into(), rooms: rooms.into(), rounds: rounds.into() };
                asked.measure(&setup).await?.report()
            }
            LoadCommand::Flood { messages, members } => {
                let messages = usize::try_from(messages).context("count messages")?;
                Flood { messages, members: members.into() }.measure(&setup).await?.report()
            }
            LoadCommand::Idle { minutes, starts } => {
                let quiet = Duration::from_secs(60 * u64::from(minutes));
                Idle { quiet, starts: starts.into() }.measure(&setup).await?.report()
            }
            LoadCommand::Latency { runs } => Latency { runs: runs.into() }.measure(&setup).await?.report(),
            LoadCommand::Events { members, runs } => {
                let members = members.into_iter().map(usize::try_from).collect::<Result<_, _>>();
                let members = members.context("count members")?;
                Events { members, runs: runs.into() }.measure(&setup).await?.report()
            }
            LoadCommand::Published { lines, quiet_seconds } => {
                let lines = usize::try_from(lines).context("count lines")?;
                let quiet = Duration::from_secs(quiet_seconds.into());
                Published { lines, quiet }.measure(&setup).await?.report()
            }
            LoadCommand::Unlisted { people, steps } => {
                Unlisted { people: people.into(), steps: steps.into() }.measure(&setup).await?.report()
            }
        };
        print!("{report}");
        Ok(ExitCode::SUCCESS)
    }
}

/// Standard output is for figures.
fn tell(text: &str) {
    eprintln!("{text}");
}
