//! Secrets: values that are never printed, given as `KEY` or as the path of a file in `KEY_FILE`.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    document::{Document, child},
    report::ProblemReport,
    schema,
    shown::without_passwords,
};

/// A value that `Debug` does not show. [`Secret::expose`] is the only way to it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, to be handed to a client and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true, "minLength": 1 })
    }
}

/// A file that a secret was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// The secret it holds, as a JSON pointer.
    pub of: String,
    pub path: PathBuf,
}

/// The files that hold secrets, as far as they are named.
pub(super) fn secret_files(document: &Document, schema: &Value, base: &Path) -> Vec<SecretFile> {
    let sections = document.value.as_object().into_iter().flatten();
    let files = sections.flat_map(|(name, section)| {
        let keys = schema::property(schema, name).into_iter().flat_map(schema::secrets);
        keys.filter_map(move |key| {
            let path = base.join(section.get(schema::file_key(key))?.as_str()?);
            Some(SecretFile { of: child(&child("", name), key), path })
        })
    });
    files.collect()
}

/// Puts the content of every secret's file in the place of the secret, so that everything after sees only `KEY`.
/// Relative paths start at `base`. Returns the changed tree.
pub(super) fn read_secret_files(
    document: &Document,
    schema: &Value,
    base: &Path,
    report: &mut ProblemReport<'_>,
) -> Value {
    let mut value = document.value.clone();
    if let Some(sections) = value.as_object_mut() {
        for (name, section) in sections {
            let Some(section_schema) = schema::property(schema, name) else { continue };
            let Some(section) = section.as_object_mut() else { continue };
            for key in schema::secrets(section_schema) {
                read_secret_file(section, &child("", name), key, base, report);
            }
        }
    }
    value
}

fn read_secret_file(
    section: &mut Map<String, Value>,
    at: &str,
    key: &str,
    base: &Path,
    report: &mut ProblemReport<'_>,
) {
    let file_key = schema::file_key(key);
    let Some(file) = section.remove(&file_key) else { return };
    let (secret, named_by) = (child(at, key), child(at, &file_key));
    let name = report.places.name(&named_by);
    if section.contains_key(key) {
        let other = report.places.place(&secret);
        report.add(
            &named_by,
            format!("{name} is given, and so is {key} ({other})"),
            format!("keep one of {key} and {file_key}"),
        );
        return;
    }
    let content = match file.as_str() {
        None => Err(("is not a path".to_owned(), format!("write {file_key} = \"/run/secrets/…\""))),
        Some(path) => match std::fs::read_to_string(base.join(path)) {
            Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                "" => Err((format!("= {path:?} names an empty file"), "put the secret into that file".to_owned())),
                content => Ok(content.to_owned()),
            },
            Err(error) => Err((
                format!("= {:?} cannot be read: {error}", without_passwords(path)),
                format!("{file_key} takes the path of a file that holds the secret and that this user may read"),
            )),
        },
    };
    match content {
        Ok(content) => {
            section.insert(key.to_owned(), Value::String(content));
            report.read_from(secret, named_by);
        }
        Err((text, mend)) => {
            report.add(&named_by, format!("{name} {text}"), mend);
            // The secret itself is then not missing as well.
            report.silence(&secret);
        }
    }
}
