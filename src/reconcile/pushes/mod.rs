//! Pushes: the mirror kept up to date from the inbox, one pushed event at a time. Nothing here asks Synapse.
//!
//! A push is not always news. Every push is classified before it is applied, and where neither what we remember nor the
//! push itself settles what is true now, the one thing that it is about is asked for (`doubts`, and `looks` beside the
//! readings). A room is read again for a push only where that does not settle it.
//!
//! The races, and who settles them:
//!
//! 1. **Own write, push after the answer** (the common case). The mirror has had the effect since the answer. The push is a
//!    *pending echo*, recognised and dropped (`own_members`, `own_state`).
//! 2. **Own write, push before the answer.** The push is applied as news, and the answer then says the same once more. Both
//!    are idempotent.
//! 3. **Own writes one after another** (join, then kick). The echo of the join comes when the mirror says kicked already:
//!    echoes are counted by person, so an old one does not set the mirror back (`own_members`).
//! 4. **Admin join into an invite-only room.** Synapse pushes an invitation by the bot, then the join. The invitation is an
//!    echo, too, and never shows as a pending invite (`own_members`).
//! 5. **Somebody else's change while an echo is pending.** Whether it came before or after our write cannot be told from
//!    the order of pushes: that one membership is asked for (`own_members`). A state event before the echo was replaced by ours and
//!    is dropped, unless the room was read since (`own_state`).
//! 6. **Lost update of state.** Somebody's event lands between our read and our write, and ours replaces it. The echo of
//!    our write names what it replaced: where that is not what we read, their edit was lost, and a
//!    person is told (`own_state`, `lost_updates`; of a write whose answer was lost, `unanswered`). Nothing is restored.
//! 7. **Concurrent state events.** Synapse lets several events be made upon the same state and resolves which one stands,
//!    so neither an answer of 200 nor the order of pushes tells the state. An event is applied only where it follows what
//!    the mirror has; for any other that one state is asked for (`state`).
//! 8. **Stale push after an outage.** Synapse sends what it held back, oldest first, into a mirror that knows the outcome
//!    already. A push from before the room's last reading is dropped (`age`).
//! 9. **Push at about the time of a reading**, or of another server, whose word on the age of its events counts for nothing.
//!    Whether the reading has it is unknown: where the mirror does not say the same, it is asked for (`age`).
//! 10. **Lost push** (Synapse restarts, an inbox row cannot be read). A pending echo that never comes is given up after a
//!     minute; for state the room is then read again. For members the count after writes notices (`read::member_count`),
//!     and the resync in any case.
//! 11. **Redaction of a state event.** It changes the state and pushes no state: it is asked which event was redacted, and
//!     where that was a state, what that state is now.
//! 12. **The bot loses its place.** Nothing more is pushed of the room: only a reading tells what is left.

pub(crate) mod age;
pub(crate) mod classifier;
pub(crate) mod departures;
pub(crate) mod doubts;
pub(crate) mod event;
pub(crate) mod foreign;
pub(crate) mod lost_updates;
pub(crate) mod own_members;
pub(crate) mod own_state;
pub(crate) mod state;
pub(crate) mod unanswered;

use std::time::Instant;

use provisioner_policy::{Membership, RoomIx, RoomStatus, UserIx, World};
use serde::Deserialize;
use tracing::debug;

use crate::homeserver::IsOurBan;
use crate::objects::object;
use crate::reconcile::pushes::age::Age;
use crate::reconcile::pushes::classifier::PushClassifier;
use crate::reconcile::pushes::doubts::{PushedMember, RoomDoubts};
use crate::reconcile::pushes::event::PushedEvent;
use crate::reconcile::pushes::own_members::ClassifiedMember;
use crate::reconcile::room_mirror::distrust;
use crate::store::InboxRow;

#[derive(Deserialize)]
struct PushedMembership {
    membership: String,
    #[serde(default, rename = "reason")]
    is_our_ban: IsOurBan,
}

/// Applies one event. What it leaves unclear becomes a doubt; one that cannot be read makes its room be read again.
pub(crate) fn apply(world: &mut World, pushes: &mut PushClassifier, row: &InboxRow) {
    let Some(room) = world.room_by_id(&row.room_id) else {
        return;
    };
    let event: Option<PushedEvent<'_>> = serde_json::from_str(&row.event).ok();
    // Also where the room is to be read again: that would not tell how somebody came in, nor what others lost to us.
    if let Some(event) = &event {
        let places = foreign::places(world, room, row, event);
        pushes.places.extend(places);
    }
    let own = event.as_ref().filter(|event| event.state_key.as_deref() == Some(""));
    let classified = own.and_then(|event| state::classify_own(world, pushes, room, row, event));
    if world.room(room).status != RoomStatus::Ready {
        return;
    }
    match classified {
        Some(true) => {}
        Some(false) => doubt(pushes, room).states.extend([row.event_type.clone()]),
        None if event.and_then(|event| apply_event(world, pushes, room, row, event)).is_some() => {}
        None => {
            debug!(event.id = row.event_id, event.kind = row.event_type, "the room is read again for this event");
            distrust(world, room);
            pushes.unread.insert(room);
        }
    }
}

fn doubt(pushes: &mut PushClassifier, room: RoomIx) -> &mut RoomDoubts {
    pushes.doubts.entry(room).or_default()
}

/// `None` where only a reading of the room tells what is true now.
fn apply_event(
    world: &mut World,
    pushes: &mut PushClassifier,
    room: RoomIx,
    row: &InboxRow,
    event: PushedEvent<'_>,
) -> Option<()> {
    let age = event.age(&world.policy.server_name);
    let age = pushes.read_times.age(room, row.received_at, age);
    match row.event_type.as_str() {
        _ if age == Age::Known => {}
        // What it changed is pushed by nothing else.
        "m.room.redaction" => doubt(pushes, room).redacted.extend(event.redacted_event()),
        "m.room.member" => return apply_member(world, pushes, room, row, event, age),
        _ if state::apply(world, room, row, event, age)? => {}
        _ => doubt(pushes, room).states.extend([row.event_type.clone()]),
    }
    Some(())
}

fn apply_member(
    world: &mut World,
    pushes: &mut PushClassifier,
    room: RoomIx,
    row: &InboxRow,
    event: PushedEvent<'_>,
    age: Age,
) -> Option<()> {
    let content: PushedMembership = object(event.content)?;
    let user = event.state_key?;
    let membership = Membership::of_event(&content.membership, user == event.sender)?;
    if user == world.policy.bot && membership != Membership::Join {
        // The bot lost its place: only a reading tells what is left.
        return None;
    }
    let (known, by_bot) = (world.intern(&user), event.sender == world.policy.bot);
    let classified = pushes.own_members.classify(room, known, membership, by_bot, Instant::now());
    let is_ours = by_bot && (membership != Membership::Ban || content.is_our_ban.0);
    let pushed = PushedMember { membership, event_id: row.event_id.clone(), by_bot: is_ours };
    // Synapse may bring our own invitation minutes late. What became of it since is in the mirror, or comes behind it.
    let is_late_echo =
        by_bot && membership == Membership::Invite && world.room(room).membership(known) != Membership::Invite;
    match classified {
        ClassifiedMember::OwnWrite => {}
        ClassifiedMember::News if age == Age::News && !is_late_echo => take_member(world, room, known, &pushed),
        _ if is_mirrored(world, room, known, &pushed) => {}
        ClassifiedMember::News | ClassifiedMember::Unclear => {
            doubt(pushes, room).members.insert(known, pushed);
        }
    }
    Some(())
}

/// Takes over a membership that stands.
pub(crate) fn take_member(world: &mut World, room: RoomIx, user: UserIx, pushed: &PushedMember) {
    world.set_member(room, user, pushed.membership, Some(&pushed.event_id));
    match pushed.membership {
        Membership::Invite if !pushed.by_bot => world.note_invited_by_other(room, user),
        Membership::Ban => world.set_banned_by_us(room, user, pushed.by_bot),
        Membership::Join => world.set_present(user),
        _ => {}
    }
}

/// Whether the mirror says the same; of a leave by choice by the same event, and of a ban whether it is ours.
fn is_mirrored(world: &World, room: RoomIx, user: UserIx, pushed: &PushedMember) -> bool {
    let mirror = world.room(room);
    mirror.membership(user) == pushed.membership
        && match pushed.membership {
            Membership::Left => mirror.voluntary_leave(user).is_some_and(|left| *left.event_id == *pushed.event_id),
            Membership::Ban => mirror.is_banned_by_us(user) == pushed.by_bot,
            _ => true,
        }
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::{DateTime, Utc};
    use provisioner_policy::{Modes, Policy, RoomPolicy, Selector};
    use serde_json::json;

    use super::*;
    use crate::homeserver::BAN_REASON;

    pub(in crate::reconcile) fn world() -> (World, RoomIx) {
        world_in(Modes::default())
    }

    pub(in crate::reconcile) fn world_in(modes: Modes) -> (World, RoomIx) {
        let room = RoomPolicy::new("staff", "!r:a", vec![Selector::Everyone]);
        let mut world = World::new(Policy {
            server_name: "a".into(),
            bot: "@bot:a".into(),
            rooms: vec![room],
            modes,
            ..Policy::default()
        });
        let room = world.room_by_key("staff").unwrap();
        world.set_room_status(room, RoomStatus::Ready);
        (world, room)
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    /// Pushes what happened `age` seconds before second 100, into rooms read in second 50.
    fn push_aged(world: &mut World, event_type: &str, event: &serde_json::Value, age: i64) -> PushClassifier {
        let mut event = event.clone();
        event["unsigned"] = json!({"age": age * 1000, "prev_content": {}});
        let row = row("!r:a", event_type, &event);
        let mut pushes = PushClassifier::default();
        pushes.read_times.read(world.room_by_key("staff").unwrap(), at(50), at(51));
        apply(world, &mut pushes, &row);
        pushes
    }

    fn push(world: &mut World, event_type: &str, event: &serde_json::Value) -> PushClassifier {
        push_aged(world, event_type, event, 1)
    }

    pub(in crate::reconcile) fn row(room_id: &str, event_type: &str, event: &serde_json::Value) -> InboxRow {
        InboxRow {
            id: 1,
            event_id: "$e".into(),
            room_id: room_id.into(),
            event_type: event_type.into(),
            event: event.to_string(),
            received_at: at(100),
        }
    }

    fn member(user: &str, sender: &str, membership: &str) -> serde_json::Value {
        json!({"sender": sender, "state_key": user, "content": {"membership": membership, "displayname": 7}})
    }

    #[test]
    fn the_bots_own_invitation_that_comes_minutes_late_sets_nobody_back() {
        let (mut world, room) = world();
        let user = world.intern("@u:a");
        world.set_member(room, user, Membership::Join, None);
        let pushes = push(&mut world, "m.room.member", &member("@u:a", "@bot:a", "invite"));
        assert_eq!(world.room(room).membership(user), Membership::Join);
        assert!(pushes.doubts[&room].members.contains_key(&user), "it is asked about");
        // Somebody else's is news.
        push(&mut world, "m.room.member", &member("@u:a", "@other:a", "invite"));
        assert_eq!(world.room(room).membership(user), Membership::Invite);
    }

    #[test]
    fn a_leave_by_the_user_is_a_choice_and_a_kick_is_not() {
        let (mut world, room) = world();
        push(&mut world, "m.room.member", &member("@u:a", "@u:a", "leave"));
        let user = world.users.get("@u:a").unwrap();
        assert_eq!(world.room(room).membership(user), Membership::Left);
        push(&mut world, "m.room.member", &member("@u:a", "@admin:a", "leave"));
        assert_eq!(world.room(room).membership(user), Membership::Removed);
        assert_eq!(world.room(room).status, RoomStatus::Ready);
    }

    #[test]
    fn a_ban_is_ours_by_its_reason_until_somebody_else_bans_too() {
        let (mut world, room) = world();
        let (ours, theirs) = (json!(BAN_REASON), json!("spam"));
        for (sender, reason, is_ours) in
            [("@bot:a", &ours, true), ("@bot:a", &theirs, false), ("@bot:a", &ours, true), ("@admin:a", &ours, false)]
        {
            let mut event = member("@u:a", sender, "ban");
            event["content"]["reason"] = reason.clone();
            push(&mut world, "m.room.member", &event);
            let user = world.users.get("@u:a").unwrap();
            assert_eq!(world.room(room).membership(user), Membership::Ban);
            assert_eq!(world.room(room).is_banned_by_us(user), is_ours, "{sender}: {reason}");
        }
    }

    #[test]
    fn a_ban_of_another_server_beside_ours_is_asked_about() {
        let (mut world, room) = world();
        let user = world.intern("@u:a");
        world.set_member(room, user, Membership::Ban, None);
        world.set_banned_by_us(room, user, true);
        let theirs = push(&mut world, "m.room.member", &member("@u:a", "@moderator:elsewhere", "ban"));
        assert_eq!(doubted(&theirs, room), (1, 0, 0));
        world.set_banned_by_us(room, user, false);
        let again = push(&mut world, "m.room.member", &member("@u:a", "@moderator:elsewhere", "ban"));
        assert_eq!(doubted(&again, room), (0, 0, 0), "the mirror says the same");
    }

    fn doubted(pushes: &PushClassifier, room: RoomIx) -> (usize, usize, usize) {
        let none = RoomDoubts::default();
        let RoomDoubts { members, states, redacted } = pushes.doubts.get(&room).unwrap_or(&none);
        (members.len(), states.len(), redacted.len())
    }

    #[test]
    fn a_push_from_before_the_reading_changes_nothing_and_one_from_its_time_asks_for_that_one_thing() {
        let (mut world, room) = world();
        let kicked = member("@u:a", "@admin:a", "leave");
        assert_eq!(doubted(&push_aged(&mut world, "m.room.member", &kicked, 61), room), (0, 0, 0));
        let redaction = json!({"sender": "@u:a", "content": {}, "redacts": "$x"});
        assert_eq!(doubted(&push_aged(&mut world, "m.room.redaction", &redaction, 61), room), (0, 0, 0));
        assert_eq!(world.users.get("@u:a"), None);
        // Made just before the reading began, or while it went on.
        for age in [51, 49] {
            assert_eq!(doubted(&push_aged(&mut world, "m.room.member", &kicked, age), room), (1, 0, 0));
            let user = world.users.get("@u:a").unwrap();
            assert_eq!(world.room(room).membership(user), Membership::None);
        }
        world.set_member(room, world.users.get("@u:a").unwrap(), Membership::Removed, None);
        let pushes = push_aged(&mut world, "m.room.member", &kicked, 49);
        assert_eq!(doubted(&pushes, room), (0, 0, 0), "the reading says the same");
        assert_eq!((&world.room(room).status, pushes.unread.len()), (&RoomStatus::Ready, 0));
    }

    /// Another server says that its event is years old, or of the future.
    #[test]
    fn what_another_server_says_of_the_age_of_its_events_counts_for_nothing() {
        for age in [10_000_000_000, -10_000_000_000, 1] {
            let (mut world, room) = world();
            let pushes = push_aged(&mut world, "m.room.member", &member("@u:elsewhere", "@u:elsewhere", "join"), age);
            assert_eq!(doubted(&pushes, room), (1, 0, 0), "{age}");
        }
    }

    #[test]
    fn a_redaction_asks_what_was_redacted_and_state_out_of_order_asks_for_that_state() {
        let (mut world, room) = world();
        for redaction in [json!({"content": {}, "redacts": "$x"}), json!({"content": {"redacts": "$x"}})] {
            let mut redaction = redaction;
            redaction["sender"] = json!("@u:a");
            assert_eq!(doubted(&push(&mut world, "m.room.redaction", &redaction), room), (0, 0, 1));
        }
        let rules = json!({"sender": "@u:a", "state_key": "", "content": {"join_rule": "public"}});
        assert_eq!(doubted(&push(&mut world, "m.room.join_rules", &rules), room), (0, 1, 0));
        assert_eq!(world.room(room).status, RoomStatus::Ready);
    }

    #[test]
    fn what_cannot_be_read_and_a_bot_without_its_place_make_the_room_be_read_again() {
        for (event_type, event) in [
            ("m.room.member", json!({"sender": "@u:a", "state_key": "@u:a", "content": {"membership": 7}})),
            ("m.room.member", member("@bot:a", "@admin:a", "leave")),
        ] {
            let (mut world, room) = world();
            let pushes = push(&mut world, event_type, &event);
            assert_eq!(world.room(room).status, RoomStatus::Unread, "{event}");
            assert!(pushes.unread.contains(&room));
        }
    }

    #[test]
    fn state_that_nothing_looks_at_is_not_kept() {
        let (mut world, room) = world();
        let call = json!({"sender": "@u:a", "state_key": "@u:a_DEVICE", "content": {"application": "m.call"}});
        let encryption = json!({"sender": "@u:a", "state_key": "", "content": {}});
        for (event_type, event) in [("org.matrix.msc3401.call.member", call), ("m.room.encryption", encryption)] {
            assert_eq!(
                doubted(&push(&mut world, event_type, &event), room),
                (0, 0, 0),
                "nothing is asked for its sake"
            );
        }
        assert_eq!((world.room(room).states().count(), &world.room(room).status), (0, &RoomStatus::Ready));
    }

    #[test]
    fn another_room_changes_nothing() {
        let (mut world, room) = world();
        let row = row("!other:a", "m.room.redaction", &json!({}));
        apply(&mut world, &mut PushClassifier::default(), &row);
        assert_eq!(world.room(room).status, RoomStatus::Ready);
    }
}
