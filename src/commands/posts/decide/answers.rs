//! What is answered to a tap that carries out nothing: why, and what asks now.

use provisioner_policy::short_id;

use crate::commands::room::dispatch::see;
use crate::commands::text::incoming::Decision;
use crate::commands::text::reply::{Piece, Reply, code, strong, text};
use crate::store::{HeldPost, HeldPostState};

/// How an answer begins of a tap that did nothing, and of one that did something elsewhere.
pub(super) const NOTHING_DONE: &str = "Nothing was done:";
const AS_FOR_THIS: &str = "As for this message:";

pub(super) fn no_opening(ended: bool) -> &'static str {
    if ended { AS_FOR_THIS } else { NOTHING_DONE }
}

/// The reply to a tap with `key` that may be about something else than what stands there.
pub(super) fn look_again(opening: &str, changed: &str, key: &str) -> Reply {
    let again = format!("Take the {key} back, look again, and tap again if it is still meant.");
    Reply::line([strong(format!("{opening} ")), text(format!("that message has changed {changed}. {again}"))])
}

/// The reply to a tap on a post in this state, which cannot be decided any more.
pub(super) fn already(opening: &str, state: HeldPostState, asked: &AskedNow, typed: impl Fn(&str) -> String) -> Reply {
    let why = match state {
        HeldPostState::Superseded => "that plan has changed since.",
        HeldPostState::Gone => "that plan is not held any more.",
        _ => "that plan was decided already.",
    };
    let lead = text(format!("{opening} {why}"));
    if state == HeldPostState::Deciding {
        return Reply::line([
            lead,
            text(" It is being carried out; "),
            code(typed("pause")),
            text(" stops what is left."),
        ]);
    }
    asked.and_pointed(lead, typed)
}

/// What somebody is asked about now, for a tap that was about something older.
#[derive(Debug)]
pub(super) struct AskedNow {
    pub(super) decision: Decision,
    /// The post that asks, where Synapse has it.
    pub(super) newest: Option<HeldPost>,
    /// What is held, for which there may be no post yet.
    pub(super) held: Option<String>,
}

impl AskedNow {
    /// Points there, in an answer that begins with `lead`; `typed` makes what somebody types of a command.
    pub(super) fn and_pointed(&self, lead: Piece, typed: impl Fn(&str) -> String) -> Reply {
        let Some(newest) = &self.newest else {
            return match self.held.is_some() {
                true => Reply::line([
                    lead,
                    text(" What is still held gets a message of its own; see "),
                    code(typed("plan")),
                ]),
                false => Reply::line([lead, text(" Nothing is held now: "), code(typed("plan"))]),
            };
        };
        let id = short_id(&newest.held_id);
        let reply = Reply::line([lead, text(" Look at the newer message about plan "), code(id)]);
        let is_open = newest.state == HeldPostState::Open;
        match self.decision {
            // The message itself says how.
            Decision::Approve if !newest.offers_approval => reply,
            Decision::Approve => {
                let how = if is_open { "To carry that one out, react to it, or: " } else { "To carry that one out: " };
                reply.and_reply(see(how, typed(&format!("apply {id}"))))
            }
            Decision::Dismiss if is_open => reply.and([text("To say no to that one, react to it.")]),
            Decision::Dismiss => reply,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::edited;
    use super::*;

    #[test]
    fn nothing_is_said_not_to_be_held_while_it_is_held_or_carried_out() {
        let newer = HeldPost { held_id: "3f9c01ab77".to_owned(), ..edited("b") };
        let answer = |decision, state, newest: Option<&HeldPost>, holds: bool| {
            let asked = AskedNow { decision, newest: newest.cloned(), held: holds.then(|| "3f9c01ab77".to_owned()) };
            already(NOTHING_DONE, state, &asked, |command| format!("!p {command}")).render().plain
        };
        let said = |state, newest, holds| answer(Decision::Approve, state, newest, holds);
        let lead = "Nothing was done: that plan was decided already.";
        for (newest, holds) in [(None, false), (None, true), (Some(&newer), true)] {
            assert_eq!(
                said(HeldPostState::Deciding, newest, holds),
                format!("{lead} It is being carried out; !p pause stops what is left.")
            );
        }
        assert_eq!(
            said(HeldPostState::Decided, None, true),
            format!("{lead} What is still held gets a message of its own; see !p plan")
        );
        assert_eq!(
            said(HeldPostState::Decided, Some(&newer), true),
            format!(
                "{lead} Look at the newer message about plan 3f9c01ab\nTo carry that one out, react to it, or: !p apply \
                 3f9c01ab"
            )
        );
        assert_eq!(said(HeldPostState::Decided, None, false), format!("{lead} Nothing is held now: !p plan"));
        let look = format!("{lead} Look at the newer message about plan 3f9c01ab");
        let dismissed = HeldPost { state: HeldPostState::Dismissed, ..newer.clone() };
        assert_eq!(
            said(HeldPostState::Decided, Some(&dismissed), true),
            format!("{look}\nTo carry that one out: !p apply 3f9c01ab")
        );
        let too_much = HeldPost { offers_approval: false, ..newer.clone() };
        assert_eq!(said(HeldPostState::Decided, Some(&too_much), true), look);
        let no = |newest| answer(Decision::Dismiss, HeldPostState::Decided, Some(newest), true);
        assert_eq!(no(&newer), format!("{look}\nTo say no to that one, react to it."));
        assert_eq!(no(&dismissed), look);
    }
}
