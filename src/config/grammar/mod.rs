//! The grammars of single values. Each has a schema for editors, a check that explains itself, and an example.
//!
//! A grammar sees one value at a time; what two values must have to do with each other is [`super::relations`].

mod address;
pub(super) mod duration;
mod host;
mod matrix;
mod name;
mod queue_url;
mod room;
pub(super) mod selector;
mod topic_arn;

use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::{problem::ValueFault, schema};

/// What a grammar may know of the rest of the file, to give a better mend.
#[derive(Clone, Debug, Default)]
pub(super) struct GrammarContext {
    /// The server name, if it is one.
    pub(super) server_name: Option<String>,
}

impl GrammarContext {
    pub(super) fn of(document: &Value) -> Self {
        let name = document.pointer("/homeserver/server_name").and_then(Value::as_str);
        let valid = name.filter(|name| matrix::server_name(name, &Self::default()).is_ok());
        Self { server_name: valid.map(str::to_owned) }
    }

    /// The server name, or a stand-in that reads as one.
    fn server_name(&self) -> &str {
        self.server_name.as_deref().unwrap_or("<server name>")
    }
}

/// Declares the grammars of strings: for each a function that makes its schema, and one table to check by name.
macro_rules! grammars {
    ($($name:ident: $check:path, $example:literal $(, $options:expr)?;)*) => {
        $(pub(super) fn $name(_: &mut SchemaGenerator) -> Schema {
            let schema = json!({ "type": "string", (schema::GRAMMAR): stringify!($name), "examples": [$example] });
            $(let schema = { let mut schema = schema; schema["enum"] = json!($options); schema };)?
            schema::literal(schema)
        })*

        fn check_string(name: &str, text: &str, context: &GrammarContext) -> Result<(), ValueFault> {
            match name {
                $(stringify!($name) => $check(text, context),)*
                _ => Ok(()),
            }
        }
    };
}

grammars! {
    text: name::text, "text";
    environment: name::text, "production";
    key: name::key, "red-room";
    prefix: name::prefix, "!provisioner";
    identifier: name::identifier, "team_members_changed";
    region: name::region, "us-east-1";
    user_pool_id: name::user_pool_id, "us-east-1_knEL7cqS3";
    server_name: matrix::server_name, "example.org";
    user_id: matrix::user_id, "@someone:example.org";
    room_id: room::room_id, "!jFXGFANpXTXXgNkdNi:example.org";
    join_rule: room::join_rule, "invite", room::JOIN_RULES;
    history_visibility: room::history_visibility, "shared", room::HISTORY_VISIBILITIES;
    guest_access: room::guest_access, "forbidden", room::GUEST_ACCESSES;
    homeserver_url: address::homeserver_url, "http://localhost:8008";
    public_url: address::public_url, "https://chat.example.org";
    http_url: address::http_url, "https://example.org/path";
    queue_url: queue_url::queue_url, "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations";
    topic_arn: topic_arn::topic_arn, "arn:aws:sns:us-east-1:123456789012:chat-events";
    listen: address::listen, "127.0.0.1:8090";
    host: host::host, "media.example.org";
}

/// The schema of a Postgres URL that is a secret.
pub(super) fn postgres_url(_: &mut SchemaGenerator) -> Schema {
    schema::literal(json!({ "type": "string", "writeOnly": true, (schema::GRAMMAR): "postgres_url",
        "examples": ["postgres://localhost/database"] }))
}

/// The schema of a secret that both sides share.
pub(super) fn shared_secret(_: &mut SchemaGenerator) -> Schema {
    schema::literal(json!({ "type": "string", "writeOnly": true, (schema::GRAMMAR): "shared_secret",
        "examples": ["<64 hexadecimal digits>"] }))
}

/// Checks a value against the grammar its schema names.
pub(super) fn check(name: &str, value: &Value, schema: &Value, context: &GrammarContext) -> Result<(), ValueFault> {
    match (name, value) {
        ("selector", _) => selector::check(value),
        ("duration", _) => duration::check(value, schema),
        ("postgres_url", Value::String(text)) => address::postgres_url(text),
        ("shared_secret", Value::String(text)) => name::shared_secret(text),
        (_, Value::String(text)) => check_string(name, text, context),
        (_, Value::Number(_) | Value::Bool(_)) => Err(ValueFault::new("is not a string", "put it in quotes")),
        _ => Err(ValueFault::new("is not a string", "write one value in quotes")),
    }
}

pub(crate) use self::address::unencrypted_host;
pub(super) use self::matrix::looks_like_subject;

/// Checks a URL that stands in another file than the configuration.
pub(super) fn check_http_url(text: &str) -> Result<(), ValueFault> {
    address::http_url(text, &GrammarContext::default())
}
