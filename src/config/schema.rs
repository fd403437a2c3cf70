//! The JSON schema that the section types generate: what editors read, and what the checks are driven by.

use schemars::{Schema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::Config;

/// Keyword that names the grammar a string must match, one of [`super::grammar`].
pub(super) const GRAMMAR: &str = "x-grammar";
/// Keyword with advice of a key's own, used where its type or range is wrong.
pub(super) const MEND: &str = "x-mend";
/// Keyword of a secret that has no `KEY_file`, because another key takes the path of such a file.
const WITHOUT_FILE: &str = "x-without-file";

/// The schema of the configuration file, as `config schema` prints it.
pub fn schema() -> Value {
    let mut schema = resolved();
    schema["title"] = "phenom-provisioner configuration".into();
    publish_secrets(&mut schema);
    schema
}

/// The schema of the configuration once the files of secrets are read: every `$ref` inlined, and without null, which
/// TOML does not have.
pub(super) fn resolved() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = Value::from(settings.into_generator().into_root_schema_for::<Config>());
    remove_null(&mut schema);
    schema
}

/// A schema that is an object literal.
pub(super) fn literal(value: Value) -> Schema {
    Schema::try_from(value).expect("the literal is an object")
}

/// The grammar that a string must match, by its name.
pub(super) fn grammar(schema: &Value) -> Option<&str> {
    schema.get(GRAMMAR).and_then(Value::as_str)
}

/// The schema of a key.
pub(super) fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(key)
}

/// The keys a section can have, as people may write them: secrets also as `KEY_file`.
pub(super) fn keys(schema: &Value) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut keys = Vec::new();
    for (key, schema) in properties.into_iter().flatten() {
        keys.push(key.clone());
        if takes_file(schema) {
            keys.push(file_key(key));
        }
    }
    keys
}

/// The keys of a section that are secrets and can be given as a file.
pub(super) fn secrets(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().filter(|(_, schema)| takes_file(schema)).map(|(key, _)| key.as_str())
}

/// The key that names a file with the secret `key`.
pub(super) fn file_key(key: &str) -> String {
    format!("{key}_file")
}

/// Whether the value may never be printed.
pub(super) fn is_secret(schema: &Value) -> bool {
    schema.get("writeOnly") == Some(&Value::Bool(true))
}

/// Whether the value can be given as the path of a file that holds it.
pub(super) fn takes_file(schema: &Value) -> bool {
    is_secret(schema) && schema.get(WITHOUT_FILE).is_none()
}

/// Whether the value holds a secret, itself or somewhere below.
pub(super) fn holds_secret(schema: &Value) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    is_secret(schema) || properties.into_iter().flatten().any(|(_, schema)| holds_secret(schema))
}

/// The keys a section must have.
pub(super) fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// A value the schema accepts, to stand in for one that it refuses while the rest is read.
pub(super) fn example(schema: &Value) -> Value {
    let first = |keyword: &str| schema.get(keyword)?.get(0).cloned();
    if let Some(value) = first("examples").or_else(|| schema.get("default").cloned()).or_else(|| first("enum")) {
        return value;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let entries =
                required(schema).map(|key| (key.to_owned(), property(schema, key).map_or(Value::Null, example)));
            Value::Object(entries.collect())
        }
        Some("array") => Value::Array(Vec::new()),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => Value::Bool(false),
        _ => Value::from("example"),
    }
}

/// Adds `KEY_file` beside every secret; a required secret may be given as either.
fn publish_secrets(schema: &mut Value) {
    let names: Vec<String> = secrets(schema).map(str::to_owned).collect();
    let needed: Vec<String> = required(schema).map(str::to_owned).collect();
    for name in names {
        let file = file_key(&name);
        let rule = match needed.contains(&name) {
            true => json!({ "oneOf": [{ "required": [name] }, { "required": [file] }] }),
            false => json!({ "not": { "required": [name, file] } }),
        };
        match schema.get_mut("allOf").and_then(Value::as_array_mut) {
            Some(rules) => rules.push(rule),
            None => schema["allOf"] = json!([rule]),
        }
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|key| key.as_str() != Some(&name));
        }
        schema["properties"][&file] =
            json!({ "type": "string", "description": format!("Path of a file that holds `{name}`; never both.") });
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(publish_secrets);
    }
}

fn remove_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.retain(|key, value| key != "default" || !value.is_null());
            object.values_mut().for_each(remove_null);
            remove_null_type(object);
        }
        Value::Array(values) => values.iter_mut().for_each(remove_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn remove_null_type(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(alternatives)) = object.get_mut("anyOf") else { return };
    alternatives.retain(|schema| schema.get("type") != Some(&Value::from("null")));
    if alternatives.len() == 1
        && let Some(Value::Object(only)) = alternatives.pop()
    {
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}
