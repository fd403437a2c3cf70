//! The reference of every key, in Markdown: what `docs/configuration.md` ends with, made from the schema.

use serde_json::{Map, Value, json};

use super::{grammar::duration, schema, shown::shown_value};

/// How the page writes a list of selectors, and where they are explained.
const SELECTORS: &str = "list of [selectors](policy.md#who-belongs)";
/// From here on a number is bounded by what JSON can hold and not by a decision of ours.
const UNBOUNDED: f64 = ((1_u64 << 53) - 1) as f64;

/// The part of the page that the schema makes: one table a section, required ones first.
pub fn reference() -> String {
    let schema = schema::resolved();
    let mut page = "## Every key\n".to_owned();
    let alone: Vec<_> = keys(&schema).into_iter().filter(|(_, schema)| section(schema).is_none()).collect();
    page.push_str("\n### Outside of any section\n");
    push_table(&mut page, &schema, &alone);
    for (name, found) in keys(&schema) {
        let Some(below) = section(found) else { continue };
        let heading = if below.is_list { format!("`[[{name}]]`") } else { format!("`[{name}]`") };
        let required = if is_required(&schema, name) { "**Required.** " } else { "" };
        push_section(&mut page, &heading, required, below.schema);
    }
    page
}

/// What has keys of its own: a section, or each of a list of them.
struct Section<'a> {
    schema: &'a Value,
    is_list: bool,
}

fn section(schema: &Value) -> Option<Section<'_>> {
    match schema.get("items") {
        Some(each) => each.get("properties").map(|_| Section { schema: each, is_list: true }),
        None => schema.get("properties").map(|_| Section { schema, is_list: false }),
    }
}

fn push_section(page: &mut String, heading: &str, required: &str, schema: &Value) {
    page.push_str(&format!("\n### {heading}\n{required}{}\n", description(schema)));
    let keys = keys(schema);
    push_table(page, schema, &keys);
    for (name, found) in keys {
        if let Some(below) = section(found) {
            push_section(page, &format!("{heading} `{name}`"), "", below.schema);
        }
    }
}

fn push_table(page: &mut String, schema: &Value, keys: &[(&str, &Value)]) {
    page.push_str("\n| key | value | |\n|---|---|---|\n");
    for (name, found) in keys {
        let value = format!("{}{}", kind(found), given(found, is_required(schema, name)));
        page.push_str(&format!("| {} | {value} | {} |\n", key(name, found), description(found)));
    }
}

/// The keys of a section: those that must be given first, and by name, so that no build orders them otherwise.
fn keys(schema: &Value) -> Vec<(&str, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter);
    let mut keys: Vec<_> = properties.map(|(name, found)| (name.as_str(), found)).collect();
    keys.sort_by_key(|(name, _)| (!is_required(schema, name), *name));
    keys
}

fn is_required(schema: &Value, key: &str) -> bool {
    schema::required(schema).any(|required| required == key)
}

fn key(name: &str, schema: &Value) -> String {
    match schema::takes_file(schema) {
        true => format!("`{name}` or `{}`", schema::file_key(name)),
        false => format!("`{name}`"),
    }
}

/// The description in the schema, which may stand on several lines there.
fn description(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// What the value is, and what it may be.
fn kind(schema: &Value) -> String {
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return options.iter().map(notation).collect::<Vec<_>>().join(" or ");
    }
    if let Some((low, high)) = duration::bounds(schema) {
        return format!("duration, `{}` to `{}`", duration::text(low), duration::text(high));
    }
    match (schema.get("type").and_then(Value::as_str), section(schema)) {
        (_, Some(Section { is_list: true, .. })) => "list of sections, see below".to_owned(),
        (_, Some(Section { is_list: false, .. })) => "section, see below".to_owned(),
        (Some("array"), _) => match schema.get("items") {
            Some(each) if schema::grammar(each) == Some("selector") => SELECTORS.to_owned(),
            each => {
                let example = each.and_then(|each| each.get("examples")?.get(0));
                format!(
                    "list{}",
                    example.map(|one| format!(", such as {}", notation(&json!([one])))).unwrap_or_default()
                )
            }
        },
        (Some("object"), _) => {
            let each = schema.get("additionalProperties").map(kind).unwrap_or_default();
            format!("table, each value a {each}")
        }
        (Some("integer"), _) => format!("whole number{}", range(schema)),
        (Some("number"), _) => format!("number{}", range(schema)),
        (Some("boolean"), _) => "`true` or `false`".to_owned(),
        _ if schema::is_secret(schema) => "secret".to_owned(),
        _ => "text".to_owned(),
    }
}

fn range(schema: &Value) -> String {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    match (bound("minimum"), bound("maximum").filter(|high| *high < UNBOUNDED)) {
        (Some(low), Some(high)) => format!(", {low} to {high}"),
        (Some(low), None) => format!(", {low} or more"),
        (None, Some(high)) => format!(", {high} or less"),
        (None, None) => String::new(),
    }
}

/// Whether it must be given, and what it is otherwise.
fn given(schema: &Value, is_required: bool) -> String {
    match schema.get("default") {
        _ if is_required => format!("{}; **required**", example(schema)),
        Some(default) => format!("; default {}", notation(default)),
        None => example(schema),
    }
}

/// An example where the kind of value does not show what to write.
fn example(schema: &Value) -> String {
    let speaks_for_itself = schema.get("enum").is_some()
        || duration::bounds(schema).is_some()
        || schema.get("type").is_none_or(|kind| kind != "string")
        || schema::grammar(schema) == Some("text");
    match schema.get("examples").and_then(|examples| examples.get(0)) {
        Some(example) if !speaks_for_itself => format!(", such as {}", notation(example)),
        _ => String::new(),
    }
}

/// A value as the file has it, in code of Markdown.
fn notation(value: &Value) -> String {
    match value {
        // A default that is longer than a line is what people copy: it stands whole.
        Value::String(text) => format!("`\"{text}\"`"),
        value => format!("`{}`", shown_value(value)),
    }
}
