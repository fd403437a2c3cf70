//! Who finds, joins or reads a room although no policy says so. Only what no line of the file decides: of the rest
//! `plan` tells, and this service sets it.

use provisioner_policy::{RoomPolicy, Selector};
use serde_json::Value;

use super::Finding;
use crate::homeserver::Homeserver;

/// Join rules by which people come in without an invitation.
const WIDE: [&str; 3] = ["public", "restricted", "knock_restricted"];

/// How a room is set. Contents are those of its state.
pub(super) struct RoomAccess {
    pub(super) join_rule: String,
    pub(super) history_visibility: Option<Value>,
    pub(super) guest_access: Option<Value>,
    /// Whether the room directory has it.
    pub(super) listed: bool,
}

/// Compares how a room is set with its policy.
pub(super) fn examine(room: &RoomPolicy, access: &RoomAccess) -> Vec<Finding> {
    let RoomPolicy { key, id, settings, members, .. } = room;
    let is =
        |content: &Option<Value>, kind: &str, word: &str| content.as_ref().is_some_and(|content| content[kind] == word);
    let rule = access.join_rule.as_str();
    let listed = access.listed && settings.join_rule.as_deref() != Some("public");
    let wide = settings.join_rule.is_none() && !members.contains(&Selector::Everyone) && WIDE.contains(&rule);
    let world_readable =
        settings.history_visibility.is_none() && is(&access.history_visibility, "history_visibility", "world_readable");
    // A guest needs an invitation like anybody else where the room is not public.
    let guests =
        settings.guest_access.is_none() && rule == "public" && is(&access.guest_access, "guest_access", "can_join");
    let found = [
        listed.then(|| {
            Finding::warn(
                "directory",
                format!("{key}: the room directory lists it: everybody with an account sees its name, topic and size"),
                format!(
                    "take it out, in a client (room settings, General), or by PUT /_matrix/client/v3/directory/list/room/{id} \
                     {{\"visibility\": \"private\"}}; or write join_rule = \"public\" under it, if it is meant to be found"
                ),
            )
        }),
        wide.then(|| {
            Finding::warn(
                "join_rule",
                format!(
                    "{key}: its join rule is \"{rule}\": people come in by themselves without being in members, and read what is \
                     said until they are removed"
                ),
                "write join_rule = \"invite\" under it (or another, if it is meant), with room_state = \"enforce\" under [modes]",
            )
        }),
        world_readable.then(|| {
            Finding::warn(
                "history_visibility",
                format!("{key}: its history is world_readable: people who are not in the room, or have no account, read all of it"),
                "write history_visibility = \"shared\" under it (or another, if it is meant), with room_state = \"enforce\" under \
                 [modes]",
            )
        }),
        guests.then(|| {
            Finding::warn(
                "guest_access",
                format!("{key}: guests may join it, who have no account"),
                "write guest_access = \"forbidden\" under it (or another, if it is meant), with room_state = \"enforce\" under \
                 [modes]",
            )
        }),
    ];
    found.into_iter().flatten().collect()
}

/// Whether the main alias of a room leads there. One of another server is not asked for, and about one that Synapse does not
/// take there is nothing to say.
pub(super) async fn alias(
    homeserver: &Homeserver,
    room: &RoomPolicy,
    server_name: &str,
    content: Option<&Value>,
) -> Option<Finding> {
    let alias = content?["alias"].as_str()?;
    let (_, server) = alias.strip_prefix('#')?.split_once(':')?;
    if server != server_name {
        return None;
    }
    let leads = homeserver.room_by_alias(alias).await.ok()?;
    if leads.as_ref() == Some(&room.id) {
        return None;
    }
    let to = leads.map_or_else(|| "nowhere".to_owned(), |other| format!("to {other}"));
    Some(Finding::warn(
        "alias",
        format!("{}: its main alias {alias} leads {to}: people who follow it do not come here", room.key),
        "in a client (room settings, General), add the alias here after it is taken from the other room, or choose another as \
         main address",
    ))
}

#[cfg(test)]
mod tests {
    use provisioner_policy::RoomSettings;
    use serde_json::json;

    use super::*;

    /// As open as can be.
    fn open(join_rule: &str) -> RoomAccess {
        RoomAccess {
            join_rule: join_rule.to_owned(),
            history_visibility: Some(json!({ "history_visibility": "world_readable" })),
            guest_access: Some(json!({ "guest_access": "can_join" })),
            listed: true,
        }
    }

    fn checks(room: &RoomPolicy, access: &RoomAccess) -> Vec<&'static str> {
        examine(room, access).into_iter().map(|finding| finding.check).collect()
    }

    #[test]
    fn what_is_open_is_told_where_no_line_of_the_file_decides_it() {
        let mut room = RoomPolicy::new("staff", "!staff:x", vec![Selector::Team("staff".to_owned())]);
        assert_eq!(checks(&room, &open("public")), ["directory", "join_rule", "history_visibility", "guest_access"]);
        assert_eq!(checks(&room, &open("restricted")), ["directory", "join_rule", "history_visibility"]);
        assert_eq!(checks(&room, &open("invite")), ["directory", "history_visibility"], "guests need an invitation");
        room.settings = RoomSettings {
            join_rule: Some("public".to_owned()),
            history_visibility: Some("world_readable".to_owned()),
            guest_access: Some("can_join".to_owned()),
            ..RoomSettings::default()
        };
        assert_eq!(checks(&room, &open("public")), [""; 0]);
    }

    #[test]
    fn everybody_may_come_into_a_room_for_everybody() {
        let room = RoomPolicy::new("red", "!red:x", vec![Selector::Everyone]);
        assert_eq!(
            checks(&room, &RoomAccess { listed: false, ..open("public") }),
            ["history_visibility", "guest_access"]
        );
    }

    #[test]
    fn a_room_as_synapse_makes_it_is_sound() {
        let room = RoomPolicy::new("staff", "!staff:x", vec![Selector::Team("staff".to_owned())]);
        let shared = Some(json!({ "history_visibility": "shared" }));
        assert_eq!(checks(&room, &RoomAccess { history_visibility: shared, listed: false, ..open("invite") }), [""; 0]);
        let redacted = RoomAccess {
            join_rule: "invite".to_owned(),
            history_visibility: Some(json!({})),
            guest_access: None,
            listed: false,
        };
        assert_eq!(checks(&room, &redacted), [""; 0]);
    }
}
