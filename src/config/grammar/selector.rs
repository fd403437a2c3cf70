//! Selectors in the file: one table of the forms they are written in. The type itself is the policy's.

use provisioner_policy::Selector;
use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value, json};

use super::super::{problem::ValueFault, schema};
use crate::nearest::{alike, meant};

/// The selector that is a text and no table.
const EVERYONE: &str = "everyone";

/// The keys of a table that is a selector, and what its values, in the order of the keys, make.
type Form = (&'static [&'static str], fn(&[&str]) -> Selector);

/// Every form of a table: all but [`EVERYONE`]. Schema, checks, mends and parser read it here.
const FORMS: [Form; Selector::FORMS - 1] = [
    (&["team"], |values| Selector::Team(values[0].to_owned())),
    (&["team", "role"], |values| Selector::TeamRole { team: values[0].to_owned(), role: values[1].to_owned() }),
    (&["group"], |values| Selector::Group(values[0].to_owned())),
    (&["subject"], |values| Selector::Subject(values[0].to_owned())),
];

/// What to write, as a mend says it.
fn write_one() -> String {
    let forms = FORMS.map(|(keys, _)| shown(keys));
    let [others @ .., last] = forms.as_slice() else { return String::new() };
    format!("write \"{EVERYONE}\", {} or {last}", others.join(", "))
}

fn shown(keys: &[&str]) -> String {
    let pairs: Vec<String> = keys.iter().map(|key| format!("{key} = \"…\"")).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// The schema of a list of selectors that names somebody.
pub(in crate::config) fn list(_: &mut SchemaGenerator) -> Schema {
    let name = json!({ "type": "string", "minLength": 1 });
    let form = |(keys, _): Form| {
        let properties: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), name.clone())).collect();
        json!({ "type": "object", "properties": properties, "required": keys, "additionalProperties": false })
    };
    let forms: Vec<Value> = std::iter::once(json!({ "const": EVERYONE })).chain(FORMS.map(form)).collect();
    schema::literal(json!({
        "type": "array",
        "minItems": 1,
        "examples": [[EVERYONE]],
        "items": { (schema::GRAMMAR): "selector", "examples": [EVERYONE], "oneOf": forms },
    }))
}

/// Explains what is wrong with a value that should be a selector.
pub(super) fn check(value: &Value) -> Result<(), ValueFault> {
    let fault = |text: &str, mend: String| Err(ValueFault::new(text, mend));
    let Value::Object(entries) = value else {
        return match value.as_str() {
            Some(EVERYONE) => Ok(()),
            Some(text) if alike(text, EVERYONE) => fault("is not a selector", format!("did you mean \"{EVERYONE}\"?")),
            _ => fault("is not a selector", write_one()),
        };
    };
    let known = || FORMS.into_iter().flat_map(|(keys, _)| keys.iter().copied());
    if let Some(unknown) = entries.keys().find(|key| !known().any(|known| known == key.as_str())) {
        let mend = match meant(unknown, known()) {
            Some(name) => format!("did you mean {name}? {}", write_one()),
            None => write_one(),
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
    match parse(value) {
        Some(Selector::Subject(subject)) => check_subject(&subject),
        Some(_) => Ok(()),
        None if entries.is_empty() => fault("is not a selector", write_one()),
        None if entries.len() == 1 => fault(
            "is not a selector: a role counts only within a team",
            "add the team: { team = \"…\", role = \"…\" }".to_owned(),
        ),
        None => {
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
    if value == EVERYONE {
        return Some(Selector::Everyone);
    }
    let entries = value.as_object()?;
    FORMS.into_iter().filter(|(keys, _)| keys.len() == entries.len()).find_map(|(keys, make)| {
        let values: Option<Vec<&str>> = keys.iter().map(|key| entries.get(*key)?.as_str()).collect();
        Some(make(&values?))
    })
}
