//! Text as people type it on phones, made plain: quotes, spaces, invisible characters, and the prefix.

/// The words after the prefix; nothing where the text does not begin with it.
pub(crate) fn after_prefix(text: &str, prefix: &str) -> Option<Vec<String>> {
    let plain = plain(text);
    let mut words = plain.split_whitespace();
    let first = words.next()?;
    (first.to_lowercase() == prefix.to_lowercase()).then(|| {
        words.map(|word| word.trim_matches(['"', '\'', '`']).to_owned()).filter(|word| !word.is_empty()).collect()
    })
}

/// Straight quotes, plain spaces, and nothing invisible.
fn plain(text: &str) -> String {
    text.chars()
        .filter_map(|character| match character {
            '“' | '”' | '„' | '‟' | '«' | '»' | '″' => Some('"'),
            '‘' | '’' | '‚' | '‛' | '′' | '´' => Some('\''),
            // Phones put a wide dash where two hyphens were typed; ids have hyphens only.
            '‐' | '‑' | '‒' | '–' | '—' | '−' => Some('-'),
            _ if crate::sanitize::is_invisible(character) => None,
            _ => Some(character),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<Vec<String>> {
        after_prefix(text, "!provisioner")
    }

    #[test]
    fn the_prefix_is_found_in_either_case_and_with_any_space() {
        let expected = Some(vec!["explain".to_owned(), "ada".to_owned()]);
        for text in [
            "!provisioner explain ada",
            "  !Provisioner\u{a0}explain\n ada ",
            "!PROVISIONER  explain   “ada”",
            "!provisioner explain ‘ada’",
            "\u{200b}!provisioner explain \u{2068}ada\u{2069}",
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
        assert_eq!(words("!provisioner"), Some(vec![]));
        assert_eq!(words("!provisionerexplain"), None);
        assert_eq!(words("please !provisioner pause"), None);
        assert_eq!(words(""), None);
    }

    #[test]
    fn dashes_of_phones_are_hyphens() {
        assert_eq!(words("!provisioner follow red–room").unwrap()[1], "red-room");
    }
}
