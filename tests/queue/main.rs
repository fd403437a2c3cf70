//! The queue: its parser, and its consumer against a fake SQS (for what emulators cannot do) and against moto.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod consumer;
mod envelope;
mod fake;
mod moto;
mod outages;
mod privacy;
mod rights;
mod shutdown;
mod support;
