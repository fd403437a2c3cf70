//! Who may give commands, checked for each command and each tap as things are at that moment: a user of our server who is joined
//! to the room, whose account the pool has now, and who is matched by `commands.allow` in freshly read sources. What costs
//! nothing is checked first: anybody in the room can say something.

use provisioner_policy::{Membership, Permission, RoomStatus, Selector, selector_words};

use crate::accounts::NoAccount;
use crate::causes::told;
use crate::commands::room::desk::Desk;
use crate::reconcile::{ActionGate, Freshness, NotLeader, Reconciler};

/// Why the sender may not give commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    /// `commands.allow` does not match them.
    NotAllowed,
    /// Not in the room.
    NotJoined,
    /// The pool does not have them now.
    NoAccount(NoAccount),
    /// A source that decides it cannot be read now.
    Unsure(String),
}

impl NotAdmitted {
    /// For the sender; `allowed` are those who may.
    pub(crate) fn words(&self, allowed: &[Selector]) -> String {
        let ask = || {
            format!(
                "Ask somebody in this room who may: {} (commands.allow in the configuration).",
                selector_words(allowed)
            )
        };
        match self {
            Self::NotAllowed => format!("You may not give me commands. {}", ask()),
            Self::NotJoined => "Only members of this room may give me commands: join it first.".to_owned(),
            Self::NoAccount(why) => format!("You may not give me commands: {why}. {}", ask()),
            // The reason is only for people who may read the ledger.
            Self::Unsure(_) => {
                "Whether you may give me commands cannot be checked now, because a source does not answer. Try \
                                again later, or use the command line."
                    .to_owned()
            }
        }
    }

    /// For the ledger.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::NotAllowed => "refused: commands.allow does not match the sender".to_owned(),
            Self::NotJoined => "refused: the sender is not in the room".to_owned(),
            Self::NoAccount(why) => format!("refused: {why}"),
            Self::Unsure(why) => format!("refused: {why}"),
        }
    }
}

impl Desk {
    /// Whether `sender` may give commands now. While the gate is kept, the service does not act on what was read to answer this.
    pub(crate) async fn admits(&self, sender: &str) -> Result<Result<ActionGate, NotAdmitted>, NotLeader> {
        if sender.split_once(':').is_none_or(|(_, server)| server != self.staff.server_name) {
            return Ok(Err(NotAdmitted::NotAllowed));
        }
        let (user, staff) = (sender.to_owned(), self.staff.room_id.clone());
        let is_here = move |reconciler: &Reconciler| is_in_room(reconciler, &user, &staff);
        // As known is enough: a join before the message was pushed before it.
        if let Err(denied) = self.reconciler.query(Freshness::AsKnown, is_here.clone()).await? {
            return Ok(Err(denied));
        }
        let judged = self.groups.judge(sender);
        let (groups, account) = tokio::join!(self.refresh_groups(&judged), self.accounts.has_account_now(sender));
        match groups.and(account) {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return Ok(Err(NotAdmitted::NoAccount(why))),
            Err(error) => return Ok(Err(NotAdmitted::Unsure(told(error.as_ref())))),
        }
        let sender = sender.to_owned();
        let look = move |reconciler: &Reconciler| {
            is_here(reconciler)?;
            may_command(reconciler, &sender)
        };
        let (answer, gate) = self.reconciler.query_gated(Freshness::Now, look).await?;
        drop(judged);
        Ok(answer.map(|()| gate))
    }
}

fn is_in_room(reconciler: &Reconciler, sender: &str, room_id: &str) -> Result<(), NotAdmitted> {
    let world = reconciler.world();
    let room = world.room_by_id(room_id).ok_or(NotAdmitted::NotJoined)?;
    let mirror = world.room(room);
    // A room that nobody could read since the start says nothing of who is in it, nor of who there is.
    let unseen = |otherwise| match &mirror.status {
        RoomStatus::Ready => otherwise,
        RoomStatus::Unread => NotAdmitted::Unsure("the Staff room was not read yet".to_owned()),
        RoomStatus::Unreadable(why) => NotAdmitted::Unsure(why.clone()),
    };
    let user = world.users.get(sender).ok_or_else(|| unseen(NotAdmitted::NotAllowed))?;
    if mirror.membership(user) == Membership::Join { Ok(()) } else { Err(unseen(NotAdmitted::NotJoined)) }
}

fn may_command(reconciler: &Reconciler, sender: &str) -> Result<(), NotAdmitted> {
    let world = reconciler.world();
    match world.may_command(world.users.get(sender).ok_or(NotAdmitted::NotAllowed)?) {
        Permission::Granted => Ok(()),
        Permission::Denied => Err(NotAdmitted::NotAllowed),
        Permission::Unsure(freeze) => Err(NotAdmitted::Unsure(freeze.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_is_told_whom_to_ask() {
        let lead = Selector::TeamRole { team: "staff".to_owned(), role: "lead".to_owned() };
        let allowed = [lead, Selector::Group("nest-admin".to_owned())];
        assert_eq!(
            NotAdmitted::NotAllowed.words(&allowed),
            "You may not give me commands. Ask somebody in this room who may: members of team staff with role lead or members of \
             group nest-admin of the pool (commands.allow in the configuration)."
        );
        let unsure = NotAdmitted::Unsure("a secret".to_owned()).words(&allowed);
        assert!(!unsure.contains("a secret") && unsure.ends_with("or use the command line."), "{unsure}");
    }
}
