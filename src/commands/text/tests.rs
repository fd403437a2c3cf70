//! The door of the Staff room: whatever its people, or people of other servers, send there. Beside the module, since nothing of it
//! is public; the corpus and the damage are those of `tests/doors/`.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;
use ruma::UserId;
use ruma_html::{Html, NodeRef};
use serde_json::Value;
use url::form_urlencoded;

use crate::commands::run::{Effect, StaffCommand, command};
use crate::commands::text::incoming::{Decision, IncomingKind, parse_incoming};
use crate::commands::text::parse::{Argument, GivenArguments, Grammar, StaffRequest, parse};
use crate::commands::text::who::Who;
use crate::hostile::walk;
use crate::sanitize;

const PREFIX: &str = "!provisioner";
const BOT: &str = "@bot:hs";
const SERVER: &str = "hs";

/// The words of a text, without what is invisible, as one writes quotes and dashes by hand.
fn typed(text: &str) -> Vec<String> {
    let plain = |c: char| match c {
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' => '"',
        '‘' | '’' | '‚' | '‛' | '′' | '´' => '\'',
        '‐' | '‑' | '‒' | '–' | '—' | '−' => '-',
        _ => c,
    };
    let text: String = text.chars().map(plain).filter(|c| !sanitize::is_invisible(*c)).collect();
    text.split_whitespace().map(str::to_owned).collect()
}

/// What a person sees of a text: its words, without what an HTML parser drops or replaces.
fn words(text: &str) -> Vec<String> {
    typed(&text.replace(['\0', '\u{fffd}'], ""))
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
    Some(if is_mxid(&user) { user } else { "@".to_owned() })
}

fn is_mxid(text: &str) -> bool {
    UserId::parse(text).is_ok_and(|user| user.validate_strict().is_ok())
}

/// Whether this is a name as a client writes it where a mention stands, and neither an id nor a link.
fn is_name(word: &str) -> bool {
    !word.contains('@') && linked_user(word.trim_matches(['<', '>'])).is_none()
}

/// The user that a word names, by `docs/staff-room.md`: a link to one, an MXID with or without its server, an e-mail address,
/// or a subject alone. Nothing where no MXID can be so.
fn named_by(word: &str) -> Option<Who> {
    let word = word.trim_matches(['<', '>']);
    let linked = linked_user(word);
    let word = word.strip_prefix("mailto:").unwrap_or(word);
    let mxid = match (linked, word.strip_prefix('@')) {
        (Some(linked), _) => linked,
        (None, Some(whole)) if whole.contains(':') => word.to_owned(),
        (None, Some(localpart)) => format!("@{localpart}:{SERVER}"),
        (None, None) if word.contains('@') => return Some(Who::Email(word.to_owned())),
        (None, None) => format!("@{}:{SERVER}", word.to_ascii_lowercase()),
    };
    is_mxid(&mxid).then_some(Who::Mxid(mxid))
}

/// What these words give a command, by the arguments that the table of commands says it takes; nothing where they do not fit.
fn literally(asked: &StaffCommand, words: &[&str], mention: Option<&str>) -> Option<GivenArguments> {
    let mut given = GivenArguments::default();
    // A name that a client wrote for a mention may be of several words.
    let mention = mention.filter(|_| words.first().is_some_and(|first| is_name(first)));
    let is_one = |rest: &[&str]| rest.is_empty() || mention.is_some();
    let room = |word: &str| word.trim_start_matches('#').to_lowercase();
    match (asked.arguments, words) {
        ([], []) => {}
        ([argument], []) if argument.is_optional() => {}
        ([Argument::User | Argument::OptionalUser], [user, rest @ ..]) if is_one(rest) => {
            given.who = Some(named_by(mention.unwrap_or(user))?);
        }
        ([Argument::User, Argument::Room], [user, rest @ .., key]) if is_one(rest) => {
            given.who = Some(named_by(mention.unwrap_or(user))?);
            given.room = Some(room(key));
        }
        ([Argument::Room], [key]) => given.room = Some(room(key)),
        ([Argument::HeldId], [id]) => given.held_id = Some(id.to_lowercase()),
        ([Argument::OptionalAll], [all]) if all.eq_ignore_ascii_case("all") => given.all = true,
        ([Argument::OptionalCommand], [name]) => given.about = Some(command(&name.to_lowercase())?),
        _ => return None,
    }
    Some(given)
}

/// Whether these words, typed, are this command with these arguments. The prefix alone asks for help.
fn is_literally(words: &[String], request: &StaffRequest, mention: Option<&str>) -> bool {
    let Some((prefix, words)) = words.split_first() else { return false };
    let words = words.iter().map(|word| word.trim_matches(['"', '\'', '`'])).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let (name, arguments) = words.split_first().map_or(("help", &[][..]), |(name, rest)| (*name, rest));
    prefix.to_lowercase() == PREFIX
        && name.to_lowercase() == request.command.name
        && literally(request.command, arguments, mention).as_ref() == Some(&request.given)
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
        let grammar = Grammar { prefix: PREFIX, server_name: SERVER, rooms: &rooms };
        match parse(&spoken, grammar) {
            Some(Ok(request)) => {
                let is_it = is_literally(&typed(&spoken.text), &request, spoken.mention.as_deref());
                prop_assert!(is_it, "{:?} is no {:?}", spoken.text, request);
                Ok(request.command.effect != Effect::Reads)
            }
            Some(Err(_)) => Ok(false),
            None => Err(TestCaseError::fail("it was heard as a command, and is none")),
        }
    });
}
