//! The registration: made by hand or by another tool, and read by Synapse too. Where both read it, they must read the same.

use std::path::Path;

use phenom_provisioner::config::{Namespace, Registration};
use proptest::prelude::*;
use ruma::server_name;
use serde::Deserialize;
use serde_yaml_ng::Value;

use super::hostile::{Hostile, Verdict};

/// The registration by a parser that converts nothing and forgives nothing.
#[derive(Debug, Deserialize)]
struct Strict {
    id: String,
    url: String,
    as_token: String,
    hs_token: String,
    sender_localpart: String,
    #[serde(default)]
    rate_limited: Option<bool>,
    namespaces: StrictNamespaces,
}

#[derive(Debug, Deserialize)]
struct StrictNamespaces {
    #[serde(default)]
    users: Option<Vec<StrictNamespace>>,
    #[serde(default)]
    rooms: Option<Vec<StrictNamespace>>,
    #[serde(default)]
    aliases: Option<Vec<StrictNamespace>>,
}

#[derive(Debug, Deserialize)]
struct StrictNamespace {
    exclusive: bool,
    regex: String,
}

fn is_same(ours: &[Namespace], strict: Option<Vec<StrictNamespace>>) -> bool {
    let strict = strict.unwrap_or_default();
    ours.len() == strict.len()
        && ours
            .iter()
            .zip(strict)
            .all(|(ours, strict)| (&*ours.regex, ours.exclusive) == (&*strict.regex, strict.exclusive))
}

fn merges(value: &Value) -> bool {
    match value {
        Value::Mapping(fields) => fields.iter().any(|(key, value)| key == "<<" || merges(value)),
        Value::Sequence(items) => items.iter().any(merges),
        _ => false,
    }
}

/// Whether a token was put where none belongs: as an address, say, and an address is shown.
fn stands_elsewhere(text: &str, token: &str) -> bool {
    fn has(value: &Value, token: &str) -> bool {
        match value {
            Value::String(text) => text.contains(token),
            Value::Mapping(fields) => fields.iter().any(|(key, value)| has(key, token) || has(value, token)),
            Value::Sequence(items) => items.iter().any(|item| has(item, token)),
            Value::Tagged(tagged) => has(&tagged.value, token),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    let Ok(Value::Mapping(mut fields)) = serde_yaml_ng::from_str::<Value>(text) else { return false };
    for key in ["as_token", "hs_token"] {
        fields.remove(key);
    }
    has(&Value::Mapping(fields), token)
}

pub(crate) fn door() -> impl Fn(&Hostile<'_>) -> Verdict {
    const TOKENS: [&str; 2] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
    move |hostile| {
        let text = hostile.text();
        let read = Registration::parse(&text, Path::new("registration.yaml"), server_name!("example.org"));
        let registration = match read {
            Ok(registration) => registration,
            Err(errors) => {
                let shown = format!("{errors} {errors:?}");
                let leaks = |token: &str| shown.contains(token) && !stands_elsewhere(&text, token);
                prop_assert!(!TOKENS.into_iter().any(leaks), "{shown}");
                return Ok(false);
            }
        };
        let strict = match serde_yaml_ng::from_str::<Strict>(&text) {
            Ok(strict) => strict,
            Err(error) => return Err(TestCaseError::fail(format!("a strict parser refuses it: {error}"))),
        };
        prop_assert_eq!(&registration.id, &strict.id);
        prop_assert_eq!(&registration.url, &strict.url);
        prop_assert_eq!(registration.as_token.expose(), &strict.as_token);
        prop_assert_eq!(registration.hs_token.expose(), &strict.hs_token);
        prop_assert_eq!(&registration.sender_localpart, &strict.sender_localpart);
        prop_assert_eq!(registration.rate_limited, strict.rate_limited.unwrap_or(true));
        let (ours, strict) = (&registration.namespaces, strict.namespaces);
        prop_assert!(
            is_same(&ours.users, strict.users)
                && is_same(&ours.rooms, strict.rooms)
                && is_same(&ours.aliases, strict.aliases)
        );
        // Synapse's parser puts in what `<<` names; none of it may be overlooked here.
        let value = serde_yaml_ng::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(!merges(&value), "it has more in it than what was read");
        Ok(true)
    }
}

#[test]
fn a_registration_means_what_a_strict_parser_reads_or_is_refused_without_its_tokens() {
    super::walk("registration");
}
