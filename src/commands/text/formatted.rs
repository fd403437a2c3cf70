//! The text that an HTML message says in its sender's own words: quotes left out, mentions as MXIDs.
//!
//! Only as much HTML as clients write; whatever else there is, is skipped. Nothing of it is ever shown.

use crate::commands::text::who;

/// Elements whose content is not what the sender says.
const QUOTES: [&str; 2] = ["mx-reply", "blockquote"];

/// The text of `html`, where it links to a user; nothing where the plain text says as much.
pub(crate) fn with_mentions(html: &str) -> Option<String> {
    let (mut text, mut mentions) = (String::new(), false);
    // How deep in quotes, and in the text of a link that has been replaced.
    let (mut quoted, mut replaced) = (0_usize, false);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        if quoted == 0 && !replaced {
            text.push_str(&unescaped(before));
        }
        let Some(end) = tag.find('>') else {
            rest = "";
            break;
        };
        let inside = tag[1..end].trim().trim_end_matches('/');
        rest = &tag[end + 1..];
        let (closing, name) = match inside.strip_prefix('/') {
            Some(name) => (true, name),
            None => (false, inside.split(char::is_whitespace).next().unwrap_or_default()),
        };
        let name = name.trim().to_ascii_lowercase();
        match (name.as_str(), closing) {
            (quote, false) if QUOTES.contains(&quote) => quoted += 1,
            (quote, true) if QUOTES.contains(&quote) => quoted = quoted.saturating_sub(1),
            ("a", true) => replaced = false,
            ("a", false) if quoted == 0 => {
                if let Some(mxid) = href(inside).and_then(|link| who::linked(&link)) {
                    text.push_str(&mxid);
                    (mentions, replaced) = (true, true);
                }
            }
            ("br" | "p" | "div" | "li", _) if quoted == 0 => text.push('\n'),
            _ => {}
        }
    }
    if quoted == 0 && !replaced {
        text.push_str(&unescaped(rest));
    }
    mentions.then_some(text)
}

/// The address of an `a` tag.
fn href(tag: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let value = tag[lower.find("href")? + 4..].trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let value = &value[1..];
    Some(unescaped(&value[..value.find(quote)?]))
}

fn unescaped(text: &str) -> String {
    const NAMED: [(&str, &str); 7] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&nbsp;", " "),
        // Last, so that nothing is unescaped twice.
        ("&amp;", "&"),
    ];
    NAMED.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
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
}
