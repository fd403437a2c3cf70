//! Real parts on free loopback ports, for tests, the demo and load: Postgres, Synapse, moto, a fault-injecting
//! proxy, the service's own binary, and the people who use it. Everything started here is torn down when the
//! process ends, however it ends (see [`process`]). Nothing here knows the service's inside.

mod aws;
mod bed;
pub mod chaos;
pub mod dashboard;
mod federation;
mod foundation;
mod hasura;
mod image;
pub mod install;
pub mod load;
mod people;
mod picture_host;
mod postgres;
mod process;
mod proxy;
mod service;
mod stand;
mod synapse;
mod wait;

pub use aws::{
    Depth, EmulatedAws, Moto, NewUser, Notice, Pool, Queue, QueueOptions, REGION, Sqs, Topic, Trigger, aws_environment,
    plain_environment, shared_moto, shared_sqs,
};
pub use bed::{Bed, own, shared, shared_postgres};
pub use federation::{Draft, Federation, Hostile, federated};
pub use hasura::Hasura;
pub use image::{ImageRoot, linked};
pub use nix::sys::signal::Signal;
pub use people::{Admin, NewRoom, Person};
pub use picture_host::{PictureAnswer, PictureHost};
pub use postgres::{PoolMode, Pooler, Postgres};
pub use process::ports::free_port;
pub use proxy::{Effect, Fault, Matching, Proxy, Recorded, Relay};
pub use service::{Output, Service, ServiceSpec};
pub use stand::{Site, Stand};
pub use synapse::{FederationOptions, Origin, Slot, Synapse, SynapseOptions, SynapseVersion, Tls};
pub use wait::wait_until;
