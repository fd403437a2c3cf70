//! The namespaces of a registration. A namespace that matches strangers is refused: Synapse would push their private
//! messages to this service and let its token act as them.

use regex::Regex;
use ruma::ServerName;
use serde_yaml_ng::Value;

use super::{Namespace, Namespaces, shown::one_word};

/// Takes a problem: the key or value it is about, what is wrong, and the mend.
pub(super) type RefuseNamespace<'a> = dyn FnMut(&str, String, String) + 'a;

/// Reads `namespaces` and reports what is wrong with them.
pub(super) fn read(value: Option<&Value>, server_name: &ServerName, refuse: &mut RefuseNamespace<'_>) -> Namespaces {
    let Some(value @ Value::Mapping(_)) = value else {
        refuse(
            "namespaces",
            "namespaces is missing or not a mapping".to_owned(),
            "add namespaces with users, rooms and aliases, as phenom-provisioner registration prints them".to_owned(),
        );
        return Namespaces::default();
    };
    let mut list = |kind: &str| {
        let namespaces = parse_list(kind, value.get(kind), refuse);
        for (index, namespace) in namespaces.iter().enumerate() {
            let name = format!("namespaces.{kind}[#{}].regex: {}", index + 1, one_word(&namespace.regex));
            check(&name, kind, namespace, server_name, refuse);
        }
        namespaces
    };
    Namespaces { users: list("users"), rooms: list("rooms"), aliases: list("aliases") }
}

fn parse_list(kind: &str, value: Option<&Value>, refuse: &mut RefuseNamespace<'_>) -> Vec<Namespace> {
    let entries = match value {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Sequence(entries)) => entries.as_slice(),
        Some(_) => {
            refuse(kind, format!("namespaces.{kind} is not a list"), format!("write {kind}: []"));
            return Vec::new();
        }
    };
    let mut namespaces = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let regex = entry.get("regex").and_then(Value::as_str);
        let exclusive = entry.get("exclusive").and_then(Value::as_bool);
        match (regex, exclusive) {
            (Some(regex), Some(exclusive)) => namespaces.push(Namespace { regex: regex.to_owned(), exclusive }),
            _ => refuse(
                regex.unwrap_or(kind),
                format!(
                    "namespaces.{kind}[#{}] lacks a regex that is a string or an exclusive that is true or false",
                    index + 1
                ),
                "write - exclusive: true and below it regex: '…'".to_owned(),
            ),
        }
    }
    namespaces
}

fn check(name: &str, kind: &str, namespace: &Namespace, server: &ServerName, refuse: &mut RefuseNamespace<'_>) {
    // Synapse matches from the start, as Python's `re.match` does.
    let Ok(regex) = Regex::new(&format!("^(?:{})", namespace.regex)) else {
        refuse(
            &namespace.regex,
            format!("{name} is not a regular expression that can be checked"),
            "write the bot's own name, with \\. for each dot".to_owned(),
        );
        return;
    };
    let (sigil, danger) = match kind {
        "users" => ('@', "Synapse would push everybody's private messages, and the token could act as any of them"),
        "rooms" => ('!', "Synapse would push every message of those rooms, private ones too"),
        _ => ('#', "Synapse would push every message of rooms with such an alias"),
    };
    // Two subjects, a name, and a name of another server: no namespace of this service's own matches any of them.
    let strangers = [
        format!("{sigil}1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed:{server}"),
        format!("{sigil}f47ac10b-58cc-4372-a567-0e02b2c3d479:{server}"),
        format!("{sigil}kMzXoPqWvYtNsRbLgH:{server}"),
        format!("{sigil}alice:{server}"),
        format!("{sigil}alice:elsewhere.example"),
    ];
    if strangers.iter().any(|stranger| regex.is_match(stranger)) {
        let mend = match kind {
            "users" => "write only the bot's own name, as phenom-provisioner registration prints it".to_owned(),
            _ => format!("write {kind}: []; managed rooms are pushed because the bot is in them"),
        };
        refuse(&namespace.regex, format!("{name} matches strangers: {danger}"), mend);
    }
}
