//! The listeners: the application service API, the internal one, their parser and their sockets.

mod admin;
mod properties;
mod router;
mod socket;
