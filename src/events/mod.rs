//! Events for others: what the ledger says was done, published to a topic of SNS as CloudEvents, each at least once.
//!
//! The ledger is the outbox (`crate::store`'s `outbox`): what is in it is published in its order, and how far that came is
//! noted after the answer, so a kill repeats and never loses. It is read by the replica that reconciles, beside the passes:
//! nothing of this can hold one up. What is said is in [`describe`], in ids alone; `docs/events/` has a schema for each type.

mod backlog;
mod cloud_event;
mod describe;
mod error;
mod event_type;
mod publisher;
mod status;
mod topic;

pub use backlog::{Backlog, MOST_BYTES};
pub use cloud_event::{ENVELOPE_SCHEMA, Event, SCHEMAS};
pub use describe::events;
pub use error::TopicError;
pub use event_type::EventType;
pub use publisher::Publisher;
pub use status::{EventsStatus, describe_metrics};
pub use topic::{Delivery, Topic, TopicState};
