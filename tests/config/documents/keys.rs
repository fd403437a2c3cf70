//! Keys and variables that pages name are those of the schema, and the reference is the one that it makes.

use std::collections::BTreeSet;

use phenom_provisioner::cli;
use phenom_provisioner::config::{CONFIG_TEXT, PREFIX, reference, schema};
use provisioner_policy::Setting;
use regex::Regex;
use serde_json::Value;

use super::page::pages;
use crate::support::repository;

#[test]
fn the_reference_is_what_the_schema_makes() {
    let page = std::fs::read_to_string(repository("docs/configuration.md")).unwrap();
    let at = page.find("## Every key\n").unwrap();
    assert!(
        page[at..] == reference(),
        "docs/configuration.md is old: put the output of `phenom-provisioner config schema --markdown` from \"## Every key\" on\n{}",
        first_difference(&page[at..], &reference())
    );
}

#[test]
fn every_key_has_a_description() {
    let silent: Vec<String> = reference().lines().filter(|line| line.ends_with(" |  |")).map(str::to_owned).collect();
    assert!(silent.is_empty(), "give each a doc comment: {silent:#?}");
}

#[test]
fn every_key_in_toml_that_a_page_shows_is_one() {
    let schema = schema();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in &pages() {
        for (_, block) in page.blocks.iter().filter(|(language, _)| language == "toml") {
            seen += 1;
            match toml_edit::de::from_str::<Value>(&block.text) {
                Ok(value) => unknown(&value, &schema, "", &mut |key| wrong.push(format!("{}: {key}", block.place))),
                Err(error) => wrong.push(format!("{}: {error}", block.place)),
            }
        }
    }
    assert!(seen > 8, "only {seen} blocks were found");
    assert!(wrong.is_empty(), "these are no keys:\n{}", wrong.join("\n"));
}

#[test]
fn every_key_that_a_page_names_in_a_sentence_is_one() {
    let schema = schema();
    let dotted = Regex::new(r"^\[?\[?([a-z_]+)\]?\]?\.([a-z_]+)(?: =.*)?$").unwrap();
    let header = Regex::new(r"^\[\[?([a-z_]+)\]\]?$").unwrap();
    // `queue.rs` and `homeserver.yaml` are files.
    let is_file = |name: &str| ["rs", "yaml", "toml", "md", "py", "json"].contains(&name);
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in &pages() {
        for code in &page.inline {
            let known = match (dotted.captures(&code.text), header.captures(&code.text)) {
                (Some(found), _) => match section(&schema, &found[1]) {
                    Some(below) if !is_file(&found[2]) => property(below, &found[2]).is_some(),
                    _ => continue,
                },
                (None, Some(found)) => section(&schema, &found[1]).is_some(),
                (None, None) => continue,
            };
            seen += 1;
            if !known {
                wrong.push(format!("{}: {}", code.place, code.text));
            }
        }
    }
    assert!(seen > 60, "only {seen} keys were found");
    assert!(wrong.is_empty(), "these are no keys:\n{}", wrong.join("\n"));
}

#[test]
fn every_variable_that_a_page_names_is_read() {
    let schema = schema();
    let named = Regex::new(r"PHENOM_PROVISIONER_\w*[A-Z]").unwrap();
    let command = cli::command();
    let mut alone: BTreeSet<&str> =
        command.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
    alone.insert(CONFIG_TEXT);
    let is_read = |name: &str| match name.strip_prefix(PREFIX) {
        Some("SECTION__KEY") => true,
        Some(path) => path.to_lowercase().split("__").try_fold(&schema, |below, step| property(below, step)).is_some(),
        None => alone.contains(name),
    };
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in &pages() {
        for found in named.find_iter(&page.text) {
            seen += 1;
            if !is_read(found.as_str()) {
                wrong.push(format!("{}: {}", page.name(), found.as_str()));
            }
        }
    }
    assert!(seen > 10, "only {seen} variables were found");
    assert!(wrong.is_empty(), "no such variable is read:\n{}", wrong.join("\n"));
}

#[test]
fn every_form_of_a_selector_stands_in_the_page_of_policy_and_in_the_example() {
    let schema = schema();
    let forms = schema["properties"]["rooms"]["items"]["properties"]["members"]["items"]["oneOf"].as_array().unwrap();
    let named = Regex::new(r#"(\w+) = ""#).unwrap();
    let page = std::fs::read_to_string(repository("docs/policy.md")).unwrap();
    let example = std::fs::read_to_string(repository("provisioner.example.toml")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let line = example.lines().find_map(|line| line.strip_prefix("# Selectors, the same everywhere: "));
    for (place, shown) in [
        ("docs/policy.md, Who belongs", rows.map(str::to_owned).collect()),
        ("provisioner.example.toml, Selectors", line.unwrap().split("}, ").map(str::to_owned).collect::<Vec<_>>()),
    ] {
        for form in forms {
            let is_shown = |text: &str| match form["const"].as_str() {
                Some(word) => text.contains(&format!("\"{word}\"")),
                None => named.captures_iter(text).map(|found| found[1].to_owned()).eq(required(form)),
            };
            assert!(shown.iter().any(|text| is_shown(text)), "{place}: {form} is missing in {shown:#?}");
        }
    }
}

#[test]
fn every_setting_of_a_room_stands_where_they_are_told() {
    let keys = Setting::ALL.map(Setting::key);
    let page = std::fs::read_to_string(repository("docs/policy.md")).unwrap();
    let section = page.split("\n## Settings of a room\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let forgotten: Vec<_> = keys.iter().filter(|key| !section.contains(&format!("`{key}`"))).collect();
    assert!(forgotten.is_empty(), "docs/policy.md, Settings of a room: {forgotten:?}");
    let example = std::fs::read_to_string(repository("provisioner.example.toml")).unwrap();
    let told = format!("each room setting is enforced only if given: {}\n", keys.join(", "));
    assert!(example.contains(&told), "provisioner.example.toml has to say: {told}");
    let event = std::fs::read(repository("docs/events/room.setting_changed.v1.json")).unwrap();
    let event: Value = serde_json::from_slice(&event).unwrap();
    assert_eq!(event["properties"]["setting"]["enum"], Value::from(keys.to_vec()), "docs/events, setting");
}

fn required(form: &Value) -> impl Iterator<Item = String> {
    form["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}

/// Tells of every key of the value that the schema does not know.
fn unknown(value: &Value, schema: &Value, at: &str, tell: &mut impl FnMut(String)) {
    match value {
        Value::Object(entries) if schema.get("properties").is_some() => {
            for (key, value) in entries {
                match property(schema, key) {
                    Some(below) => unknown(value, below, &format!("{at}{key}."), tell),
                    None => tell(format!("{at}{key}")),
                }
            }
        }
        Value::Array(values) => {
            let Some(each) = schema.get("items") else { return };
            values.iter().for_each(|value| unknown(value, each, at, tell));
        }
        _ => {}
    }
}

/// The schema of a section, or of each of a list of them.
fn section<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let found = property(schema, name)?;
    let found = found.get("items").unwrap_or(found);
    found.get("properties").map(|_| found)
}

fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(key)
}

fn first_difference(old: &str, new: &str) -> String {
    let mut lines = old.lines().zip(new.lines());
    match lines.find(|(old, new)| old != new) {
        Some((old, new)) => format!("- {old}\n+ {new}"),
        None => "one is longer than the other".to_owned(),
    }
}
