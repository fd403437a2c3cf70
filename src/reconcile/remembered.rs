//! What is kept of an event once it was handled: its sender, its kind and its target. An event may be 64 KiB, and
//! the inbox keeps it for a week.

use provisioner_policy::Membership;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::objects::object;
use crate::store::InboxRow;

const REDACTION: &str = "m.room.redaction";

/// What is kept of it, and its content.
#[derive(Deserialize)]
struct WholeEvent<'a> {
    sender: String,
    #[serde(default)]
    state_key: Option<String>,
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(default)]
    redacts: Option<String>,
}

/// An event as it is remembered, in the shape in which it was pushed: whole ones are read as this, too.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RememberedEvent {
    pub(crate) sender: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state_key: Option<String>,
    #[serde(default)]
    pub(crate) content: RememberedContent,
    /// Of a redaction in a room of any version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redacts: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RememberedContent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) membership: Option<String>,
}

#[derive(Deserialize)]
struct Redaction {
    redacts: String,
}

/// No id of Matrix is longer.
const LONGEST_ID: usize = 255;

/// What is kept of a pushed event; nothing of one that cannot be read.
pub(crate) fn remembered(row: &InboxRow) -> String {
    let event: Option<WholeEvent<'_>> = serde_json::from_str(&row.event).ok();
    let kept = event.and_then(|WholeEvent { sender, state_key, content, redacts }| {
        // Each for itself: what is odd in one hides nothing of the other.
        let membership = object(content).and_then(|RememberedContent { membership }| membership);
        let membership = membership.filter(|its| Membership::of_event(its, true).is_some());
        let redacts = redacts.or_else(|| object(content).map(|Redaction { redacts }| redacts));
        let redacts = redacts.filter(|id| row.event_type == REDACTION && id.len() <= LONGEST_ID);
        let content = RememberedContent { membership };
        serde_json::to_string(&RememberedEvent { sender, state_key, content, redacts }).ok()
    });
    kept.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::reconcile::pushes::tests::row;

    #[test]
    fn of_a_large_event_only_who_did_what_to_whom_is_kept() {
        let large = "x".repeat(60_000);
        let kept = |content: Value| {
            let event = json!({
                "sender": "@a:a", "state_key": "@b:a", "content": content, "origin_server_ts": 1,
                "unsigned": {"age": 1, "prev_content": {"large": large}},
            });
            remembered(&row("!r:a", "m.room.member", &event))
        };
        let member = kept(json!({"membership": "invite", "reason": large, "displayname": large, "redacts": 5}));
        assert_eq!(member, r#"{"sender":"@a:a","state_key":"@b:a","content":{"membership":"invite"}}"#);
        let others = r#"{"sender":"@a:a","state_key":"@b:a","content":{}}"#;
        for content in [json!({"membership": large}), json!({"membership": 7}), json!([large]), json!({"users": large})]
        {
            assert_eq!(kept(content), others);
        }
        let read: RememberedEvent = serde_json::from_str(&member).unwrap();
        assert_eq!(read.content.membership.as_deref(), Some("invite"));
    }

    #[test]
    fn of_a_redaction_it_is_kept_what_it_redacts() {
        let kept = |event_type: &str, event: Value| remembered(&row("!r:a", event_type, &event));
        let told = r#"{"sender":"@a:a","content":{},"redacts":"$it"}"#;
        let before_version_11 = json!({"sender": "@a:a", "content": {"reason": "slipped"}, "redacts": "$it"});
        assert_eq!(kept("m.room.redaction", before_version_11.clone()), told);
        assert_eq!(kept("m.room.redaction", json!({"sender": "@a:a", "content": {"redacts": "$it"}})), told);
        let nothing = r#"{"sender":"@a:a","content":{}}"#;
        assert_eq!(kept("m.room.topic", before_version_11), nothing);
        let long = "$".repeat(60_000);
        assert_eq!(kept("m.room.redaction", json!({"sender": "@a:a", "content": {}, "redacts": long})), nothing);
    }

    #[test]
    fn what_cannot_be_read_leaves_nothing() {
        assert_eq!(remembered(&row("!r:a", "m.room.member", &json!({"content": {}}))), "");
    }
}
