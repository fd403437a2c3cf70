//! Subjects and MXIDs: how a Cognito `sub` becomes a Matrix user ID, and when it cannot.

/// Longest MXID the specification allows, in bytes, sigil and server name included.
const MXID_MAX_BYTES: usize = 255;

/// Why a subject has no MXID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum SubjectError {
    #[error("it is empty")]
    Empty,
    #[error("a Matrix localpart has only the characters a-z 0-9 . _ = - / +")]
    Character,
    #[error("Synapse refuses names that begin with an underscore")]
    Underscore,
    #[error("the MXID would be longer than 255 bytes")]
    TooLong,
    #[error("it is the bot's own name")]
    Bot,
}

/// The MXID of a subject: `@<subject>:<server_name>`, lower-cased and checked against the Matrix grammar
/// (<https://spec.matrix.org/latest/appendices/#user-identifiers>).
pub fn mxid_of_subject(subject: &str, server_name: &str, bot: &str) -> Result<String, SubjectError> {
    if subject.is_empty() {
        return Err(SubjectError::Empty);
    }
    let localpart = subject.to_ascii_lowercase();
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._=-/+".contains(&c);
    if !localpart.bytes().all(allowed) {
        return Err(SubjectError::Character);
    }
    if localpart.starts_with('_') {
        return Err(SubjectError::Underscore);
    }
    let mxid = format!("@{localpart}:{server_name}");
    if mxid.len() > MXID_MAX_BYTES {
        return Err(SubjectError::TooLong);
    }
    if mxid == bot {
        return Err(SubjectError::Bot);
    }
    Ok(mxid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mxid(subject: &str) -> Result<String, SubjectError> {
        mxid_of_subject(subject, "phenom.test", "@bot:phenom.test")
    }

    #[test]
    fn a_subject_is_lower_cased() {
        assert_eq!(mxid("0A1B-c").as_deref(), Ok("@0a1b-c:phenom.test"));
    }

    #[test]
    fn what_cannot_be_a_localpart_is_refused_with_its_reason() {
        assert_eq!(mxid(""), Err(SubjectError::Empty));
        assert_eq!(mxid("a b"), Err(SubjectError::Character));
        assert_eq!(mxid("josé"), Err(SubjectError::Character));
        assert_eq!(mxid("a:b"), Err(SubjectError::Character));
        assert_eq!(mxid("_a"), Err(SubjectError::Underscore));
        assert_eq!(mxid("BOT"), Err(SubjectError::Bot));
        assert_eq!(mxid(&"a".repeat(250)), Err(SubjectError::TooLong));
    }
}
