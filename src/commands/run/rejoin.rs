//! `rejoin <user> <room>`: a user who left by choice is joined again, if they belong there.

use super::{CommandFailure, CommandResult};
use crate::commands::room::desk::Desk;
use crate::commands::room::turn::Requester;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::operations::{self, NotRejoined};
use crate::reconcile::{Freshness, Reconciler};
use crate::store::ClearedLeaveRow;

impl Desk {
    /// Clears the leave, and has a pass done.
    pub(crate) async fn rejoin(&self, mxid: &str, room: &str, by: Requester<'_>) -> CommandResult {
        let leave = match self.rejoinable(mxid, room).await? {
            Ok(leave) => leave,
            Err(NotRejoined::NoSuchRoom) => return Err(CommandFailure::refused("There is no such room.")),
            Err(why) => {
                return Err(CommandFailure::Refused {
                    reply: Reply::line([code(mxid), text(format!(" {why} ")), code(room)]),
                    detail: format!("refused: {why} {room}"),
                });
            }
        };
        operations::rejoin(&self.store, &leave, room, by.sender).await?;
        let report = self.ask_for_pass(by, None).await?;
        if self.rejoinable(mxid, room).await? == Err(NotRejoined::AlreadyIn) {
            return Ok(Reply::line([strong("Done: "), code(mxid), text(" is in "), code(room), text(" again.")]));
        }
        let reply = Reply::line([
            text("Their leave is forgotten, and they are not in "),
            code(room),
            text(" yet. "),
            code(self.typed(&format!("explain {mxid}"))),
            text(" says why."),
        ]);
        let detail = "they are not in the room yet".to_owned();
        Err(CommandFailure::Refused { reply: reply.and_reply(self.report(&report).unwrap_or_default()), detail })
    }

    async fn rejoinable(&self, mxid: &str, room: &str) -> Result<Result<ClearedLeaveRow, NotRejoined>, CommandFailure> {
        let (mxid, room) = (mxid.to_owned(), room.to_owned());
        let query = move |reconciler: &Reconciler| operations::rejoinable(reconciler.world(), &mxid, &room);
        Ok(self.reconciler.query(Freshness::Now, query).await?)
    }
}
