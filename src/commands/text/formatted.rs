//! The text that an HTML message says in its sender's own words: quotes left out, mentions as MXIDs.
//!
//! Only as much HTML as clients write, well formed. What anything else means (comments, tables, elements that cross each other) a
//! browser finds out by rules that would make this another browser: of such a message the plain text counts. Nothing of it is ever
//! shown.

use crate::commands::text::who;

/// Elements whose content is not what the sender says.
const REPLY: &str = "mx-reply";
const QUOTES: [&str; 2] = [REPLY, "blockquote"];

/// Elements without an end.
const VOID: [&str; 2] = ["br", "hr"];

/// Elements that stand on lines of their own, and those within a line.
const LINES: [&str; 17] = [
    "blockquote",
    "br",
    "details",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "summary",
    "ul",
];
const WITHIN: [&str; 15] =
    ["a", "b", "code", "del", "em", "font", "i", REPLY, "s", "span", "strike", "strong", "sub", "sup", "u"];

/// Stands for a link to what is no user: it names nobody.
const NOBODY: &str = "@";

/// The text of `html`, where it links to a user; nothing where the plain text says as much, or where the HTML is not plain enough.
pub(crate) fn with_mentions(html: &str) -> Option<String> {
    let (mut text, mut mentions) = (String::new(), false);
    // Names of the elements that are open, and whether the text of an open link has been replaced.
    let (mut open, mut replaced) = (Vec::<String>::new(), false);
    let is_quoted = |open: &[String]| open.iter().any(|name| QUOTES.contains(&&**name));
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        if !is_quoted(&open) && !replaced {
            text.push_str(&unescaped(before)?);
        }
        let (Tag { name, is_end, href }, after) = Tag::read(from)?;
        rest = after;
        let (is_line, in_link) = (LINES.contains(&&*name), open.iter().any(|name| name == "a"));
        if !is_line && !WITHIN.contains(&&*name) || in_link && (is_line || name == "a" && !is_end) {
            return None;
        }
        if is_line && !is_quoted(&open) {
            text.push('\n');
        }
        if is_end {
            open.pop().filter(|last| *last == name)?;
            replaced &= name != "a";
        } else if !VOID.contains(&&*name) {
            if name == REPLY && !open.is_empty() {
                return None;
            }
            if name == "a" && !is_quoted(&open) {
                let link = href.map_or(Some(String::new()), unescaped)?;
                if who::linked(&link).is_some() {
                    text.push_str(&who::linked_user(&link).unwrap_or_else(|| NOBODY.to_owned()));
                    (mentions, replaced) = (true, true);
                }
            }
            open.push(name);
        }
    }
    text.push_str(&unescaped(rest)?);
    (mentions && open.is_empty()).then_some(text)
}

/// A tag, as far as it matters.
struct Tag<'a> {
    name: String,
    is_end: bool,
    /// As it stands there. Of several the first counts, as in browsers.
    href: Option<&'a str>,
}

impl<'a> Tag<'a> {
    /// Reads the tag that begins here, and returns it with what comes after it; nothing where it is none that clients write.
    fn read(from: &'a str) -> Option<(Self, &'a str)> {
        let rest = from.strip_prefix('<')?;
        let (is_end, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
        let (name, mut rest) = split(rest, |c| !c.is_ascii_alphanumeric() && c != '-')?;
        let mut tag = Self { name: name.to_ascii_lowercase(), is_end, href: None };
        loop {
            let before = rest;
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if let Some(after) = rest.strip_prefix('>') {
                return Some((tag, after));
            }
            if is_end || before == rest {
                return None;
            }
            let (key, after) = split(rest, |c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | ':'))?;
            rest = after;
            if let Some(value) = rest.trim_ascii_start().strip_prefix('=') {
                let value = value.trim_ascii_start();
                let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
                let (value, after) = value[1..].split_once(quote)?;
                rest = after;
                if key.eq_ignore_ascii_case("href") && tag.href.is_none() {
                    tag.href = Some(value);
                }
            }
        }
    }
}

/// What stands before the first such character, and the rest from there; nothing where one of them is empty.
fn split(text: &str, ends: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let at = text.find(ends).filter(|at| *at > 0)?;
    Some(text.split_at(at))
}

/// Text with the entities that clients write; nothing where there are others.
fn unescaped(text: &str) -> Option<String> {
    const NAMED: [(&str, &str); 7] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let named = NAMED.iter().find_map(|(entity, character)| Some((*character, from.strip_prefix(*entity)?)));
        let (character, after) = match named {
            Some(known) => known,
            None if from[1..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '#') => return None,
            None => from.split_at(1),
        };
        plain.push_str(character);
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pill_is_read_as_the_mxid_it_links_to() {
        let html = r#"!provisioner explain <a href="https://matrix.to/#/@ada:a.org">Ada &lt;the first&gt;</a>"#;
        assert_eq!(with_mentions(html).unwrap(), "!provisioner explain @ada:a.org");
        let html = r#"<p>!provisioner <b>rejoin</b> <a data-x='1' href='https://matrix.to/#/%40ada%3Aa.org'>Bob</a> staff</p>"#;
        assert_eq!(with_mentions(html).unwrap().trim(), "!provisioner rejoin @ada:a.org staff");
    }

    #[test]
    fn a_quote_is_not_what_the_sender_says() {
        let html = concat!(
            r#"<mx-reply><blockquote><a href="https://matrix.to/#/@eve:a.org">eve</a> !provisioner pause</blockquote></mx-reply>"#,
            r#"!provisioner explain <a href="https://matrix.to/#/@ada:a.org">Ada</a>"#
        );
        assert_eq!(with_mentions(html).unwrap(), "!provisioner explain @ada:a.org");
        assert_eq!(with_mentions("<mx-reply><a href=\"https://matrix.to/#/@eve:a.org\">e</a></mx-reply>hi"), None);
    }

    #[test]
    fn without_a_mention_the_plain_text_is_enough() {
        assert_eq!(with_mentions("<b>!provisioner</b> status"), None);
        assert_eq!(with_mentions("<a href=\"https://a.org\">x</a>"), None);
        for broken in
            ["<", "<a", "<a href", "<a href=", "<a href=\"", "<a href=é>", "</", "<>", "a<b>c</", "&", "<a href='"]
        {
            assert_eq!(with_mentions(broken), None, "{broken}");
        }
    }

    #[test]
    fn what_a_browser_does_not_show_is_not_said_and_what_is_not_linked_is_not_meant() {
        let (eve, ada) = (r#"https://matrix.to/#/@eve:a.org"#, r#"<a href="https://matrix.to/#/@ada:a.org">Ada</a>"#);
        let explain = |html: &str| with_mentions(&format!("!provisioner explain {html}"));
        assert_eq!(
            explain(&format!(r#"<a data-href="{eve}" HREF="https://matrix.to/#/@ada:a.org" href="{eve}">Ada</a>"#))
                .unwrap(),
            "!provisioner explain @ada:a.org"
        );
        assert_eq!(
            with_mentions(&format!(r#"<b title="> !provisioner pause x">hello</b> {ada}"#)).unwrap(),
            "hello @ada:a.org"
        );
        for odd in [
            format!("<!-- > !provisioner pause -->{ada}"),
            format!("<script>!provisioner pause</script>{ada}"),
            format!("<table>{ada}</table>"),
            format!("<mx-reply><blockquote></mx-reply>!provisioner pause</blockquote>{ada}"),
            format!("<b>!provisioner pause {ada}"),
            format!("&#33;provisioner pause {ada}"),
            format!(r#"!prov<img src="x">isioner pause {ada}"#),
            format!(r#"explain <a href="https://matrix.to/#/@eve&#58;a.org">Ben</a> {ada}"#),
            format!(r#"<a href="{eve}"><p>!provisioner pause</a>{ada}</p>"#),
        ] {
            assert_eq!(with_mentions(&odd), None, "{odd}");
        }
    }

    #[test]
    fn a_link_to_what_is_no_user_names_nobody() {
        for link in [
            "@ada:a.org%20staff",
            "@ada:a.org%0Astaff",
            "@ad%E2%80%8Ba:a.org",
            "@ada:a.org'",
            "@%61d\u{2013}a:a.org",
            "@Ada:a.org",
        ] {
            let html = format!(r#"!provisioner rejoin <a href="https://matrix.to/#/{link}">ada</a>"#);
            assert_eq!(with_mentions(&html).unwrap(), "!provisioner rejoin @", "{link}");
        }
    }

    #[test]
    fn elements_of_their_own_lines_part_words() {
        let ada = r#"<a href="https://matrix.to/#/@ada:a.org">Ada</a>"#;
        assert_eq!(with_mentions(&format!("re<hr>join {ada}<h1>staff</h1>")).unwrap(), "re\njoin @ada:a.org\nstaff\n");
    }
}
