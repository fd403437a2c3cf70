//! Which events of the Staff room are for us: plain messages that begin with the prefix in the sender's own words, and the two
//! reactions. Pure; whether the sender may give commands is decided elsewhere.

use serde::Deserialize;
use serde_json::Value;

use crate::commands::text::formatted;
use crate::commands::text::parse::{Spoken, is_for_us};

/// An event of the Staff room that concerns us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IncomingEvent {
    pub(crate) sender: String,
    /// Milliseconds since the event by Synapse's clock, when it was pushed.
    pub(crate) age_ms: Option<i64>,
    /// When it was sent by its server's clock, in milliseconds.
    pub(crate) sent_ms: Option<i64>,
    pub(crate) what: IncomingKind,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IncomingKind {
    Command {
        spoken: Spoken,
        /// The root of the answer's thread; `None` where the message has a relation that allows no thread.
        thread: Option<String>,
    },
    Reaction {
        /// The event reacted to.
        to: String,
        decision: Decision,
    },
}

/// One of the two reactions that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Dismiss,
}

#[derive(Deserialize)]
struct RawEvent {
    #[serde(rename = "type")]
    kind: String,
    sender: String,
    #[serde(default)]
    state_key: Option<Value>,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    origin_server_ts: Value,
    #[serde(default)]
    unsigned: Value,
}

/// Reads one event, as pushed. Returns `None` where it is not for us.
pub(crate) fn parse_incoming(event_id: &str, event: &str, prefix: &str, bot: &str) -> Option<IncomingEvent> {
    let event: RawEvent = serde_json::from_str(event).ok()?;
    if event.sender == bot || event.state_key.is_some() {
        return None;
    }
    let what = match event.kind.as_str() {
        "m.room.message" => command(event_id, &event.content, prefix)?,
        "m.reaction" => reaction(&event.content)?,
        _ => return None,
    };
    Some(IncomingEvent {
        sender: event.sender,
        age_ms: event.unsigned["age"].as_i64(),
        sent_ms: event.origin_server_ts.as_i64(),
        what,
    })
}

fn command(event_id: &str, content: &Value, prefix: &str) -> Option<IncomingKind> {
    let relation = &content["m.relates_to"];
    let relation_type = relation["rel_type"].as_str();
    let edited = relation_type == Some("m.replace") || content.get("m.new_content").is_some();
    if content["msgtype"] != "m.text" || edited {
        return None;
    }
    let html = content["formatted_body"].as_str().filter(|_| content["format"] == "org.matrix.custom.html");
    let from_html = html.and_then(formatted::with_mentions).filter(|text| is_for_us(text, prefix));
    let text = from_html.unwrap_or_else(|| own_words(content["body"].as_str().unwrap_or_default()));
    if !is_for_us(&text, prefix) {
        return None;
    }
    let thread = match relation_type {
        None => Some(event_id.to_owned()),
        Some("m.thread") => relation["event_id"].as_str().map(str::to_owned),
        Some(_) => None,
    };
    Some(IncomingKind::Command { spoken: Spoken { text, mention: mention(content, relation_type) }, thread })
}

/// The body without what it quotes: the lines that a reply repeats of the message replied to.
fn own_words(body: &str) -> String {
    body.lines().skip_while(|line| line.starts_with('>') || line.trim().is_empty()).collect::<Vec<_>>().join("\n")
}

/// The one user that the message mentions. Ignored in replies: clients add the replied-to user to `m.mentions`.
fn mention(content: &Value, relation_type: Option<&str>) -> Option<String> {
    let replies = content["m.relates_to"].get("m.in_reply_to").is_some();
    let falls_back = content["m.relates_to"]["is_falling_back"] == true;
    if replies && !(relation_type == Some("m.thread") && falls_back) {
        return None;
    }
    match content["m.mentions"]["user_ids"].as_array()?.as_slice() {
        [one] => one.as_str().map(str::to_owned),
        _ => None,
    }
}

fn reaction(content: &Value) -> Option<IncomingKind> {
    let relation = &content["m.relates_to"];
    if relation["rel_type"] != "m.annotation" {
        return None;
    }
    let decision = match relation["key"].as_str()?.trim_end_matches('\u{fe0f}') {
        "✅" => Decision::Approve,
        "❌" => Decision::Dismiss,
        _ => return None,
    };
    Some(IncomingKind::Reaction { to: relation["event_id"].as_str()?.to_owned(), decision })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heard(kind: &str, sender: &str, content: Value) -> Option<IncomingKind> {
        let event = json!({"type": kind, "sender": sender, "content": content, "unsigned": {"age": 5}});
        parse_incoming("$it", &event.to_string(), "!provisioner", "@bot:a").map(|heard| heard.what)
    }

    fn said(content: Value) -> Option<String> {
        match heard("m.room.message", "@ada:a", content)? {
            IncomingKind::Command { spoken, .. } => Some(spoken.text),
            IncomingKind::Reaction { .. } => None,
        }
    }

    #[test]
    fn a_plain_message_with_the_prefix_is_a_command() {
        let text = json!({"msgtype": "m.text", "body": "!provisioner status"});
        assert_eq!(said(text.clone()).as_deref(), Some("!provisioner status"));
        assert_eq!(heard("m.room.message", "@bot:a", text), None, "the bot does not talk to itself");
        for kind in ["m.notice", "m.emote", "m.image", "m.file"] {
            assert_eq!(said(json!({"msgtype": kind, "body": "!provisioner status"})), None, "{kind}");
        }
        assert_eq!(said(json!({"msgtype": "m.text", "body": "try !provisioner status"})), None);
        assert_eq!(said(json!({"msgtype": "m.text"})), None);
        assert_eq!(said(json!({"msgtype": "m.text", "body": 7})), None);
    }

    #[test]
    fn an_edit_is_no_command() {
        assert_eq!(
            said(json!({
                "msgtype": "m.text", "body": "!provisioner pause",
                "m.new_content": {"msgtype": "m.text", "body": "!provisioner pause"},
                "m.relates_to": {"rel_type": "m.replace", "event_id": "$old"},
            })),
            None
        );
        assert_eq!(
            said(json!({"msgtype": "m.text", "body": "!provisioner pause", "m.relates_to": {"rel_type": "m.replace"}})),
            None
        );
    }

    #[test]
    fn of_a_reply_only_its_own_words_count() {
        let reply = |own: &str| {
            said(json!({
                "msgtype": "m.text",
                "body": format!("> <@eve:a> !provisioner pause\n> more\n\n{own}"),
                "m.relates_to": {"m.in_reply_to": {"event_id": "$other"}},
            }))
        };
        assert_eq!(reply("no, do not"), None);
        assert_eq!(reply("!provisioner status").as_deref(), Some("!provisioner status"));
        assert_eq!(said(json!({"msgtype": "m.text", "body": "> !provisioner pause"})), None);
    }

    #[test]
    fn an_answer_hangs_on_the_thread_that_the_command_is_in() {
        let thread = |relation: Value| match heard(
            "m.room.message",
            "@ada:a",
            json!({"msgtype": "m.text", "body": "!provisioner", "m.relates_to": relation}),
        ) {
            Some(IncomingKind::Command { thread, .. }) => thread,
            other => panic!("{other:?}"),
        };
        assert_eq!(thread(Value::Null).as_deref(), Some("$it"));
        assert_eq!(thread(json!({"m.in_reply_to": {"event_id": "$x"}})).as_deref(), Some("$it"));
        assert_eq!(thread(json!({"rel_type": "m.thread", "event_id": "$root"})).as_deref(), Some("$root"));
        assert_eq!(thread(json!({"rel_type": "m.reference", "event_id": "$x"})), None);
    }

    #[test]
    fn a_mention_says_whom_it_is_about_unless_it_only_says_whom_it_answers() {
        let mention = |relation: Value, users: Value| match heard(
            "m.room.message",
            "@ada:a",
            json!({
                "msgtype": "m.text", "body": "!provisioner explain Bob B",
                "m.mentions": {"user_ids": users}, "m.relates_to": relation,
            }),
        ) {
            Some(IncomingKind::Command { spoken, .. }) => spoken.mention,
            other => panic!("{other:?}"),
        };
        assert_eq!(mention(Value::Null, json!(["@bob:a"])).as_deref(), Some("@bob:a"));
        assert_eq!(mention(Value::Null, json!(["@bob:a", "@eve:a"])), None);
        assert_eq!(mention(json!({"m.in_reply_to": {"event_id": "$x"}}), json!(["@eve:a"])), None);
    }

    #[test]
    fn two_reactions_mean_something() {
        let reaction = |key: &str| {
            heard(
                "m.reaction",
                "@ada:a",
                json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": "$p", "key": key}}),
            )
        };
        let what = |decision| Some(IncomingKind::Reaction { to: "$p".to_owned(), decision });
        assert_eq!(reaction("✅"), what(Decision::Approve));
        assert_eq!(reaction("✅\u{fe0f}"), what(Decision::Approve));
        assert_eq!(reaction("❌"), what(Decision::Dismiss));
        assert_eq!(reaction("👍"), None);
        assert_eq!(heard("m.reaction", "@ada:a", json!({"m.relates_to": 1})), None);
    }
}
