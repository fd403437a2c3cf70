//! A JSON tree, and what damage does to it.

use std::fmt;

use proptest::sample::Index;
use serde_json::Value;

use super::damage::TreeDamage;

/// JSON that may say a key twice, and hold what is no JSON.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    /// As it stands in the text.
    Leaf(String),
    List(Vec<Tree>),
    /// Keys are as they stand between their quotes.
    Fields(Vec<(String, Tree)>),
}

impl Tree {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(fields) => {
                let quoted = |key: &str| Value::from(key).to_string();
                let inner = |key: &str| quoted(key)[1..quoted(key).len() - 1].to_owned();
                Self::Fields(fields.iter().map(|(key, value)| (inner(key), Self::of(value))).collect())
            }
            leaf => Self::Leaf(leaf.to_string()),
        }
    }

    fn nodes(&self) -> usize {
        1 + match self {
            Self::Leaf(_) => 0,
            Self::List(items) => items.iter().map(Self::nodes).sum(),
            Self::Fields(fields) => fields.iter().map(|(_, value)| value.nodes()).sum(),
        }
    }

    /// The node of this number; its number is what is left where it is not here.
    fn node(&mut self, number: &mut usize) -> Option<&mut Self> {
        if *number == 0 {
            return Some(self);
        }
        *number -= 1;
        match self {
            Self::Leaf(_) => None,
            Self::List(items) => items.iter_mut().find_map(|item| item.node(number)),
            Self::Fields(fields) => fields.iter_mut().find_map(|(_, value)| value.node(number)),
        }
    }

    fn at(&mut self, at: &Index) -> &mut Self {
        let mut number = at.index(self.nodes());
        self.node(&mut number).expect("it is one of the nodes")
    }

    fn fields(&self) -> usize {
        match self {
            Self::Leaf(_) => 0,
            Self::List(items) => items.iter().map(Self::fields).sum(),
            Self::Fields(fields) => fields.len() + fields.iter().map(|(_, value)| value.fields()).sum::<usize>(),
        }
    }

    /// The object with the field of this number, and its place there.
    fn holder(&mut self, number: &mut usize) -> Option<(&mut Vec<(String, Self)>, usize)> {
        match self {
            Self::Leaf(_) => None,
            Self::List(items) => items.iter_mut().find_map(|item| item.holder(number)),
            Self::Fields(fields) => {
                if *number < fields.len() {
                    return Some((fields, *number));
                }
                *number -= fields.len();
                fields.iter_mut().find_map(|(_, value)| value.holder(number))
            }
        }
    }

    /// Some field; nothing where there is no object with any.
    fn field(&mut self, at: &Index) -> Option<(&mut Vec<(String, Self)>, usize)> {
        let mut number = at.index(self.fields().max(1));
        self.holder(&mut number)
    }

    pub(super) fn damage(&mut self, damage: &TreeDamage, corpus: &[(String, Vec<u8>)]) {
        match damage {
            TreeDamage::Replace(at, value) => *self.at(at) = Self::Leaf(value.clone()),
            TreeDamage::Graft(at, file, node) => {
                let (_, bytes) = &corpus[file.index(corpus.len())];
                if let Ok(other) = serde_json::from_slice(bytes) {
                    *self.at(at) = Self::of(&other).at(node).clone();
                }
            }
            TreeDamage::Remove(at) => match self.field(at) {
                Some((fields, place)) => drop(fields.remove(place)),
                None => *self = Self::Leaf(String::new()),
            },
            TreeDamage::Twice(at, value, last) => {
                if let Some((fields, place)) = self.field(at) {
                    let twin = (fields[place].0.clone(), Self::Leaf(value.clone()));
                    fields.insert(if *last { fields.len() } else { place }, twin);
                }
            }
            TreeDamage::Rename(at, key) => {
                if let Some((fields, place)) = self.field(at) {
                    fields[place].0.clone_from(key);
                }
            }
            TreeDamage::Escape(at) => {
                if let Some((fields, place)) = self.field(at) {
                    let (key, value) = &mut fields[place];
                    *key = escaped(key);
                    if let Self::Leaf(text) = value
                        && let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'))
                    {
                        *text = format!("\"{}\"", escaped(inner));
                    }
                }
            }
            TreeDamage::Wrap(at, list) => {
                let node = self.at(at);
                let inner = std::mem::replace(node, Self::Leaf(String::new()));
                *node = if *list { Self::List(vec![inner]) } else { Self::Fields(vec![("a".to_owned(), inner)]) };
            }
            TreeDamage::Deep(at, depth, list) => {
                let (open, shut) = if *list { ("[", "]") } else { ("{\"a\":", "}") };
                *self.at(at) = Self::Leaf(format!("{}0{}", open.repeat(*depth), shut.repeat(*depth)));
            }
            TreeDamage::Long(at, length) => *self.at(at) = Self::Leaf(format!("\"{}\"", "x".repeat(*length))),
        }
    }
}

/// What has an escape in it already is left as it is.
fn escaped(inner: &str) -> String {
    if inner.contains('\\') {
        return inner.to_owned();
    }
    inner.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(text) => f.write_str(text),
            Self::List(items) => {
                f.write_str("[")?;
                for (number, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if number > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Fields(fields) => {
                f.write_str("{")?;
                for (number, (key, value)) in fields.iter().enumerate() {
                    write!(f, "{}\"{key}\":{value}", if number > 0 { "," } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}
