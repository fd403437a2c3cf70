//! Environment variables `PHENOM_PROVISIONER__SECTION__KEY` over the file.

use serde_json::Value;

use super::{
    document::{Document, parse_value},
    problem::{Problem, ValueOrigin},
    schema,
};
use crate::nearest::nearest;

/// What the name of every variable of this configuration starts with.
pub const PREFIX: &str = "PHENOM_PROVISIONER__";

/// What the names of the program's own variables start with, such as `PHENOM_PROVISIONER_CONFIG`.
const PROGRAM: &str = "PHENOM_PROVISIONER_";

/// The variables of this process. What is not UTF-8 is marked by U+FFFD, which [`apply`] refuses.
pub fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}

/// Puts the variables into the document. Where the schema says string the value is taken as it stands, else it is TOML.
/// `schema` is the published one, which knows `KEY_FILE`.
pub(super) fn apply(
    document: &mut Document,
    schema: &Value,
    variables: impl Iterator<Item = (String, String)>,
) -> Vec<Problem> {
    // Sorted, so that a variable for a whole section comes before those for its keys.
    let mut variables: Vec<_> =
        variables.filter(|(name, _)| name.starts_with(PREFIX) || meant(name).is_some()).collect();
    variables.sort();
    let mut problems = Vec::new();
    for (name, text) in variables {
        let result = locate(&name, schema).and_then(|(path, schema)| Ok((path, read(&text, schema)?)));
        match result {
            Ok((path, value)) => document.set(&path, value, ValueOrigin::Variable(name)),
            Err((text, mend)) => {
                problems.push(Problem::new(ValueOrigin::Variable(name), text, mend));
            }
        }
    }
    problems
}

type VariableFault = (String, String);

/// The name that is meant by one that lacks the second underscore before its first part: a mode that nobody sees to be set is
/// another one than is meant. Without a pair later on it is none of ours: Kubernetes and Docker give `PHENOM_PROVISIONER_PORT` and
/// more of the kind to whatever runs beside a service of that name.
fn meant(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PROGRAM).filter(|rest| !rest.starts_with('_') && rest.contains("__"))?;
    Some(format!("{PREFIX}{rest}"))
}

/// The path that a variable's name spells, and the schema there.
fn locate<'a>(name: &str, schema: &'a Value) -> Result<(Vec<String>, &'a Value), VariableFault> {
    if let Some(meant) = meant(name) {
        let text = "this variable sets no key".to_owned();
        return Err((text, format!("did you mean {meant}, with two underscores before each part?")));
    }
    let mut here = schema;
    let mut path = Vec::new();
    for step in name.strip_prefix(PREFIX).unwrap_or_default().split("__").map(str::to_lowercase) {
        let so_far = format!(
            "{PREFIX}{}",
            path.iter().map(|step: &String| format!("{}__", step.to_uppercase())).collect::<String>()
        );
        if here.get("type").is_some_and(|kind| kind == "array") {
            let whole = so_far.trim_end_matches('_');
            return Err((
                format!("{} is a list, which a variable can only set whole", path.join(".")),
                format!("write {whole}='[{{ … }}, {{ … }}]'"),
            ));
        }
        if step.is_empty() {
            let text = "this variable sets no key".to_owned();
            return Err((text, format!("write {PREFIX}SECTION__KEY, with two underscores before each part")));
        }
        here = match schema::property(here, &step) {
            Some(below) => below,
            None => {
                let keys = schema::keys(here);
                let mend = match nearest(&step, keys.iter().map(String::as_str)) {
                    Some(nearest) => {
                        let more = if here_is_section(schema::property(here, nearest)) { "__…" } else { "" };
                        format!("did you mean {so_far}{}{more}?", nearest.to_uppercase())
                    }
                    None => format!("{} has no keys: did you mean {}?", path.join("."), so_far.trim_end_matches('_')),
                };
                return Err(("this variable sets no key".to_owned(), mend));
            }
        };
        path.push(step);
    }
    Ok((path, here))
}

fn here_is_section(schema: Option<&Value>) -> bool {
    schema.is_some_and(|schema| schema.get("properties").is_some())
}

fn read(text: &str, schema: &Value) -> Result<Value, VariableFault> {
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(("the value is not UTF-8".to_owned(), "set it to UTF-8 text".to_owned()));
    }
    if schema.get("type").is_some_and(|kind| kind == "string") {
        return Ok(Value::String(text.to_owned()));
    }
    parse_value(text).map_err(|error| {
        let form = match schema.get("type").and_then(Value::as_str) {
            Some("array") => "a list, for example '[\"everyone\", { team = \"staff\" }]'",
            Some("object") => "a section, for example '{ key = \"value\" }'",
            _ => "a number, for example 5",
        };
        (format!("the value is not TOML: {error}"), format!("write {form}"))
    })
}
