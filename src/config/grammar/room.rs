//! Room ids, and the values of room settings.

use ruma::{OwnedRoomId, ServerName};

use super::{
    super::{
        choices::{choice, listed},
        problem::ValueFault,
    },
    GrammarContext,
};

/// Length of a room id without server part: room version 12 uses the base64url of the create event's SHA-256.
/// <https://spec.matrix.org/v1.16/rooms/v12/#room-ids>
const HASH_LENGTH: usize = 43;

pub(super) const JOIN_RULES: [&str; 3] = ["invite", "knock", "public"];
pub(super) const HISTORY_VISIBILITIES: [&str; 4] = ["invited", "joined", "shared", "world_readable"];
pub(super) const GUEST_ACCESSES: [&str; 2] = ["can_join", "forbidden"];

/// A full room id. The room id is the only identifier of a room: an alias is refused, never resolved.
pub(super) fn room_id(text: &str, context: &GrammarContext) -> Result<(), ValueFault> {
    let server = context.server_name();
    let fault = |text: &str, mend: String| Err(ValueFault::new(text, mend));
    if text.starts_with('#') {
        return fault(
            "is an alias; aliases move, so a room is only ever found by its id",
            format!("write the room id, \"!…:{server}\" (in Element: room settings, Advanced, Internal room ID)"),
        );
    }
    let Some(rest) = text.strip_prefix('!') else {
        let mend = if text.is_empty() || text.starts_with('@') || text.contains(char::is_whitespace) {
            format!("write it like \"!jFXGFANpXTXXgNkdNi:{server}\"")
        } else if text.contains(':') {
            format!("write \"!{text}\"")
        } else {
            format!("write \"!{text}:{server}\"")
        };
        return fault("is not a room id: those start with !", mend);
    };
    let (opaque, given_server) = match rest.split_once(':') {
        Some((opaque, server)) => (opaque, Some(server)),
        None => (rest, None),
    };
    if opaque.is_empty()
        || text.chars().any(|c| c.is_whitespace() || c.is_control())
        || OwnedRoomId::try_from(text).is_err()
    {
        return fault("is not a room id", format!("write it like \"!jFXGFANpXTXXgNkdNi:{server}\""));
    }
    match given_server {
        None if is_hash(opaque) => Ok(()),
        None => fault("lacks its server part", format!("write the full id, \"!{opaque}:{server}\"")),
        Some(given) if ServerName::parse(given).is_ok() => Ok(()),
        Some(_) => fault("ends in something that is not a server name", format!("write \"!{opaque}:{server}\"")),
    }
}

fn is_hash(opaque: &str) -> bool {
    opaque.len() == HASH_LENGTH
        && opaque.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// <https://spec.matrix.org/v1.15/client-server-api/#mroomjoin_rules>
pub(super) fn join_rule(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    match text {
        "private" => Err(ValueFault::new(
            "is a rule under which Synapse cannot join anybody: its admin join fails and leaves an invitation behind",
            "write \"invite\"",
        )),
        "restricted" | "knock_restricted" => Err(ValueFault::new(
            "needs a list of other rooms, which this file cannot give",
            "write \"invite\", or leave join_rule out and set it by hand",
        )),
        _ => one_of(text, &JOIN_RULES),
    }
}

/// <https://spec.matrix.org/v1.15/client-server-api/#mroomhistory_visibility>
pub(super) fn history_visibility(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    one_of(text, &HISTORY_VISIBILITIES)
}

/// <https://spec.matrix.org/v1.15/client-server-api/#mroomguest_access>
pub(super) fn guest_access(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    one_of(text, &GUEST_ACCESSES)
}

fn one_of(text: &str, allowed: &[&str]) -> Result<(), ValueFault> {
    if allowed.contains(&text) {
        return Ok(());
    }
    let quoted: Vec<String> = allowed.iter().map(|name| format!("\"{name}\"")).collect();
    Err(ValueFault::new(format!("is not one of {}", listed(&quoted, "and")), choice(text, allowed.iter().copied())))
}
