//! The user that a word names: by MXID, subject, e-mail address, or a link as clients make them.

use std::fmt;

use percent_encoding::percent_decode_str;
use provisioner_policy::mxid_of_subject;
use ruma::UserId;

/// A user as they were named.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Who {
    Mxid(String),
    /// To be looked up; never shown back, logged or kept.
    Email(String),
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mxid(mxid) => f.write_str(mxid),
            Self::Email(_) => f.write_str("(an e-mail address)"),
        }
    }
}

impl Who {
    /// Reads one word. Returns `None` where it names nobody.
    pub(crate) fn parse(word: &str, server_name: &str) -> Option<Self> {
        let word = unbracketed(word);
        if linked(word).is_some() {
            return linked_user(word).map(Self::Mxid);
        }
        let word = word.strip_prefix("mailto:").unwrap_or(word);
        match word.split_once('@') {
            // Nearly an MXID: of our own server, where none is named.
            Some(("", localpart)) if !localpart.contains(':') => {
                parse_mxid(&format!("@{localpart}:{server_name}")).map(Self::Mxid)
            }
            Some(("", _)) => parse_mxid(word).map(Self::Mxid),
            Some((_, domain)) if domain.contains('.') && !domain.contains('@') => Some(Self::Email(word.to_owned())),
            Some(_) => None,
            None => mxid_of_subject(word, server_name, "").ok().map(Self::Mxid),
        }
    }

    /// Whether this is a plain word: it may be a display name that a client wrote where the mention stands.
    pub(crate) fn is_bare_word(word: &str) -> bool {
        !word.contains('@') && linked(unbracketed(word)).is_none()
    }
}

/// Without the brackets that stand around links in plain text.
fn unbracketed(word: &str) -> &str {
    word.trim_matches(['<', '>'])
}

/// The user that a link is about: `https://matrix.to/#/@user:server` or `matrix:u/user:server`.
pub(crate) fn linked(link: &str) -> Option<String> {
    let (target, sigil) = ["https://matrix.to/#/", "http://matrix.to/#/"]
        .into_iter()
        .find_map(|start| Some((link.strip_prefix(start)?, "")))
        .or_else(|| Some((link.strip_prefix("matrix:u/")?, "@")))?;
    let target = target.split(['?', '/']).next().unwrap_or_default();
    let target = format!("{sigil}{}", percent_decode_str(target).decode_utf8_lossy());
    target.starts_with('@').then_some(target)
}

/// The same, where the link names a user as no other character of a message could.
pub(crate) fn linked_user(link: &str) -> Option<String> {
    parse_mxid(&linked(link)?)
}

/// An MXID that follows the grammar strictly: no reply shows any other character of what somebody typed.
fn parse_mxid(mxid: &str) -> Option<String> {
    let parsed = <&UserId>::try_from(mxid).ok()?;
    parsed.validate_strict().ok()?;
    Some(mxid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(word: &str) -> Option<Who> {
        Who::parse(word, "a.org")
    }

    fn mxid(mxid: &str) -> Option<Who> {
        Some(Who::Mxid(mxid.to_owned()))
    }

    #[test]
    fn people_are_named_in_every_way_that_clients_and_consoles_have() {
        assert_eq!(parse("@ada:a.org"), mxid("@ada:a.org"));
        assert_eq!(parse("@ada:b.org"), mxid("@ada:b.org"));
        assert_eq!(parse("@ada"), mxid("@ada:a.org"));
        assert_eq!(parse("8F2C1D4E-0b7a"), mxid("@8f2c1d4e-0b7a:a.org"));
        assert_eq!(parse("https://matrix.to/#/@ada:a.org"), mxid("@ada:a.org"));
        assert_eq!(parse("https://matrix.to/#/%40ada%3Aa.org?via=a.org"), mxid("@ada:a.org"));
        assert_eq!(parse("matrix:u/ada:a.org?action=chat"), mxid("@ada:a.org"));
        assert_eq!(parse("<https://matrix.to/#/@ada:a.org>"), mxid("@ada:a.org"));
        assert_eq!(parse("ada@b.org"), Some(Who::Email("ada@b.org".to_owned())));
        assert_eq!(parse("mailto:ada@b.org"), Some(Who::Email("ada@b.org".to_owned())));
    }

    #[test]
    fn a_link_is_no_display_name_bracketed_or_not() {
        for (word, is_bare) in [("Ada", true), ("<Ada>", true), ("@ada", false), ("matrix:u/ada:a.org", false)] {
            assert_eq!(Who::is_bare_word(word), is_bare, "{word:?}");
        }
        assert!(!Who::is_bare_word("<matrix:u/ada:a.org>"), "a mention beside it does not stand for it");
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for word in
            ["", "@", "@:a.org", "ada bob", "a@b", "a@b@c.d", "<b>x</b>", "@a b:c", "@\u{202e}:a.org", "[x](y)", "_a"]
        {
            assert_eq!(parse(word), None, "{word:?}");
        }
        for link in
            ["https://matrix.to/#/!room:a.org", "https://matrix.to/#/%", "matrix:r/room:a.org", "https://a.org/@x:y"]
        {
            assert_eq!(parse(link), None, "{link:?}");
        }
    }

    #[test]
    fn an_e_mail_address_is_never_printed() {
        assert_eq!(format!("{:?}", Who::Email("ada@b.org".to_owned())), "(an e-mail address)");
    }
}
