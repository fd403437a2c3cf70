//! The parts that tests stand on, and what is in `deploy/`. Most of them wait for a process to start: side by side they take a third.

mod beside;
mod cognito;
mod deploy;
mod forwarder;
mod restart;
mod sqs;
mod trigger;
mod world;
