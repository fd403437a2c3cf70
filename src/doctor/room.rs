//! One room: whether it is there and the bot in it, whether it was replaced, who gets in past its policy, and whether Synapse
//! makes it slow.

use provisioner_policy::{Mode, Policy, RoomPolicy, Selector, how_many, no_upgrade};
use serde_json::Value;

use super::access::{self, RoomAccess};
use super::{Finding, answers, federation, followed, power};
use crate::config::RoomSection;
use crate::homeserver::{CallError, Homeserver, RoomSummary};

/// From this many members on Synapse's user directory falls behind in a room that is not public.
const LARGE: u64 = 500;

/// What is known of the bot when rooms are looked at.
pub(super) struct Bot<'a> {
    pub(super) homeserver: &'a Homeserver,
    pub(super) is_admin: bool,
    pub(super) rooms: &'a [String],
    /// The rooms of the file.
    pub(super) configured: &'a [RoomSection],
}

/// Looks at one room of the policy.
pub(super) async fn examine(bot: &Bot<'_>, policy: &Policy, room: &RoomPolicy) -> Vec<Finding> {
    match look(bot, policy, room).await {
        Ok(findings) => findings,
        Err(error) => {
            let found = answers::failed("room", &error);
            vec![Finding { text: format!("{}: {}", room.key, found.text), ..found }]
        }
    }
}

async fn look(bot: &Bot<'_>, policy: &Policy, room: &RoomPolicy) -> Result<Vec<Finding>, CallError> {
    let (key, homeserver) = (&room.key, bot.homeserver);
    let summary = match bot.is_admin {
        true => match homeserver.room_summary(&room.id).await {
            Err(CallError::RoomUnknown) => return Ok(vec![unknown(room)]),
            summary => Some(summary?),
        },
        false => None,
    };
    if !bot.rooms.contains(&room.id) {
        return Ok(vec![outside(room, summary.is_some())]);
    }
    // State that may be redacted is asked for by its content alone, see `Homeserver::state_event`.
    let content = async |kind: &str| homeserver.state_content(&room.id, kind, "").await;
    let (create, levels, join_rules, tombstone, history_visibility, guest_access, alias) = tokio::try_join!(
        homeserver.state_event(&room.id, "m.room.create"),
        content("m.room.power_levels"),
        content("m.room.join_rules"),
        content("m.room.tombstone"),
        content("m.room.history_visibility"),
        content("m.room.guest_access"),
        content("m.room.canonical_alias")
    )?;
    let named = tombstone.as_ref().map(|tombstone| tombstone["replacement_room"].as_str().unwrap_or_default());
    if let Some(successor) = named.filter(|named| !named.is_empty())
        && homeserver.origin(successor).await?.is_some_and(|origin| origin.replaces == room.id)
    {
        return Ok(vec![replaced(room, successor)]);
    }
    let members = summary.as_ref().and_then(|summary| summary.joined_members);
    let members =
        members.map(|members| format!(" with {}", how_many(members, "member", "members"))).unwrap_or_default();
    let mut findings = vec![Finding::pass("room", format!("{key}: the bot is in {}{members}", room.id))];
    let join_rule = join_rule(join_rules.as_ref());
    if let Some(create) = create {
        let user = homeserver.user_id();
        let found = power::examine(room, policy.modes, &policy.exempt, user, &create, levels.as_ref(), &join_rule);
        findings.extend(found);
        let wanted = bot.configured.iter().any(|section| section.key == *key && section.federate);
        findings.extend(federation::examine(room, &create, wanted));
    }
    findings.extend(followed::examine(policy, room));
    findings.extend(named.map(|named| buried(room, named)));
    findings.extend(closed(room, &join_rule, policy.modes.joins));
    let listed = summary.as_ref().is_some_and(|summary| summary.public);
    findings.extend(access::examine(room, &RoomAccess { join_rule, history_visibility, guest_access, listed }));
    findings.extend(access::alias(homeserver, room, &policy.server_name, alias.as_ref()).await);
    findings.extend(summary.and_then(|summary| slow(room, &summary)));
    Ok(findings)
}

/// The join rule; `invite` where there is none.
pub(super) fn join_rule(content: Option<&Value>) -> String {
    content.and_then(|content| content["join_rule"].as_str()).unwrap_or("invite").to_owned()
}

fn unknown(room: &RoomPolicy) -> Finding {
    let RoomPolicy { key, id, .. } = room;
    Finding::fail(
        "room",
        format!("{key} ({id}): Synapse knows no such room"),
        "write the room's own id (in Element: room settings, Advanced, Internal room ID); if the room is lost, take the line \
         out and run `phenom-provisioner bootstrap --create-rooms`",
    )
}

fn outside(room: &RoomPolicy, is_there: bool) -> Finding {
    let RoomPolicy { key, id, .. } = room;
    let text = match is_there {
        true => format!("{key} ({id}): the bot is not in it"),
        false => format!("{key} ({id}): the bot is not in it, or there is no such room"),
    };
    Finding::fail(
        "room",
        text,
        "run `phenom-provisioner bootstrap`; where it says that nobody on this server has the power, somebody in the room \
         must invite the bot",
    )
}

fn replaced(room: &RoomPolicy, successor: &str) -> Finding {
    let key = &room.key;
    Finding::fail(
        "tombstone",
        format!("{key}: {} was replaced by {successor}, and nothing is enforced in it", room.id),
        format!(
            "run `phenom-provisioner follow {key}`, or write id = \"{successor}\" under it and run `phenom-provisioner \
             bootstrap`, which lets the bot in"
        ),
    )
}

/// A tombstone that is no upgrade. `named` is the room that it names, if any.
fn buried(room: &RoomPolicy, named: &str) -> Finding {
    Finding::warn(
        "tombstone",
        format!(
            "{}: there is a tombstone in {} {}: the room is enforced as before",
            room.key,
            room.id,
            no_upgrade(named)
        ),
        "clients show the room as closed: see in its history who sent the tombstone; where the room is meant to be used, make \
         another one and write its id under it",
    )
}

/// Under the join rule `private` not even Synapse's admin API joins anybody.
fn closed(room: &RoomPolicy, join_rule: &str, joins: Mode) -> Option<Finding> {
    if join_rule != "private" {
        return None;
    }
    let text = format!("{}: its join rule is \"private\", under which Synapse joins nobody", room.key);
    let mend = "set it to \"invite\", in a client or by join_rule = \"invite\" under it";
    Some(match joins {
        Mode::Enforce => Finding::fail("join_rule", text, mend),
        Mode::Observe => Finding::warn("join_rule", text, mend),
    })
}

/// For each user who joins a room that is neither public nor world readable, Synapse's user directory writes two rows for
/// every other member.
fn slow(room: &RoomPolicy, summary: &RoomSummary) -> Option<Finding> {
    let open = summary.join_rules.as_deref() == Some("public")
        || summary.history_visibility.as_deref() == Some("world_readable");
    let members = summary.joined_members.filter(|members| *members > LARGE && !open)?;
    Some(Finding::warn(
        "room_size",
        format!(
            "{}: Synapse's user directory writes {members} × {members} rows for its {members} members, as it is not public, \
             and each join costs two events",
            room.key
        ),
        if room.members.contains(&Selector::Everyone) {
            "write join_rule = \"public\" under it: it stays unlisted, and everybody with an account who knows its id may join"
        } else {
            "leave the room as it is, and give Synapse a worker for the user directory (update_user_directory_from_worker), or \
             write user_directory: {enabled: false} into its homeserver.yaml"
        },
    ))
}
