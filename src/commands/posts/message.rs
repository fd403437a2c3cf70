//! Event contents: notices in threads, edits and reactions. None of them mentions anybody, so nobody is notified.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::commands::text::render::Rendered;

/// The message that an answer replies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplyTarget {
    /// The root of the thread; without one the answer is a plain reply.
    pub(crate) thread: Option<String>,
    /// What is answered.
    pub(crate) to: String,
}

/// A notice that answers nothing.
pub(crate) fn notice(rendered: &Rendered) -> Value {
    Value::Object(text(rendered))
}

/// A notice that answers a message.
pub(crate) fn answer(rendered: &Rendered, target: &ReplyTarget) -> Value {
    let mut content = text(rendered);
    let reply = json!({ "event_id": target.to });
    let relation = match &target.thread {
        Some(root) => {
            json!({ "rel_type": "m.thread", "event_id": root, "is_falling_back": true, "m.in_reply_to": reply })
        }
        None => json!({ "m.in_reply_to": reply }),
    };
    content.insert("m.relates_to".to_owned(), relation);
    Value::Object(content)
}

/// The replacement of a notice by another.
pub(crate) fn edit(event_id: &str, rendered: &Rendered) -> Value {
    // Clients that know no edits show the first line.
    let first = rendered.plain.lines().next().unwrap_or_default();
    json!({
        "msgtype": "m.notice",
        "body": format!("* {first}"),
        "m.mentions": {},
        "m.new_content": text(rendered),
        "m.relates_to": { "rel_type": "m.replace", "event_id": event_id },
    })
}

/// A reaction.
pub(crate) fn reaction(event_id: &str, key: &str) -> Value {
    json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": event_id, "key": key } })
}

/// As the homeserver takes it.
pub(crate) fn raw(content: &Value) -> Box<RawValue> {
    to_raw_value(content).expect("a JSON value is JSON")
}

fn text(Rendered { plain, html }: &Rendered) -> Map<String, Value> {
    let fields = [
        ("msgtype", json!("m.notice")),
        ("body", json!(plain)),
        ("format", json!("org.matrix.custom.html")),
        ("formatted_body", json!(html)),
        ("m.mentions", json!({})),
    ];
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
