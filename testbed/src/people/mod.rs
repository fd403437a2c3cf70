//! Who uses the homeserver: people in a real client, and a server admin over raw HTTP.

mod admin;
mod admin_rooms;
mod person;

pub use admin::Admin;
pub(crate) use admin::encode;
pub use admin_rooms::NewRoom;
pub use person::Person;
