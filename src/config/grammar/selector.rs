//! Selectors in the file: `"everyone"`, `{ team = "…" }`, `{ team = "…", role = "…" }`, `{ group = "…" }`,
//! `{ subject = "…" }`. The type itself is the policy's.

use provisioner_policy::Selector;
use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value, json};

use super::super::{nearest::nearest, problem::ValueFault, schema};

const FORMS: &str =
    "write \"everyone\", { team = \"…\" }, { team = \"…\", role = \"…\" }, { group = \"…\" } or { subject = \"…\" }";

/// The schema of a list of selectors that names somebody.
pub(in crate::config) fn list(_: &mut SchemaGenerator) -> Schema {
    let name = json!({ "type": "string", "minLength": 1 });
    let form = |keys: &[&str]| {
        let properties: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), name.clone())).collect();
        json!({ "type": "object", "properties": properties, "required": keys, "additionalProperties": false })
    };
    schema::literal(json!({
        "type": "array",
        "minItems": 1,
        "examples": [["everyone"]],
        "items": {
            (schema::GRAMMAR): "selector",
            "examples": ["everyone"],
            "oneOf": [{ "const": "everyone" }, form(&["team"]), form(&["team", "role"]), form(&["group"]), form(&["subject"])],
        },
    }))
}

/// Explains what is wrong with a value that should be a selector.
pub(super) fn check(value: &Value) -> Result<(), ValueFault> {
    let fault = |text: &str, mend: String| Err(ValueFault::new(text, mend));
    let Value::Object(entries) = value else {
        return match value.as_str() {
            Some("everyone") => Ok(()),
            Some(text) if nearest(text, ["everyone"]).is_some() && strsim::levenshtein(text, "everyone") <= 3 => {
                fault("is not a selector", "did you mean \"everyone\"?".to_owned())
            }
            _ => fault("is not a selector", FORMS.to_owned()),
        };
    };
    let keys: Vec<&str> = entries.keys().map(String::as_str).collect();
    let known = ["team", "role", "group", "subject"];
    if let Some(unknown) = keys.iter().find(|key| !known.contains(key)) {
        let mend = match nearest(unknown, known) {
            Some(name) if strsim::damerau_levenshtein(unknown, name) <= 2 => format!("did you mean {name}? {FORMS}"),
            _ => FORMS.to_owned(),
        };
        return fault("is not a selector", mend);
    }
    for (key, value) in entries {
        match value.as_str() {
            Some(name) if !name.trim().is_empty() => {}
            Some(_) => return fault(&format!("is not a selector: its {key} is empty"), format!("name the {key}")),
            None => return fault("is not a selector", format!("put the {key} in quotes")),
        }
    }
    match keys.as_slice() {
        ["team"] | ["role", "team"] | ["team", "role"] | ["group"] => Ok(()),
        ["subject"] => check_subject(value["subject"].as_str().unwrap_or_default()),
        ["role"] => fault(
            "is not a selector: a role counts only within a team",
            "add the team: { team = \"…\", role = \"…\" }".to_owned(),
        ),
        [] => fault("is not a selector", FORMS.to_owned()),
        _ => {
            let each: Vec<String> = entries.iter().map(|(key, value)| format!("{{ {key} = {value} }}")).collect();
            fault(
                "is not a selector: it names several things at once",
                format!("write several, each for itself: {}", each.join(", ")),
            )
        }
    }
}

fn check_subject(subject: &str) -> Result<(), ValueFault> {
    if let Some(localpart) = subject.strip_prefix('@') {
        let localpart = localpart.split(':').next().unwrap_or_default();
        let mend = format!("a subject is a user id without @ and server: {{ subject = \"{localpart}\" }}");
        return Err(ValueFault::new("is not a selector", mend));
    }
    if subject.contains('@') {
        return Err(ValueFault::new(
            "is not a selector: a subject is a Cognito sub, not an e-mail address",
            "write the user's sub",
        ));
    }
    Ok(())
}

/// Reads a list of selectors that [`check`] has passed.
pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Selector>, D::Error> {
    let values: Vec<Value> = Vec::deserialize(deserializer)?;
    values.iter().map(|value| parse(value).ok_or_else(|| D::Error::custom("not a selector"))).collect()
}

fn parse(value: &Value) -> Option<Selector> {
    if value == "everyone" {
        return Some(Selector::Everyone);
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match (text("team"), text("role"), text("group"), text("subject")) {
        (Some(team), Some(role), None, None) => Some(Selector::TeamRole { team, role }),
        (Some(team), None, None, None) => Some(Selector::Team(team)),
        (None, None, Some(group), None) => Some(Selector::Group(group)),
        (None, None, None, Some(subject)) => Some(Selector::Subject(subject)),
        _ => None,
    }
}
