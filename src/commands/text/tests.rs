//! The door of the Staff room: whatever its people, or people of other servers, send there. Beside the module, since nothing of it
//! is public; the corpus and the damage are those of `tests/doors/`.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;
use ruma::UserId;
use ruma_html::{Html, NodeRef};
use serde_json::Value;
use url::form_urlencoded;

use crate::commands::run::Effect;
use crate::commands::text::incoming::{Decision, IncomingKind, parse_incoming};
use crate::commands::text::parse::{Grammar, StaffRequest, parse};
use crate::commands::text::who::Who;
use crate::hostile::walk;
use crate::sanitize;

const PREFIX: &str = "!provisioner";
const BOT: &str = "@bot:hs";

/// What a person sees of a text: its words, without what is invisible, as one writes quotes and dashes by hand.
fn words(text: &str) -> Vec<String> {
    let plain = |c: char| match c {
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' => '"',
        '‘' | '’' | '‚' | '‛' | '′' | '´' => '\'',
        '‐' | '‑' | '‒' | '–' | '—' | '−' => '-',
        // What an HTML parser drops or replaces.
        '\0' | '\u{fffd}' => '\u{200b}',
        _ => c,
    };
    let text: String = text.chars().map(plain).filter(|c| !sanitize::is_invisible(*c)).collect();
    text.split_whitespace().map(str::to_owned).collect()
}

/// The body without the lines that quote, at its beginning.
fn own_words(body: &str) -> String {
    let lines = body.split('\n').skip_while(|line| line.starts_with('>') || line.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// What a browser shows of this HTML, without quotes, and with the user in the place of a link to one.
fn visible(html: &str) -> String {
    fn show(node: &NodeRef, text: &mut String) {
        if let Some(piece) = node.as_text() {
            text.push_str(&piece.borrow());
            return;
        }
        let Some(element) = node.as_element() else { return };
        let name = &*element.name.local;
        if ["mx-reply", "blockquote"].contains(&name) {
            // A quote stands on lines of its own; the one of a reply is taken out.
            text.push_str(if name == "blockquote" { "\n" } else { "" });
            return;
        }
        let attributes = element.attrs.borrow();
        let href = attributes.iter().find(|attribute| name == "a" && &*attribute.name.local == "href");
        if let Some(user) = href.and_then(|href| linked_user(&href.value)) {
            text.push_str(&user);
            return;
        }
        let is_inline =
            ["a", "b", "i", "u", "s", "em", "strong", "del", "code", "span", "sub", "sup", "font", "strike"]
                .contains(&name);
        text.push_str(if is_inline { "" } else { "\n" });
        node.children().for_each(|child| show(&child, text));
        text.push_str(if is_inline { "" } else { "\n" });
    }
    let mut text = String::new();
    Html::parse(html).children().for_each(|node| show(&node, &mut text));
    text
}

fn linked_user(link: &str) -> Option<String> {
    static LINK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:https?://matrix\.to/#/(?:@|%40)|matrix:u/)([^?/]*)").expect("the expression is constant")
    });
    let link = LINK.captures(link)?;
    // As a form writes it, but for what parts it there.
    let coded = format!("user={}", link[1].replace('+', "%2B").replace('&', "%26"));
    let user = form_urlencoded::parse(coded.as_bytes()).next().map(|(_, user)| format!("@{user}"))?;
    // A link to what no MXID can be names nobody.
    let is_one = UserId::parse(&*user).is_ok_and(|user| user.validate_strict().is_ok());
    Some(if is_one { user } else { "@".to_owned() })
}

/// Whether these words, typed, are this command with these arguments.
fn is_literally(words: &[String], request: &StaffRequest, mention: Option<&str>) -> bool {
    let bare = |word: &String| word.trim_matches(['"', '\'', '`']).to_lowercase();
    let words: Vec<String> = words.iter().map(bare).filter(|word| !word.is_empty()).collect();
    let [prefix, name, arguments @ ..] = &words[..] else { return false };
    let given = &request.given;
    let who = given.who.as_ref().map(|who| match who {
        Who::Mxid(mxid) if Some(&**mxid) == mention => true,
        Who::Mxid(mxid) => {
            let localpart = mxid[1..].split(':').next().unwrap_or_default();
            arguments.iter().any(|word| word.contains(localpart) || word.contains('%'))
        }
        Who::Email(address) => arguments.iter().any(|word| word.contains(&address.to_lowercase())),
    });
    let room =
        given.room.as_ref().map(|room| arguments.last().is_some_and(|word| word.trim_start_matches('#') == room));
    let held = given.held_id.as_ref().map(|id| arguments == std::slice::from_ref(id));
    let none = who.is_none() && room.is_none() && held.is_none();
    prefix == PREFIX
        && name == request.command.name
        && [who, room, held].into_iter().flatten().all(|is| is)
        && (!none || arguments.is_empty() || request.command.effect == Effect::Reads)
}

#[test]
fn nothing_is_a_command_or_a_word_on_what_is_held_but_what_literally_is() {
    let rooms = ["red-room", "staff", "analysts"].map(str::to_owned);
    walk("tests/doors/corpus/messages", |hostile| {
        let text = hostile.text();
        let Some(heard) = parse_incoming("$it", &text, PREFIX, BOT) else { return Ok(false) };
        // What cannot be held as a value was skipped unread; there is nothing to compare with then.
        let Ok(event) = serde_json::from_str::<Value>(&text) else { return Ok(false) };
        let content = &event["content"];
        prop_assert_eq!(event["sender"].as_str(), Some(&*heard.sender));
        prop_assert!(heard.sender != BOT && event["state_key"].is_null());
        let relation = content["m.relates_to"]["rel_type"].as_str();
        let spoken = match heard.what {
            IncomingKind::Reaction { to, decision } => {
                let key = content["m.relates_to"]["key"].as_str().unwrap_or_default().replace('\u{fe0f}', "");
                let tapped = if decision == Decision::Approve { "✅" } else { "❌" };
                prop_assert_eq!((event["type"].as_str(), relation), (Some("m.reaction"), Some("m.annotation")));
                prop_assert_eq!((&*key, content["m.relates_to"]["event_id"].as_str()), (tapped, Some(&*to)));
                return Ok(true);
            }
            IncomingKind::Command { spoken, .. } => spoken,
        };
        prop_assert_eq!(
            (event["type"].as_str(), content["msgtype"].as_str()),
            (Some("m.room.message"), Some("m.text"))
        );
        prop_assert!(relation != Some("m.replace") && content.get("m.new_content").is_none(), "an edit");
        let (body, html) = (content["body"].as_str(), content["formatted_body"].as_str());
        let html = html.filter(|_| content["format"] == "org.matrix.custom.html");
        let said = words(&spoken.text);
        let of_body = body.is_some_and(|body| words(&own_words(body)) == said);
        let seen = html.map(visible);
        let of_html = seen.as_ref().is_some_and(|seen| words(seen) == said);
        prop_assert!(of_body || of_html, "{:?} is neither the body nor what is seen: {:?}", spoken.text, seen);
        if let Some(mention) = &spoken.mention {
            let mentioned: Vec<_> = content["m.mentions"]["user_ids"].as_array().into_iter().flatten().collect();
            prop_assert!(mentioned.len() == 1 && mentioned[0] == mention.as_str());
        }
        let grammar = Grammar { prefix: PREFIX, server_name: "hs", rooms: &rooms };
        match parse(&spoken, grammar) {
            Some(Ok(request)) => {
                let is_it = is_literally(&said, &request, spoken.mention.as_deref());
                prop_assert!(is_it, "{:?} is no {:?}", spoken.text, request);
                Ok(request.command.effect != Effect::Reads)
            }
            Some(Err(_)) => Ok(false),
            None => Err(TestCaseError::fail("it was heard as a command, and is none")),
        }
    });
}
