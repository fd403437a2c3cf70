//! Sanitizes text from outside: no character that reorders, hides or breaks the text around it.

/// Longer texts are cut: a reason is a clause, not a page.
const LONGEST: usize = 300;

/// Text from outside on one line, with every character that could deceive replaced by `�`, and not too long.
pub(crate) fn sanitize(text: &str) -> String {
    let mut sanitized: String = text
        .chars()
        .take(LONGEST)
        .map(|character| match character {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
            _ if character.is_control() || is_invisible(character) => '\u{fffd}',
            _ => character,
        })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        sanitized.push('…');
    }
    sanitized
}

/// Characters without a width that reorder text, join it, or stand in it unseen.
pub(crate) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reorders_or_hides_text_is_replaced() {
        assert_eq!(sanitize("a\u{202e}b\u{2066}c\u{200b}d\u{7}e"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e");
        assert_eq!(sanitize("one\ntwo\r\nthree"), "one two  three");
        assert_eq!(sanitize("Zoë, 東京 🛸"), "Zoë, 東京 🛸");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(sanitize(&"x".repeat(1000)).chars().count(), LONGEST + 1);
    }
}
