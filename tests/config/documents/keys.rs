//! Keys and variables that pages name are those of the schema, and the reference is the one that it makes.

use std::collections::BTreeSet;

use phenom_provisioner::cli;
use phenom_provisioner::config::{CONFIG_TEXT, PREFIX, reference, schema};
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
