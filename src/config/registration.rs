//! `registration.yaml`: the application service registration, the same that Synapse loads, as a file or as a text.
//!
//! Keys that this service does not know are Synapse's business and are left alone.

use std::path::Path;

use ruma::{OwnedUserId, ServerName, UserId};
use serde_yaml_ng::{Mapping, Value};

use super::{
    AppserviceSection, ConfigErrors, Problem, Secret,
    grammar::{check_http_url, looks_like_subject},
    namespaces,
    problem::ValueOrigin,
    shown::{one_word, without_passwords},
};

/// What a mend says where the file is better made than written.
const MAKE_ONE: &str = "run phenom-provisioner registration, put its output here, and give the same to Synapse";

/// Tokens shorter than this could be guessed. Those made by `registration` have 64 characters.
const TOKEN_LENGTH: usize = 16;

/// By YAML 1.1, which is what Synapse reads, this key merges another mapping into the one that it stands in.
const MERGE: &str = "<<";

/// A valid registration. `Debug` does not show the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub id: String,
    /// Where Synapse pushes to.
    pub url: String,
    /// Authenticates this service to Synapse.
    pub as_token: Secret,
    /// Authenticates Synapse to this service.
    pub hs_token: Secret,
    pub sender_localpart: String,
    pub namespaces: Namespaces,
    pub rate_limited: bool,
}

/// Which events Synapse pushes and which users belong to the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    pub users: Vec<Namespace>,
    pub rooms: Vec<Namespace>,
    pub aliases: Vec<Namespace>,
}

/// One namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    pub regex: String,
    pub exclusive: bool,
}

impl Registration {
    /// Reads and checks the registration that the configuration names or holds.
    pub fn of(appservice: &AppserviceSection, server_name: &ServerName) -> Result<Self, ConfigErrors> {
        let name = appservice.registration_name();
        match &appservice.registration_text {
            Some(text) => Self::parse(text.expose(), name, server_name),
            None => Self::load(name, server_name),
        }
    }

    /// Reads and checks the registration at `path` for a homeserver of the given name.
    pub fn load(path: &Path, server_name: &ServerName) -> Result<Self, ConfigErrors> {
        let read = std::fs::read_to_string(path).map_err(|error| {
            vec![Problem::new(ValueOrigin::Absent, format!("the file cannot be read: {error}"), MAKE_ONE)]
        });
        read.and_then(|text| Self::read(&text, server_name)).map_err(|problems| ConfigErrors::new(path, problems))
    }

    /// The MXID of the sender.
    pub fn bot(&self, server_name: &ServerName) -> Option<OwnedUserId> {
        UserId::parse(format!("@{}:{server_name}", self.sender_localpart)).ok()
    }

    /// What is allowed but unwise, each a sentence.
    pub fn warnings(&self) -> Vec<String> {
        let limited = "rate_limited is not false: Synapse will answer 429 after ten invitations; \
                       write rate_limited: false and restart Synapse";
        self.rate_limited.then(|| limited.to_owned()).into_iter().collect()
    }

    /// Checks the text of a registration; `path` is only its name in messages.
    pub fn parse(text: &str, path: &Path, server_name: &ServerName) -> Result<Self, ConfigErrors> {
        Self::read(text, server_name).map_err(|problems| ConfigErrors::new(path, problems))
    }

    fn read(text: &str, server_name: &ServerName) -> Result<Self, Vec<Problem>> {
        let mapping = match serde_yaml_ng::from_str::<Value>(text) {
            Ok(Value::Mapping(mapping)) => mapping,
            Ok(_) => return Err(vec![Problem::new(ValueOrigin::Absent, "this is not a registration", MAKE_ONE)]),
            Err(error) => {
                // Of a key that stands twice the parser shows the key, which may be no key.
                let text = error.to_string();
                let text = if text.contains("duplicate entry") { "a key stands twice" } else { &text };
                let origin = error.location().map_or(ValueOrigin::Absent, |place| ValueOrigin::File {
                    offset: place.index(),
                    line: place.line(),
                });
                return Err(vec![Problem::new(
                    origin,
                    format!("this is not YAML: {text}"),
                    format!("correct the line, or {MAKE_ONE}"),
                )]);
            }
        };
        if has_key(&mapping, &|key| matches!(key, Value::Mapping(_) | Value::Sequence(_))) {
            return Err(vec![Problem::new(
                ValueOrigin::Absent,
                "a list or a mapping stands where a key belongs (\"? \"), which Synapse refuses",
                "write each key as a word",
            )]);
        }
        if has_key(&mapping, &|key| key == MERGE) {
            return Err(vec![Problem::new(
                line_of(text, MERGE),
                "<< puts keys in that Synapse reads and this service does not",
                "write the keys out, each where it belongs",
            )]);
        }
        let mut reader = RegistrationReader { text, mapping: &mapping, problems: Vec::new() };
        let registration = reader.registration(server_name);
        if reader.problems.is_empty() { Ok(registration) } else { Err(reader.problems) }
    }
}

/// Whether there is such a key, at any depth.
fn has_key(fields: &Mapping, such: &impl Fn(&Value) -> bool) -> bool {
    fields.iter().any(|(key, value)| such(key) || is_within(value, such))
}

fn is_within(value: &Value, such: &impl Fn(&Value) -> bool) -> bool {
    match value {
        Value::Mapping(fields) => has_key(fields, such),
        Value::Sequence(items) => items.iter().any(|item| is_within(item, such)),
        _ => false,
    }
}

struct RegistrationReader<'a> {
    text: &'a str,
    mapping: &'a Mapping,
    problems: Vec<Problem>,
}

impl RegistrationReader<'_> {
    fn registration(&mut self, server_name: &ServerName) -> Registration {
        let id = self.string("id", "any name, for example phenom-provisioner");
        let url = self.url();
        let before = self.problems.len();
        let (as_token, hs_token) = (self.token("as_token"), self.token("hs_token"));
        if self.problems.len() == before && as_token == hs_token {
            self.refuse("hs_token", "as_token and hs_token are the same", MAKE_ONE);
        }
        let sender_localpart = self.sender(server_name);
        let namespaces = namespaces::read(self.mapping.get("namespaces"), server_name, &mut |place, text, mend| {
            self.problems.push(Problem::new(line_of(self.text, place), text, mend));
        });
        let rate_limited = match self.mapping.get("rate_limited") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(limited)) => *limited,
            Some(_) => {
                self.refuse("rate_limited", "rate_limited is neither true nor false", "write rate_limited: false");
                true
            }
        };
        Registration { id, url, as_token, hs_token, sender_localpart, namespaces, rate_limited }
    }

    fn refuse(&mut self, key: &str, text: impl Into<String>, mend: impl Into<String>) {
        self.problems.push(Problem::new(line_of(self.text, key), text, mend));
    }

    /// A required string; empty after a problem.
    fn string(&mut self, key: &str, example: &str) -> String {
        match self.mapping.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => return text.clone(),
            None => self.refuse(key, format!("{key} is missing"), format!("add {key}: {example}")),
            Some(_) => self.refuse(key, format!("{key} is not a string"), format!("write {key}: {example}")),
        }
        String::new()
    }

    fn url(&mut self) -> String {
        const MEND: &str =
            "write the address where Synapse reaches appservice.listen, for example http://127.0.0.1:8090";
        if self.mapping.get("url").is_some_and(Value::is_null) {
            self.refuse("url", "url is null, so Synapse would push nothing", MEND);
            return String::new();
        }
        let url = self.string("url", "http://127.0.0.1:8090");
        if url.contains(char::is_whitespace) {
            self.refuse("url", "url: (not shown) has white space in it", MEND);
        } else if !url.is_empty()
            && let Err(fault) = check_http_url(&url)
        {
            self.refuse("url", format!("url: {} {}", without_passwords(&url), fault.text), fault.mend);
        }
        url
    }

    fn token(&mut self, key: &str) -> Secret {
        if self.mapping.get(key).is_none() {
            self.refuse(key, format!("{key} is missing"), MAKE_ONE);
            return Secret::default();
        }
        let token = self.string(key, "followed by 64 random hexadecimal digits");
        if token.is_empty() {
            return Secret::default();
        }
        let mut distinct: Vec<char> = token.chars().collect();
        distinct.sort_unstable();
        distinct.dedup();
        if token.chars().any(|c| !c.is_ascii_graphic()) {
            self.refuse(key, format!("{key} is a placeholder, not a token"), MAKE_ONE);
        } else if token.len() < TOKEN_LENGTH || distinct.len() < TOKEN_LENGTH / 2 {
            self.refuse(key, format!("{key} (not shown) is too easy to guess"), MAKE_ONE);
        }
        Secret::new(token)
    }

    fn sender(&mut self, server_name: &ServerName) -> String {
        let key = "sender_localpart";
        let sender = self.string(key, "phenom-provisioner-bot");
        let full = format!("@{sender}:{server_name}");
        if sender.is_empty() {
        } else if sender.starts_with('@') || sender.contains(':') {
            let localpart = sender.trim_start_matches('@').split(':').next().unwrap_or_default();
            self.refuse(
                key,
                format!("{key}: {} is a user id, not its local part", one_word(&sender)),
                format!("write {key}: {}", one_word(localpart)),
            );
        } else if looks_like_subject(&sender) {
            self.refuse(
                key,
                format!(
                    "{key}: {sender} could be somebody's Cognito sub, and a token with that sub would log in as the bot"
                ),
                "write a name, for example phenom-provisioner-bot",
            );
        } else if UserId::parse(full).is_err() || !sender.bytes().all(in_localpart) {
            self.refuse(
                key,
                format!("{key}: {} is not the local part of a user id", one_word(&sender)),
                "use a-z, 0-9, and . _ = - / +",
            );
        }
        sender
    }
}

/// <https://spec.matrix.org/v1.15/appendices/#user-identifiers>; ruma also takes what old servers allowed.
fn in_localpart(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._=-/+".contains(&byte)
}

/// The first line with a key, or with a value. The parser does not keep places, and the lines of a registration are
/// distinct enough; without a match the place is the whole file.
fn line_of(text: &str, place: &str) -> ValueOrigin {
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let content = line.split(" #").next().unwrap_or_default().trim_matches(|c: char| c.is_whitespace() || c == '-');
        let (key, value) = content.split_once(':').unwrap_or((content, ""));
        if [key, value.trim()].iter().any(|part| part.trim_matches(['"', '\'']) == place) {
            return ValueOrigin::File { offset, line: index + 1 };
        }
        offset += line.len();
    }
    ValueOrigin::Absent
}
