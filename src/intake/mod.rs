//! What wakes us over HTTP: Synapse's pushes (`appservice`) and the internal listener (`admin`).
//!
//! Nothing here decides anything about rooms or people. It checks who is calling, makes what matters durable, and
//! wakes the reconcile path, which reads its input from the database and never from a request.

pub mod admin;
pub mod appservice;
mod body;
mod door;
mod idle;
pub mod queue;
mod secret;
pub mod server;
mod wake;

pub use secret::SharedSecret;
pub use wake::Wake;
