//! `rejoin <user> <room>`: somebody who left by choice is joined again, if they belong there.

use anyhow::Context;
use provisioner_policy::{Entitlement, Membership};

use super::CommandFailure;
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::reconcile::{Freshness, Reconciler};
use crate::store::ClearedLeaveRow;

/// How somebody stands in a room.
struct Stand {
    room_id: String,
    belongs: bool,
    membership: Membership,
    /// The event of their leave by choice.
    left: Option<String>,
}

impl Desk {
    /// Forgets the leave, and has a pass done.
    pub(crate) async fn rejoin(&self, mxid: &str, room: &str, by: &str) -> Result<Reply, CommandFailure> {
        let stand = self.stand(mxid, room).await?;
        let refused = |why: &str| CommandFailure::Refused {
            reply: Reply::line([code(mxid), text(format!(" {why} ")), code(room)]),
            detail: format!("refused: {why} {room}"),
        };
        let event_id = match stand {
            Stand { membership: Membership::Join, .. } => return Err(refused("is already in")),
            Stand { belongs: false, .. } => return Err(refused("does not belong in")),
            Stand { left: None, .. } => return Err(refused("has not left by choice the room")),
            Stand { left: Some(event_id), .. } => event_id,
        };
        let pardon = ClearedLeaveRow { room_id: stand.room_id, user_id: mxid.to_owned(), event_id };
        self.store.ask_rejoin(&pardon, room, by).await.context("record that they are to be joined again")?;
        let report = self.ask_for_pass(None, by, None).await?;
        if self.stand(mxid, room).await?.membership == Membership::Join {
            return Ok(Reply::line([strong("Done: "), code(mxid), text(" is in "), code(room), text(" again.")]));
        }
        let whatever = Reply::line([
            text("Their leave is forgotten, and they are not in "),
            code(room),
            text(" yet. "),
            code(self.typed(&format!("explain {mxid}"))),
            text(" says why."),
        ]);
        let detail = "they are not in the room yet".to_owned();
        Err(CommandFailure::Refused { reply: whatever.and_reply(self.report(&report).unwrap_or_default()), detail })
    }

    async fn stand(&self, mxid: &str, room: &str) -> Result<Stand, CommandFailure> {
        let (mxid, room) = (mxid.to_owned(), room.to_owned());
        let look = move |reconciler: &Reconciler| {
            let world = reconciler.world();
            let room = world.room_by_key(&room)?;
            let room_id = world.policy.rooms[room.index()].id.clone();
            let Some(user) = world.users.get(&mxid) else {
                return Some(Stand { room_id, belongs: false, membership: Membership::None, left: None });
            };
            Some(Stand {
                room_id,
                belongs: matches!(world.entitlement(room, user), Entitlement::By(_)),
                membership: world.room(room).membership(user),
                left: world.room(room).voluntary_leave(user).map(|left| left.event_id.to_string()),
            })
        };
        let stand = self.reconciler.query(Freshness::Now, look).await?;
        stand.ok_or_else(|| CommandFailure::refused("There is no such room."))
    }
}
