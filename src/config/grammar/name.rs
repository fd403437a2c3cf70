//! Names that are neither Matrix identifiers nor addresses.

use super::{super::problem::ValueFault, GrammarContext};

/// Any text that is not blank.
pub(super) fn text(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    if text.trim().is_empty() {
        return Err(ValueFault::new("is empty", "give it a value, or leave the key out if it is optional"));
    }
    Ok(())
}

/// The short name of a room: it is typed in commands and is a label of metrics.
pub(super) fn key(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.is_empty() && text.chars().all(allowed) {
        return Ok(());
    }
    let parts = text.to_lowercase();
    let parts = parts.split(|c| !allowed(c)).filter(|part| !part.is_empty());
    let mended = parts.collect::<Vec<_>>().join("-");
    let mended = if mended.is_empty() { "red-room".to_owned() } else { mended };
    Err(ValueFault::new("is not a room key: only a-z, 0-9 and - may stand in one", format!("write \"{mended}\"")))
}

/// What a command in the Staff room starts with.
pub(super) fn prefix(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(ValueFault::new("is not one word", "write one word without spaces, for example \"!provisioner\""));
    }
    if text.starts_with('/') {
        return Err(ValueFault::new(
            "starts with /, which Matrix clients keep for themselves",
            "write \"!provisioner\"",
        ));
    }
    Ok(())
}

/// A Postgres identifier, at most 63 bytes. It is quoted when used, so its case counts.
pub(super) fn identifier(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    if starts && goes_on && text.len() <= 63 {
        return Ok(());
    }
    Err(ValueFault::new(
        "is not a Postgres identifier",
        "write at most 63 letters, digits and _, not starting with a digit, exactly as in NOTIFY",
    ))
}

/// An AWS region.
pub(super) fn region(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    let parts: Vec<&str> = text.split('-').collect();
    let numbered = parts.last().is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
    let named =
        parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    if parts.len() >= 3 && numbered && named {
        return Ok(());
    }
    Err(ValueFault::new("is not an AWS region", "write it like \"us-east-1\""))
}

/// A Cognito user pool: its region or, on emulators, another word, an underscore, and letters and digits.
pub(super) fn user_pool_id(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    let valid = text.split_once('_').is_some_and(|(region, id)| {
        !region.is_empty()
            && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !id.is_empty()
            && id.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    if valid {
        return Ok(());
    }
    Err(ValueFault::new(
        "is not a user pool id",
        "write the pool's id, not its name or ARN: region, underscore, letters, for example \"us-east-1_knEL7cqS3\"",
    ))
}

/// A secret that somebody could not guess, fit for a header.
pub(super) fn shared_secret(text: &str) -> Result<(), ValueFault> {
    let mend = "make one with: openssl rand -hex 32";
    if text.chars().any(|c| !c.is_ascii_graphic()) {
        return Err(ValueFault::new("holds characters that cannot stand in an HTTP header", mend));
    }
    if text.len() < 16 {
        return Err(ValueFault::new("is shorter than 16 characters", mend));
    }
    Ok(())
}
