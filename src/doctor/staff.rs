//! The room that takes commands: whether the bot can read what is said there.

use super::Finding;
use super::setup::Setup;
use crate::homeserver::Homeserver;

const CHECK: &str = "commands";

/// Looks at the Staff room, where there is one that the bot is in. Only what is special to it: every room is looked at in
/// `room`.
pub(super) async fn examine(homeserver: &Homeserver, setup: &Setup, rooms: &[String]) -> Option<Finding> {
    let commands = setup.config.commands.as_ref()?;
    let room = setup.policy.rooms.iter().find(|room| room.key == commands.room && rooms.contains(&room.id))?;
    // An error is told by the look at the room itself.
    let encryption = homeserver.state_content(&room.id, "m.room.encryption", "").await.ok()?;
    let key = &room.key;
    Some(match encryption {
        None => Finding::pass(CHECK, format!("{key}: the bot can read what is said there")),
        Some(_) => Finding::fail(
            CHECK,
            format!("{key}: the room is end-to-end encrypted, and the bot cannot read what is said there"),
            format!(
                "encryption cannot be switched off, nor is it left behind by an upgrade: make a new room without it, write its \
                 id under {key}, and run `phenom-provisioner bootstrap`"
            ),
        ),
    })
}
