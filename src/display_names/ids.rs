//! User ids in texts, and their short forms.

use std::ops::Range;

/// Where users of this server stand in a text, in its order. An id within something to be typed (in backticks), or within quotes,
/// is a part of that and is left alone.
pub(super) fn places(text: &str, server_name: &str) -> Vec<Range<usize>> {
    let (mut places, mut from) = (Vec::new(), 0);
    while let Some(found) = text[from..].find('@') {
        let at = from + found;
        from = at + 1;
        let Some(length) = length(&text[at..], server_name) else { continue };
        let (before, after) = (&text[..at], &text[at + length..]);
        if begins(before) && ends(after) && before.matches('`').count() % 2 == 0 {
            places.push(at..at + length);
            from = at + length;
        }
    }
    places
}

pub(super) fn localpart(mxid: &str) -> &str {
    mxid.trim_start_matches('@').split(':').next().unwrap_or_default()
}

/// How long the user id is that a text begins with.
fn length(text: &str, server_name: &str) -> Option<usize> {
    let localpart = text[1..].find(|character: char| !is_of_localpart(character)).filter(|length| *length > 0)?;
    let rest = text[1 + localpart..].strip_prefix(':')?.strip_prefix(server_name)?;
    Some(text.len() - rest.len())
}

/// <https://spec.matrix.org/v1.11/appendices/#user-identifiers>
fn is_of_localpart(character: char) -> bool {
    character.is_ascii_lowercase()
        || character.is_ascii_digit()
        || matches!(character, '.' | '_' | '=' | '-' | '/' | '+')
}

fn begins(before: &str) -> bool {
    before.chars().next_back().is_none_or(|last| last.is_whitespace() || matches!(last, '(' | '['))
}

/// Whether the name of the server ends here: `a.org` does in `a.org.`, and not in `a.org.uk` or `a.org:8448`.
fn ends(after: &str) -> bool {
    let mut after = after.chars();
    match after.next() {
        None => true,
        Some('.' | ':' | '-') => after.next().is_none_or(|next| !next.is_alphanumeric() && next != '-'),
        Some(next) => !next.is_alphanumeric() && next != '_',
    }
}

/// An id that is a UUID, as far as it takes to be told apart from all others here: whole groups, `@4be7a1c0…`. Any other id is
/// short enough, or says something, and stays whole.
pub(super) fn short(mxid: &str, others: &[&str]) -> String {
    let localpart = localpart(mxid);
    let is_alone = |beginning: &&str| others.iter().all(|other| *other == mxid || !other.starts_with(*beginning));
    let mut groups = GROUP_ENDS.into_iter().filter(|_| is_uuid(localpart)).map(|end| &mxid[..=end]);
    groups.find(is_alone).map_or_else(|| mxid.to_owned(), |beginning| format!("{beginning}…"))
}

/// Where the hyphens of a UUID stand.
const GROUP_ENDS: [usize; 4] = [8, 13, 18, 23];

fn is_uuid(text: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| match GROUP_ENDS.contains(&at) {
        true => byte == b'-',
        false => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "@4be7a1c0-93d2-4000-8000-0123456789ab:a.org";

    fn found(text: &str) -> Vec<&str> {
        places(text, "a.org").into_iter().map(|place| &text[place]).collect()
    }

    #[test]
    fn users_of_this_server_are_found_in_sentences() {
        assert_eq!(found("@ada:a.org"), ["@ada:a.org"]);
        assert_eq!(
            found("asked by @ada:a.org (@b=b/c:a.org), @d:a.org: yes; @e:a.org."),
            ["@ada:a.org", "@b=b/c:a.org", "@d:a.org", "@e:a.org"]
        );
        assert_eq!(found("@ada:a.org's level"), ["@ada:a.org"]);
    }

    #[test]
    fn what_is_no_user_of_this_server_is_left_alone() {
        for text in [
            "@ada:b.org",
            "@ada:a.org.uk",
            "@ada:a.org:8448",
            "@ada:a.organ",
            "@ada:a.org-x",
            "ada@a.org",
            "x@ada:a.org",
            "@:a.org",
            "@Ada:a.org",
            "@ada",
            "@",
            "",
            "é@é:a.org",
            "@@",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn what_is_typed_or_quoted_stays_as_it_is() {
        assert_eq!(found("say `rejoin @ada:a.org staff` for @bob:a.org"), ["@bob:a.org"]);
        assert_eq!(found("root, who says to be \"@ceo:a.org\", on the command line"), Vec::<&str>::new());
    }

    #[test]
    fn an_id_is_as_short_as_it_can_be_told_apart() {
        let like = |group: &str| format!("@4be7a1c0-{group}-4000-8000-0123456789ac:a.org");
        let (near, far) = (like("93d2"), like("ffff"));
        assert_eq!(short(ADA, &[ADA, "@5be7a1c0-93d2-4000-8000-0123456789ab:a.org"]), "@4be7a1c0…");
        assert_eq!(short(ADA, &[ADA, &far]), "@4be7a1c0-93d2…");
        assert_eq!(short(ADA, &[&near, ADA]), ADA, "they differ in the last group alone");
        assert_eq!(short(ADA, &[ADA, "@4be7a1c0:a.org"]), "@4be7a1c0-93d2…");
        assert_eq!(short("@ada:a.org", &["@ada:a.org"]), "@ada:a.org");
    }
}
