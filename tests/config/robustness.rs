//! No input makes the reader panic, and its schema and its checks agree.

use phenom_provisioner::config::schema;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Folder, repository};

fn example() -> String {
    std::fs::read_to_string(repository("provisioner.example.toml")).expect("the example can be read")
}

/// Pieces that turn one valid thing into another kind of thing.
const PIECES: [&str; 22] = [
    "\"",
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    "\n",
    ".",
    "-1",
    "7",
    "1e400",
    "nan",
    "true",
    "2024-01-01",
    "\"\"",
    "\"everyone\"",
    "rooms",
    "url_file",
    "[[rooms]]\n",
    "#",
    "\\u0000",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn mutated_example_neither_panics_nor_shows_a_secret(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..30_usize, prop::sample::select(&PIECES[..])), 1..6),
    ) {
        let text = example().replace("provisioner@localhost", "provisioner:hunter2@localhost");
        let mut characters: Vec<char> = text.chars().collect();
        for (at, length, piece) in cuts {
            let start = at.index(characters.len());
            let end = (start + length).min(characters.len());
            characters.splice(start..end, piece.chars());
        }
        let text: String = characters.into_iter().collect();
        if let Err(errors) = Folder::with(&text).load(&[]) {
            prop_assert!(!errors.contains("hunter2"), "{}", errors);
        }
    }

    #[test]
    fn any_variable_never_panics(name in "(ADMIN|ROOMS|MODES|GUARD|ROSTER|X)?(__[A-Z_0-9]{0,8}){0,2}", value in any::<String>()) {
        let _ = Folder::with(&example()).load(&[(&format!("PHENOM_PROVISIONER__{name}"), &value)]);
    }

    /// Whatever passes here passes the published schema, and what the schema refuses is refused here.
    #[test]
    fn schema_and_checks_agree(
        at in any::<prop::sample::Index>(),
        value in prop::sample::select(&["7", "-1", "1.5", "true", "\"\"", "\"x\"", "[]", "{}", "[\"everyone\"]", "[{}]"][..]),
        rename in any::<bool>(),
    ) {
        let text = example();
        let lines: Vec<&str> = text.lines().collect();
        let keys: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains(" = ") && !lines[*line].starts_with('#')).collect();
        let chosen = keys[at.index(keys.len())];
        let (key, rest) = lines[chosen].split_once(" = ").unwrap();
        let changed = if rename { format!("{key}_x = {rest}") } else { format!("{key} = {value}") };
        let text = lines.iter().enumerate().map(|(index, line)| if index == chosen { &changed } else { *line });
        let text = text.collect::<Vec<_>>().join("\n");
        let Ok(document) = toml_edit::de::from_str::<Value>(&text) else { return Ok(()) };
        let valid = jsonschema::validator_for(&schema()).unwrap().is_valid(&document);
        let accepted = Folder::with(&text).load(&[]);
        prop_assert!(valid || accepted.is_err(), "the schema refuses what is accepted:\n{}", changed);
    }
}
