//! Server names and user ids, as the Matrix specification's appendices define them.

use ruma::{ServerName, UserId};

use super::{super::problem::ValueFault, GrammarContext};

/// <https://spec.matrix.org/v1.15/appendices/#server-name>. Upper case is refused: ids are compared as they stand.
pub(in crate::config) fn server_name(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    let fault = |text: &str, mend: String| Err(ValueFault::new(text, mend));
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
        return fault(
            "is a URL, not a server name",
            format!("write the part of user ids after the colon, perhaps \"{host}\"; the URL goes into homeserver.url"),
        );
    }
    if let Some((_, rest)) = text.split_once(':')
        && text.starts_with(['@', '!', '#'])
    {
        return fault("is an id, not a server name", format!("write \"{rest}\""));
    }
    if ServerName::parse(text).is_err() {
        let mend = "write the part of user ids after the colon, for example \"thephenom.app\"";
        return match text.rsplit_once(':') {
            Some((host, _)) if ServerName::parse(host).is_ok() => {
                fault("ends in a port that is none", format!("write \"{host}\""))
            }
            _ => fault("is not a server name", mend.to_owned()),
        };
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return fault("has capital letters", format!("write \"{}\", as Synapse has it", text.to_ascii_lowercase()));
    }
    Ok(())
}

/// A full MXID.
pub(super) fn user_id(text: &str, context: &GrammarContext) -> Result<(), ValueFault> {
    let (localpart, server) = match text.strip_prefix('@').unwrap_or(text).split_once(':') {
        Some((localpart, server)) => (localpart, server),
        None => (text.trim_start_matches('@'), context.server_name()),
    };
    let full = format!("@{localpart}:{server}");
    if text != full {
        return Err(ValueFault::new("is not a full user id", format!("write \"{full}\"")));
    }
    if UserId::parse(text).is_err() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(ValueFault::new("is not a user id", "write it like \"@someone:example.org\""));
    }
    Ok(())
}

/// Whether a localpart could be somebody's Cognito `sub`, which is a UUID. A JWT with that `sub` would log in as it.
pub(in crate::config) fn looks_like_subject(localpart: &str) -> bool {
    let groups: Vec<usize> = localpart.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && localpart.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}
