//! Application-service registrations made in advance, so that many tests share one Synapse without meeting.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::{ports, random};

/// One registration: its file, its reserved port, its bot and its tokens.
#[derive(Debug, Clone)]
pub struct Slot {
    pub number: usize,
    /// `provisioner-<number>`
    pub id: String,
    /// The file Synapse has loaded; the service loads the same.
    pub registration: PathBuf,
    /// Where Synapse pushes to; nothing listens there until the service does.
    pub port: u16,
    pub sender_localpart: String,
    /// The full user id of the bot.
    pub bot: String,
    pub as_token: String,
    pub hs_token: String,
}

impl Slot {
    pub(super) fn write(number: usize, server_name: &str, directory: &Path) -> Result<Slot> {
        let id = format!("provisioner-{number}");
        let sender_localpart = format!("provisioner-bot-{number}");
        let slot = Slot {
            number,
            registration: directory.join(format!("{id}.yaml")),
            port: ports::free_port()?,
            bot: format!("@{sender_localpart}:{server_name}"),
            as_token: format!("as{}{}", random::word(), random::word()),
            hs_token: format!("hs{}{}", random::word(), random::word()),
            id,
            sender_localpart,
        };
        // As `registration --output` leaves it.
        let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&slot.registration);
        made.and_then(|mut file| file.write_all(slot.yaml().as_bytes())).context("write a registration")?;
        Ok(slot)
    }

    /// `127.0.0.1:<port>`, for the service's `appservice.listen`.
    pub fn listen(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn yaml(&self) -> String {
        let Slot { id, port, sender_localpart, bot, as_token, hs_token, .. } = self;
        let bot = bot.replace('.', "\\.");
        format!(
            "id: {id}\nurl: http://127.0.0.1:{port}\nas_token: {as_token}\nhs_token: {hs_token}\n\
             sender_localpart: {sender_localpart}\nrate_limited: false\nnamespaces:\n  users:\n    \
             - exclusive: true\n      regex: '^{bot}$'\n  aliases: []\n  rooms: []\n"
        )
    }
}
