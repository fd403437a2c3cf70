//! Checks a tree of values against the schema: unknown and missing keys, types, ranges, and each string's grammar.
//! A refused value is replaced by an example, so that the rest can still be read and checked.

use serde_json::{Map, Value};

use super::{
    choices::{choice, listed},
    document::child,
    grammar::{self, GrammarContext},
    problem::ValueFault,
    report::ProblemReport,
    schema::{self, MEND},
    shown::{hidden_passwords, shown_value},
};
use crate::nearest::{alike, nearest};

/// Checks and repairs `value`. Afterwards the value has the form the schema asks for.
pub(super) fn check(value: &mut Value, schema: &Value, context: &GrammarContext, report: &mut ProblemReport<'_>) {
    Structure { root: schema, context, report }.value(value, schema, "");
}

struct Structure<'a, 'b> {
    root: &'a Value,
    context: &'a GrammarContext,
    report: &'a mut ProblemReport<'b>,
}

impl Structure<'_, '_> {
    /// What is wrong with a value itself.
    fn fault(&self, value: &Value, schema: &Value) -> Option<ValueFault> {
        match schema::grammar(schema) {
            Some(grammar) => grammar::check(grammar, value, schema, self.context).err(),
            None => wrong_type(value, schema).or_else(|| out_of_range(value, schema)),
        }
    }

    fn value(&mut self, value: &mut Value, schema: &Value, at: &str) {
        if let Some(mut fault) = self.fault(value, schema) {
            let shown = (!schema::holds_secret(schema)).then(|| hidden_passwords(value));
            if let Some(shown) = shown.as_ref().filter(|shown| *shown != value) {
                // What is said of it, and its mend, may repeat it.
                fault = self.fault(shown, schema).unwrap_or_else(|| ValueFault::new("holds a password", "take it out"));
            }
            if let Some(mend) = schema.get(MEND).and_then(Value::as_str) {
                fault.mend = mend.to_owned();
            }
            self.report.refuse(at, shown.as_ref(), fault);
            *value = schema::example(schema);
            return;
        }
        match value {
            Value::Object(entries) if schema.get("properties").is_some() => self.section(entries, schema, at),
            Value::Object(entries) => {
                let Some(of_each) = schema.get("additionalProperties").filter(|of_each| of_each.is_object()) else {
                    return;
                };
                for (key, value) in entries {
                    self.value(value, of_each, &child(at, key));
                }
            }
            Value::Array(values) => {
                let Some(items) = schema.get("items") else { return };
                for (index, value) in values.iter_mut().enumerate() {
                    self.value(value, items, &child(at, index));
                }
            }
            _ => {}
        }
    }

    fn section(&mut self, entries: &mut Map<String, Value>, schema: &Value, at: &str) {
        let keys = schema::keys(schema);
        let mut meant = Vec::new();
        entries.retain(|key, _| {
            let known = schema::property(schema, key).is_some();
            if !known {
                meant.extend(self.unknown(key, &keys, at));
            }
            known
        });
        // A misspelt key is one mistake: the right one is not missing as well.
        for name in meant {
            let name = name.strip_suffix("_file").map_or(name.clone(), str::to_owned);
            if !entries.contains_key(&name) {
                self.report.silence(&child(at, name));
            }
        }
        for (key, value) in entries.iter_mut() {
            if let Some(schema) = schema::property(schema, key) {
                self.value(value, schema, &child(at, key));
            }
        }
        for key in schema::required(schema) {
            if entries.contains_key(key) {
                continue;
            }
            let Some(schema) = schema::property(schema, key) else { continue };
            self.missing(key, schema, at);
            entries.insert(key.to_owned(), schema::example(schema));
        }
    }

    /// Reports a key that does not exist, and returns the one that was probably meant.
    fn unknown(&mut self, key: &str, keys: &[String], at: &str) -> Option<String> {
        let pointer = child(at, key);
        let (kind, place) = match at {
            "" => ("section or key", "the file has".to_owned()),
            _ => ("key", format!("{} has", self.report.places.name(at))),
        };
        let nearest = nearest(key, keys.iter().map(String::as_str))?.to_owned();
        let likely = alike(key, &nearest);
        let elsewhere = self.sections_with(key);
        let mend = if !likely && !elsewhere.is_empty() {
            format!("{key} belongs to {}; {place} {}", listed(&elsewhere, "or"), listed(keys, "and"))
        } else {
            format!("did you mean {nearest}? {place} {}", listed(keys, "and"))
        };
        self.report.add(&pointer, format!("{} is not a {kind}", self.report.places.name(&pointer)), mend);
        likely.then_some(nearest)
    }

    fn sections_with(&self, key: &str) -> Vec<String> {
        let sections = self.root.get("properties").and_then(Value::as_object);
        let with_key = sections.into_iter().flatten().filter(|(_, section)| {
            let section = section.get("items").unwrap_or(section);
            schema::keys(section).iter().any(|name| name == key)
        });
        with_key.map(|(name, _)| format!("[{name}]")).collect()
    }

    fn missing(&mut self, key: &str, schema: &Value, at: &str) {
        let pointer = child(at, key);
        let name = self.report.places.name(&pointer);
        let (text, mend) = if schema.get("properties").is_some() {
            let lines = schema::required(schema).filter_map(|key| Some(line(key, schema::property(schema, key)?)));
            (
                format!("the section [{name}] is missing"),
                format!("add [{name}] with {}", lines.collect::<Vec<_>>().join(" and ")),
            )
        } else {
            (format!("{name} is missing"), format!("add {}", line(key, schema)))
        };
        self.report.add(&pointer, text, mend);
    }
}

/// `key = example`, for a mend.
fn line(key: &str, schema: &Value) -> String {
    let line = format!("{key} = {}", shown_value(&schema::example(schema)));
    if schema::takes_file(schema) {
        format!("{line}, or {}, the path of a file that holds it", schema::file_key(key))
    } else {
        line
    }
}

fn wrong_type(value: &Value, schema: &Value) -> Option<ValueFault> {
    let expected = schema.get("type").and_then(Value::as_str)?;
    let fits = match expected {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    (!fits).then(|| {
        let example = shown_value(&schema::example(schema));
        let options = schema.get("enum").and_then(Value::as_array);
        let mend = match (expected, value) {
            _ if options.is_some() => choice("", options.into_iter().flatten().filter_map(Value::as_str)),
            ("array", Value::Object(_)) => "write a list: [[…]] as the header of each, or [{ … }, { … }]".to_owned(),
            ("array", _) => "write a list: [ … ]".to_owned(),
            ("object", _) => "write a section of its own: its name in brackets on a line, its keys below".to_owned(),
            ("string", Value::Number(_) | Value::Bool(_)) => format!("put it in quotes: \"{value}\""),
            ("integer" | "number", Value::String(text)) if text.parse::<f64>().is_ok() => {
                format!("write it without quotes: {text}")
            }
            ("string", _) => "write a text in quotes".to_owned(),
            _ => format!("write for example {example}"),
        };
        ValueFault::new(format!("is not {}", type_name(expected)), mend)
    })
}

fn type_name(name: &str) -> &'static str {
    match name {
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        _ => "a section",
    }
}

fn out_of_range(value: &Value, schema: &Value) -> Option<ValueFault> {
    if let Some(options) = schema.get("enum").and_then(Value::as_array)
        && !options.contains(value)
    {
        let names: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let mend = choice(value.as_str().unwrap_or_default(), names.iter().copied());
        return Some(ValueFault::new(format!("is not one of {}", listed(&quoted, "and")), mend));
    }
    if let Some(text) = value.as_str() {
        let blank = schema.get("minLength").is_some() && text.trim().is_empty();
        return blank.then(|| ValueFault::new("is empty", "give it a value, or leave the key out if it is optional"));
    }
    if let Some(values) = value.as_array() {
        let empty = schema.get("minItems").is_some() && values.is_empty();
        return empty
            .then(|| ValueFault::new("is an empty list", "list at least one, or leave the key out if it is optional"));
    }
    let number = value.as_f64()?;
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let (low, high) = (bound("minimum"), bound("maximum"));
    if low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high) {
        let text = match (low, high) {
            (Some(low), Some(high)) => format!("is outside {low} to {high}"),
            (Some(low), None) => format!("is less than {low}"),
            (None, high) => format!("is more than {}", high.unwrap_or_default()),
        };
        return Some(ValueFault::new(text, "write a number within the bounds"));
    }
    None
}
