//! `doctor`: whether everything the service needs is there.

use super::Failure;
use crate::commands::desk::Desk;
use crate::commands::reply::{Reply, code, strong, text};
use crate::reconcile::{Freshness, Reconciler};

impl Desk {
    /// What is wrong with sources and rooms.
    pub(super) async fn doctor(&self) -> Result<Reply, Failure> {
        let look = |reconciler: &Reconciler| {
            let trouble = reconciler.homeserver_trouble().map(str::to_owned);
            trouble.into_iter().chain(reconciler.world().notices()).collect::<Vec<_>>()
        };
        let trouble = self.window.look(Freshness::Now, look).await?;
        let lead = match trouble.len() {
            0 => "Synapse, the database, the sources and every room can be read.",
            _ => "Not all is well:",
        };
        Ok(Reply::line([strong(lead)])
            .and_list(trouble.iter().map(|one| vec![text(one)]))
            .and([text("More is checked by "), code("phenom-provisioner doctor")]))
    }
}
