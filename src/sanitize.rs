//! Sanitizes text from outside: no character that reorders, hides or breaks the text around it, or that a terminal obeys.

/// Text from outside on one line, with every character that could deceive replaced by `�`.
pub fn one_line(text: &str) -> String {
    text.chars().map(|character| if ends_line(character) { ' ' } else { harmless(character) }).collect()
}

/// The same for text of several lines that are meant to be lines.
pub fn lines(text: &str) -> String {
    text.chars().map(|character| if character == '\n' { character } else { harmless(character) }).collect()
}

/// The same for lines whose colors are the logger's own: it escapes those of others.
pub fn colored_lines(text: &str) -> String {
    let is_ours = |character| matches!(character, '\n' | '\u{1b}');
    text.chars().map(|character| if is_ours(character) { character } else { harmless(character) }).collect()
}

/// JSON, pretty or not, with every such character written as an escape: it reads the same.
pub fn json(json: &str) -> String {
    let mut sanitized = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || harmless(character) == character {
            sanitized.push(character);
        } else {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units);
            sanitized.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    sanitized
}

fn harmless(character: char) -> char {
    if character.is_control() || is_invisible(character) { '\u{fffd}' } else { character }
}

fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}')
}

/// Characters without a width that reorder text, join it, or stand in it unseen.
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reorders_or_hides_text_is_replaced() {
        assert_eq!(one_line("a\u{202e}b\u{2066}c\u{200b}d\u{7}e"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e");
        assert_eq!(one_line("one\ntwo\r\nthree"), "one two  three");
        assert_eq!(one_line("Zoë, 東京 🛸"), "Zoë, 東京 🛸");
    }

    #[test]
    fn what_a_terminal_obeys_is_replaced() {
        assert_eq!(lines("\u{1b}[2J\n\u{9b}2J\r\u{7f}"), "\u{fffd}[2J\n\u{fffd}2J\u{fffd}\u{fffd}");
    }

    #[test]
    fn json_reads_the_same() {
        let value = serde_json::json!({ "a": "\u{1b}\n\u{202e}\u{9b}\u{e0001}ë" });
        let sanitized = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!sanitized.contains(|c: char| c != '\n' && harmless(c) != c), "{sanitized}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&sanitized).unwrap(), value);
    }
}
