//! What a journey begins with: a server admin, the bot of an application service, and three rooms with both in them.

use anyhow::Result;

use crate::people::{Admin, NewRoom};
use crate::synapse::{Slot, Synapse};

/// Nobody else uses it. Bound to the runtime of the test that has it.
#[derive(Debug)]
pub struct Stand {
    pub admin: Admin,
    /// The bot's own hands; it is a server admin.
    pub bot: Admin,
    pub rooms: [String; 3],
}

/// Where a stand will be: a slot, and what was made for it in advance, if anything.
#[derive(Debug)]
pub struct Site {
    pub slot: Slot,
    pub(crate) prepared: Option<Prepared>,
}

impl Site {
    /// The stand that was made in advance, or one that is made now, where rooms of a version are asked for or none was.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn stand(&self, synapse: &Synapse, room_version: Option<&str>) -> Result<Stand> {
        match &self.prepared {
            Some(prepared) if room_version.is_none() => Ok(Stand::again(synapse, &self.slot, prepared)),
            _ => Stand::make(synapse, &self.slot, room_version).await,
        }
    }
}

/// A stand that was made before, in a database that this Synapse's is a copy of.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    admin: String,
    token: String,
    rooms: [String; 3],
}

impl Stand {
    /// Makes one, with rooms of this version; of [`NewRoom`]'s if none.
    pub(crate) async fn make(synapse: &Synapse, slot: &Slot, room_version: Option<&str>) -> Result<Stand> {
        let admin = Admin::register(synapse).await?;
        let bot = admin.enlist(slot).await?;
        let room = async || {
            let new = NewRoom { version: room_version.map(str::to_owned), ..NewRoom::default() };
            admin.create_room_with(&bot, new).await
        };
        let rooms = [room().await?, room().await?, room().await?];
        Ok(Stand { admin, bot, rooms })
    }

    fn again(synapse: &Synapse, slot: &Slot, prepared: &Prepared) -> Stand {
        let admin = Admin::of(synapse, &prepared.admin, &prepared.token);
        let bot = admin.with_token(&slot.bot, &slot.as_token);
        Stand { admin, bot, rooms: prepared.rooms.clone() }
    }

    pub(crate) fn prepared(self) -> Prepared {
        Prepared { admin: self.admin.mxid, token: self.admin.token, rooms: self.rooms }
    }
}
