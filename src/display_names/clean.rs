//! What others call themselves, made harmless: a name takes one short stretch of a line, moves nothing around it, and passes for
//! no user id and not for the bot.

use super::ids::localpart;
use crate::sanitize;

/// Longer names are cut.
const LONGEST: usize = 40;

/// More of a name is not looked at.
const LOOKED_AT: usize = 1000;

/// Marks above or below one letter. More of them cover the lines around it.
const MARKS: usize = 2;

/// So many hexadecimal digits in a row are a piece of an id.
const PIECE_OF_AN_ID: usize = 8;

/// What the bot calls itself.
const BOT: &str = "provisioner";

/// The name of this user as it may be shown, or `None` where it says nothing or would deceive.
pub(super) fn clean(name: &str, mxid: &str, bot: &str) -> Option<String> {
    let name = visible(name);
    let is_name = name.chars().any(char::is_alphanumeric)
        // Synapse names every new account by its localpart.
        && !name.eq_ignore_ascii_case(localpart(mxid))
        && !looks_like_an_id(&name)
        && !looks_like_the_bot(&name, bot);
    is_name.then(|| cut(name))
}

/// On one line, without what is not seen or is drawn over something else.
fn visible(name: &str) -> String {
    let (mut visible, mut marks) = (String::new(), 0);
    for character in name.chars().take(LOOKED_AT) {
        if character.is_whitespace() || is_blank(character) {
            if !visible.is_empty() && !visible.ends_with(' ') {
                visible.push(' ');
            }
            marks = MARKS;
            continue;
        }
        if is_mark(character) {
            marks += 1;
        } else if !character.is_control() && !sanitize::is_invisible(character) && !is_private(character) {
            marks = 0;
        } else {
            continue;
        }
        // A name stands in quotes where there is no markup.
        let character =
            if matches!(character, '"' | '“' | '”' | '„' | '‟' | '″' | '＂') { '\'' } else { character };
        visible.extend((marks <= MARKS && !(marks > 0 && visible.is_empty())).then_some(character));
    }
    visible.truncate(visible.trim_end().len());
    visible
}

/// Drawn as nothing, and not counted as white space.
fn is_blank(character: char) -> bool {
    character == '\u{2800}'
}

fn is_private(character: char) -> bool {
    matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
}

/// Drawn on what stands before it.
fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}'
        | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// `@somebody`, `@…:…`, or a run of digits as ids have them, in any of the signs that look so.
fn looks_like_an_id(name: &str) -> bool {
    let mut rest = name.chars().peekable();
    let (mut after_at, mut run, mut digits) = (false, 0, false);
    while let Some(character) = rest.next() {
        let is_at = matches!(character, '@' | '＠' | '﹫' | 'Ⓐ' | 'ⓐ');
        let is_colon = matches!(character, ':' | '：' | '﹕' | '꞉' | '∶' | 'ː' | '˸' | '։' | '׃');
        if (is_at && rest.peek().is_some_and(|next| next.is_alphanumeric())) || (is_colon && after_at) {
            return true;
        }
        after_at |= is_at;
        let is_hexadecimal = character.is_ascii_hexdigit();
        (run, digits) = if is_hexadecimal { (run + 1, digits || character.is_ascii_digit()) } else { (0, false) };
        if run >= PIECE_OF_AN_ID && digits {
            return true;
        }
    }
    false
}

fn looks_like_the_bot(name: &str, bot: &str) -> bool {
    let name = folded(name);
    name.contains(&folded(BOT)) || name == folded(localpart(bot))
}

/// Letters that look alike made one, and everything else left out.
fn folded(name: &str) -> String {
    let alike = |character| match character {
        '0' | 'о' | 'ο' | 'օ' => 'o',
        '1' | 'l' | '|' | 'і' | 'ι' | 'ı' => 'i',
        '3' | 'е' | 'ε' => 'e',
        '5' | 'ѕ' => 's',
        'р' | 'ρ' => 'p',
        'ѵ' | 'ν' => 'v',
        'г' => 'r',
        'п' => 'n',
        character => character,
    };
    name.chars().map(ascii).flat_map(char::to_lowercase).map(alike).filter(|one| one.is_alphanumeric()).collect()
}

/// Letters of full width, and those of mathematics, as the letters that they are drawn as.
fn ascii(character: char) -> char {
    let code = u32::from(character);
    let plain = match code {
        0xff01..=0xff5e => code - 0xfee0,
        0x1d400..=0x1d6a3 => match (code - 0x1d400) % 52 {
            upper @ 0..26 => u32::from(b'A') + upper,
            lower => u32::from(b'a') + lower - 26,
        },
        _ => code,
    };
    char::from_u32(plain).unwrap_or(character)
}

/// Not between a letter and what is drawn on it.
fn cut(name: String) -> String {
    let Some((mut end, _)) = name.char_indices().nth(LONGEST) else { return name };
    while end > 0 && name[end..].starts_with(is_mark) {
        end = name[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    }
    format!("{}…", name[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(name: &str) -> Option<String> {
        clean(name, "@4be7a1c0-93d2-4000-8000-0123456789ab:a.org", "@keeper:a.org")
    }

    #[test]
    fn a_name_is_shown_as_it_is() {
        for name in
            ["Ada Lovelace", "Zoë", "東京 太郎", "O'Neill (IT)", "Ada 🛸", "שלום", "Ada @ Phenom", "Dr. Ben: Lead"]
        {
            assert_eq!(cleaned(name).as_deref(), Some(name));
        }
    }

    #[test]
    fn nothing_in_it_moves_or_hides_what_stands_around_it() {
        assert_eq!(cleaned("  Ada\r\n\t Lovelace\u{2028} ").as_deref(), Some("Ada Lovelace"));
        assert_eq!(cleaned("A\u{202e}d\u{2066}a\u{200b}\u{ad}\u{7}\u{1b}[2J").as_deref(), Some("Ada[2J"));
        assert_eq!(cleaned(&format!("A{}da", "\u{30a}".repeat(50))).as_deref(), Some("A\u{30a}\u{30a}da"));
        assert_eq!(cleaned("\u{30a}\u{fe0f}Ada").as_deref(), Some("Ada"));
        assert_eq!(cleaned("Ada\", removed by “Ben”").as_deref(), Some("Ada', removed by 'Ben'"));
    }

    #[test]
    fn markup_is_only_text() {
        // Escaped where there is markup, as every text is.
        let markup = "<b>x</b> [x](javascript:1)";
        assert_eq!(cleaned(markup).as_deref(), Some(markup));
    }

    #[test]
    fn a_long_name_is_cut_between_letters() {
        let long = cleaned(&"ë".repeat(5000)).unwrap();
        assert_eq!((long.chars().count(), long.ends_with('…')), (LONGEST + 1, true));
        let marked = cleaned(&format!("{}e\u{301}\u{302}x", "a".repeat(LONGEST - 1))).unwrap();
        assert_eq!(marked, format!("{}…", "a".repeat(LONGEST - 1)));
        assert_eq!(cleaned(&format!("Ada{}", " ".repeat(10_000))).as_deref(), Some("Ada"));
    }

    #[test]
    fn what_says_nothing_is_no_name() {
        for name in ["", "   ", "\u{200b}\u{2800}\u{3164}", "🛸", "👨\u{200d}👩\u{200d}👧", "...", "(-)", "\u{e000}"]
        {
            assert_eq!(cleaned(name), None, "{name:?}");
        }
        assert_eq!(cleaned("4BE7A1C0-93d2-4000-8000-0123456789ab"), None, "its own localpart");
        assert_eq!(clean("Ada", "@ada:a.org", "@keeper:a.org"), None, "its own localpart");
    }

    #[test]
    fn what_looks_like_an_id_is_no_name() {
        for name in [
            "@ceo:a.org",
            "@ceo",
            "＠ceo：a.org",
            "Ben (@4be7a1c0…)",
            "@ ceo : a.org",
            "Ben 4be7a1c0…",
            "@\u{200b}ceo",
            "00000000",
        ] {
            assert_eq!(cleaned(name), None, "{name:?}");
        }
    }

    #[test]
    fn what_looks_like_the_bot_is_no_name() {
        for name in [
            "Provisioner",
            "PR0VISIONER",
            "P r o v i s i o n e r",
            "Рrоvіѕіоnеr",
            "Ｐｒｏｖｉｓｉｏｎｅｒ",
            "𝐏𝐫𝐨𝐯𝐢𝐬𝐢𝐨𝐧𝐞𝐫",
            "The Provisioner (bot)",
            "P\u{30a}rovisioner",
            "Keeper",
        ] {
            assert_eq!(cleaned(name), None, "{name:?}");
        }
        assert_eq!(cleaned("Shopkeeper").as_deref(), Some("Shopkeeper"));
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_is_one_short_harmless_stretch(name in any::<String>()) {
            if let Some(name) = cleaned(&name) {
                prop_assert!((1..=LONGEST + 1).contains(&name.chars().count()));
                prop_assert_eq!(sanitize::one_line(&name), name.clone());
                prop_assert!(!name.contains('"') && name.trim() == name);
            }
        }
    }
}
