//! Whether users of other servers may come into a room, as its create event says for good, beside what the file says of it.

use provisioner_policy::RoomPolicy;
use serde_json::Value;

use super::Finding;
use crate::homeserver::StateEvent;

/// `wanted` is the room's `federate`.
pub(super) fn examine(room: &RoomPolicy, create: &StateEvent, wanted: bool) -> Option<Finding> {
    let content: Value = serde_json::from_str(create.content.get()).unwrap_or_default();
    compare(room, content["m.federate"] != false, wanted)
}

fn compare(room: &RoomPolicy, federates: bool, wanted: bool) -> Option<Finding> {
    const CHECK: &str = "federation";
    let RoomPolicy { key, id, .. } = room;
    match (federates, wanted) {
        (true, false) => Some(Finding::warn(
            CHECK,
            format!("{key}: {id} federates: users of other servers may be invited, and their servers have its history"),
            "write federate = true under it if that is meant (m.room.server_acl says which servers). No room stops \
             federating, and its upgrade federates, too: make another one. Let the bot leave this one, take the line with \
             its id out, and run `phenom-provisioner bootstrap --create-rooms`",
        )),
        (false, true) => Some(Finding::warn(
            CHECK,
            format!(
                "{key}: federate = true, and {id} was made without federation: nobody of another server can come in"
            ),
            "take federate out, or make another room: let the bot leave this one, take the line with its id out, and run \
             `phenom-provisioner bootstrap --create-rooms`",
        )),
        (true, true) | (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_room_that_federates_is_warned_of_unless_the_file_says_so() {
        let room = RoomPolicy::new("staff", "!staff:x", vec![]);
        let said = |content: Value, wanted: bool| {
            let content = serde_json::value::to_raw_value(&content).unwrap();
            let create = StateEvent { content, sender: "@a:x".to_owned(), event_id: None, origin_server_ts: 0 };
            examine(&room, &create, wanted).map(|finding| format!("{} → {}", finding.text, finding.mend.unwrap()))
        };
        for federating in [json!({}), json!({"m.federate": true}), json!({"m.federate": "no"})] {
            let warned = said(federating.clone(), false).unwrap();
            assert!(warned.contains("staff: !staff:x federates") && warned.contains("federate = true"), "{warned}");
            assert_eq!(said(federating, true), None);
        }
        let closed = json!({"m.federate": false});
        assert_eq!(said(closed.clone(), false), None);
        assert!(said(closed, true).unwrap().contains("take federate out"));
    }
}
