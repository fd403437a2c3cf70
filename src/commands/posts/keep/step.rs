//! What is to be done about the message that shows what is held: the newest post is compared with what is held now.

use crate::store::{HeldPost, HeldPostState};

/// An open post that is younger is edited when the plan changes, and an older one is followed by a new one: people are
/// notified of at most one message in this time.
const YOUNG: f64 = 60.0;

/// What was approved is done in this time, mostly: what is held after that is something else.
const DECIDED: f64 = 15.0;

/// What is held as it was may wait for rooms that are being read, a minute at the most, and who approved it for two more: nobody
/// is asked about it again meanwhile.
const WAITED_FOR: f64 = 300.0;

/// What is to be done about the held plan's post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    /// Send a post that was noted and not sent, or not all of it.
    Resend,
    /// Nothing is held any more.
    Gone,
    /// Post what is held. It replaces the newest post where that is undecided.
    Post,
    /// Edit the newest post to show what is held.
    Edit,
    /// Send an edit that was noted and that Synapse has not taken.
    ResendEdit,
}

impl Step {
    /// Whether a message says by it what none has said.
    pub(super) fn shows_anew(self) -> bool {
        matches!(self, Self::Post | Self::Edit)
    }
}

/// Compares the newest post with what is held; `here` is the Staff room.
pub(super) fn step(newest: Option<&HeldPost>, held: Option<&str>, here: &str) -> Step {
    let undecided = newest.filter(|post| post.is_undecided());
    match (undecided, held) {
        (Some(post), Some(held)) if post.held_id == held && post.room_id == here => {
            match post.event_id.is_some() && post.reactions_sent {
                false => Step::Resend,
                true if post.edit_sent => Step::Nothing,
                true => Step::ResendEdit,
            }
        }
        (Some(_), None) => Step::Gone,
        (None, None) => Step::Nothing,
        // Somebody decides just now: what is left is seen at the next snapshot. A long pass is not waited for.
        (None, Some(held)) if newest.is_some_and(|post| is_being_decided(post, held)) => Step::Nothing,
        // Who dismissed one wants to hear of the next.
        (Some(post), Some(_)) if post.state == HeldPostState::Open && post.age < YOUNG && post.room_id == here => {
            if post.event_id.is_some() && post.reactions_sent {
                Step::Edit
            } else {
                Step::Resend
            }
        }
        (_, Some(_)) => Step::Post,
    }
}

/// The step once the plan was looked at: `shown` is the id of what a post would show. While something cannot be read that is less
/// than what is held, and what is shown already is no change.
pub(super) fn as_seen(due: Step, newest: Option<&HeldPost>, shown: Option<&str>, here: &str) -> Step {
    match shown {
        _ if !due.shows_anew() => due,
        Some(shown) => step(newest, Some(shown), here),
        None => Step::Nothing,
    }
}

fn is_being_decided(post: &HeldPost, held: &str) -> bool {
    let longest = if post.held_id == held { WAITED_FOR } else { DECIDED };
    post.state == HeldPostState::Deciding && post.changed_ago < longest
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn step(newest: Option<&HeldPost>, held: Option<&str>) -> Step {
        super::step(newest, held, "!here")
    }

    fn post(held_id: &str, state: HeldPostState, sent: bool) -> HeldPost {
        HeldPost {
            id: 1,
            held_id: held_id.to_owned(),
            shown_before: None,
            age: 100.0,
            edited_ago: None,
            changed_ago: 0.0,
            edited_before_ago: None,
            edits: 0,
            edit_sent: true,
            room_id: "!here".to_owned(),
            event_id: sent.then(|| "$it".to_owned()),
            reactions_sent: sent,
            shown: Value::Null,
            pages: Value::Null,
            offers_approval: true,
            state,
        }
    }

    #[test]
    fn what_is_held_is_posted_once_until_it_changes() {
        assert_eq!(step(None, None), Step::Nothing);
        assert_eq!(step(None, Some("a")), Step::Post);
        assert_eq!(step(Some(&post("a", HeldPostState::Open, true)), Some("a")), Step::Nothing);
        assert_eq!(step(Some(&post("a", HeldPostState::Open, false)), Some("a")), Step::Resend);
        let without_reactions = HeldPost { reactions_sent: false, ..post("a", HeldPostState::Open, true) };
        assert_eq!(step(Some(&without_reactions), Some("a")), Step::Resend);
        assert_eq!(step(Some(&post("a", HeldPostState::Open, true)), Some("b")), Step::Post);
        assert_eq!(step(Some(&post("a", HeldPostState::Open, true)), None), Step::Gone);
        let unedited = HeldPost { edit_sent: false, ..post("a", HeldPostState::Open, true) };
        assert_eq!(step(Some(&unedited), Some("a")), Step::ResendEdit);
    }

    #[test]
    fn a_plan_that_keeps_changing_is_one_message_a_minute() {
        let young = |state| HeldPost { age: 30.0, ..post("a", state, true) };
        assert_eq!(step(Some(&young(HeldPostState::Open)), Some("b")), Step::Edit);
        assert_eq!(step(Some(&post("a", HeldPostState::Open, true)), Some("b")), Step::Post);
        assert_eq!(step(Some(&young(HeldPostState::Dismissed)), Some("b")), Step::Post);
        assert_eq!(step(Some(&young(HeldPostState::Decided)), Some("b")), Step::Post);
    }

    #[test]
    fn what_a_post_shows_already_is_no_change_while_more_is_held_than_can_be_seen() {
        let seen = |post: &HeldPost, part: Option<&str>, here: &str| {
            as_seen(super::step(Some(post), Some("all"), here), Some(post), part, here)
        };
        for state in [HeldPostState::Open, HeldPostState::Dismissed] {
            assert_eq!(step(Some(&post("part", state, true)), Some("all")), Step::Post);
            assert_eq!(seen(&post("part", state, true), Some("part"), "!here"), Step::Nothing);
            assert_eq!(seen(&post("part", state, true), Some("other"), "!here"), Step::Post);
        }
        let young = HeldPost { age: 30.0, ..post("part", HeldPostState::Open, true) };
        assert_eq!(seen(&young, Some("part"), "!here"), Step::Nothing);
        assert_eq!(seen(&young, Some("other"), "!here"), Step::Edit);
        assert_eq!(seen(&young, None, "!here"), Step::Nothing, "nothing of it can be seen");
        let unedited = HeldPost { edit_sent: false, ..young.clone() };
        assert_eq!(seen(&unedited, Some("part"), "!here"), Step::ResendEdit);
        assert_eq!(seen(&young, Some("part"), "!there"), Step::Post, "nobody sees it there");
        assert_eq!(seen(&post("part", HeldPostState::Decided, true), Some("part"), "!here"), Step::Post);
        assert_eq!(as_seen(Step::Gone, Some(&young), None, "!here"), Step::Gone);
    }

    #[test]
    fn what_was_posted_in_a_room_that_was_left_is_posted_anew() {
        assert_eq!(super::step(Some(&post("a", HeldPostState::Open, true)), Some("a"), "!there"), Step::Post);
        assert_eq!(super::step(Some(&post("a", HeldPostState::Open, true)), None, "!there"), Step::Gone);
    }

    #[test]
    fn a_dismissed_plan_is_quiet_until_it_changes() {
        assert_eq!(step(Some(&post("a", HeldPostState::Dismissed, true)), Some("a")), Step::Nothing);
        assert_eq!(step(Some(&post("a", HeldPostState::Dismissed, true)), Some("b")), Step::Post);
        assert_eq!(step(Some(&post("a", HeldPostState::Dismissed, true)), None), Step::Gone);
    }

    #[test]
    fn a_decided_plan_is_over_and_what_is_held_after_it_is_new() {
        assert_eq!(step(Some(&post("a", HeldPostState::Deciding, true)), Some("a")), Step::Nothing);
        let long_ago = HeldPost { changed_ago: 60.0, ..post("a", HeldPostState::Deciding, true) };
        assert_eq!(step(Some(&long_ago), Some("b")), Step::Post, "its pass goes on for hours");
        assert_eq!(step(Some(&long_ago), Some("a")), Step::Nothing, "it waits for a room");
        assert_eq!(step(Some(&post("a", HeldPostState::Decided, true)), None), Step::Nothing);
        assert_eq!(step(Some(&post("a", HeldPostState::Decided, true)), Some("b")), Step::Post);
        assert_eq!(step(Some(&post("a", HeldPostState::Gone, true)), Some("a")), Step::Post);
    }
}
