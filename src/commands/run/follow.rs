//! `follow <room>`: moves a room's policy to the room that replaced it.

use super::Failure;
use crate::commands::desk::Desk;
use crate::commands::reply::{Reply, code, text};
use crate::reconcile::{Freshness, Reconciler};

impl Desk {
    /// Says what there is to follow.
    pub(super) async fn follow(&self, room: &str, _by: &str) -> Result<Reply, Failure> {
        let key = room.to_owned();
        let successor = move |reconciler: &Reconciler| {
            let world = reconciler.world();
            let room = world.room_by_key(&key)?;
            world.room(room).successor().map(str::to_owned)
        };
        match self.window.look(Freshness::Now, successor).await? {
            None => Err(Failure::Refused {
                reply: Reply::line([code(room), text(" was not replaced: there is nothing to follow.")]),
                detail: "refused: the room was not replaced".to_owned(),
            }),
            Some(successor) => Err(Failure::Refused {
                reply: Reply::line([
                    code(room),
                    text(" was replaced by "),
                    code(successor),
                    text(": put that id into the configuration."),
                ]),
                detail: "refused: the configuration has to name the new room".to_owned(),
            }),
        }
    }
}
