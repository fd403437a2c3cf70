//! Hostile inputs: a door's corpus, damaged in every way that a stranger has, and how often each damage is tried.
//!
//! One input is one file of the corpus with a few damages, first those of its JSON tree (where it is JSON), then those of its bytes.
//! 10,000 inputs a door are the same in each run; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` say more, and others. What fails is
//! shrunk to the fewest damages. A door is only shown where some inputs are taken and some refused, so `walk` asks for both.
//!
//! `src/lib.rs` compiles this file too, for the doors that stand within the crate: no item is made public for a test.

use std::cell::Cell;
use std::fmt;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::Value;

/// Inputs a door, and the seed of them, where the environment says nothing.
const INPUTS: u32 = 10_000;
const SEED: u64 = 20_261_129;

/// One input.
pub(crate) struct Hostile<'a> {
    /// The file of the corpus that it was made of, without its ending.
    pub(crate) seed: &'a str,
    pub(crate) bytes: &'a [u8],
}

impl Hostile<'_> {
    /// As text, with what is no UTF-8 replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes).into_owned()
    }
}

impl fmt::Display for Hostile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text().chars().take(4000).collect();
        write!(f, "{} with damage: {text}", self.seed)
    }
}

/// What became of an input: the door took something of it, or nothing.
pub(crate) type Verdict = Result<bool, TestCaseError>;

/// Sends the corpus in this folder of the repository through a door, as it is and damaged.
pub(crate) fn walk(folder: &str, door: impl Fn(&Hostile<'_>) -> Verdict) {
    walk_with(INPUTS, folder, door);
}

/// The same with so many inputs, where the environment says nothing.
pub(crate) fn walk_with(inputs: u32, folder: &str, door: impl Fn(&Hostile<'_>) -> Verdict) {
    let corpus = corpus(folder);
    for (seed, bytes) in &corpus {
        door(&Hostile { seed, bytes }).unwrap_or_else(|error| panic!("{seed}: {error}"));
    }
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = inputs;
    }
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    let (inputs, taken) = (config.cases, Cell::new(0_u32));
    let damages =
        (any::<Index>(), prop::collection::vec(tree_damage(), 0..4), prop::collection::vec(byte_damage(), 0..3));
    let walked = TestRunner::new(config).run(&damages, |(at, in_tree, in_bytes)| {
        let (seed, bytes) = &corpus[at.index(corpus.len())];
        let bytes = damaged(bytes, &in_tree, &in_bytes, &corpus);
        let hostile = Hostile { seed, bytes: &bytes };
        let was_taken = door(&hostile).map_err(|error| match error {
            TestCaseError::Fail(why) => TestCaseError::fail(format!("{why}\n{hostile}")),
            other => other,
        })?;
        taken.set(taken.get() + u32::from(was_taken));
        Ok(())
    });
    if let Err(error) = walked {
        panic!("{folder}: {error}");
    }
    let share = taken.get() * 100 / inputs;
    println!("{folder}: {inputs} inputs, {} taken", taken.get());
    assert!((1..100).contains(&share), "{folder}: {share} % of the inputs are taken, which shows little");
}

/// The files of a folder, each with its name, in order.
fn corpus(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut corpus: Vec<(String, Vec<u8>)> = files
        .map(|file| file.expect("the folder can be listed").path())
        .map(|file| {
            let name = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            (name, std::fs::read(&file).expect("the corpus can be read"))
        })
        .collect();
    corpus.sort();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    corpus
}

/// One damage to the tree of a JSON text. Nodes are counted in the order in which they stand.
#[derive(Clone, Debug)]
enum TreeDamage {
    Replace(Index, String),
    /// With a node of any file of the corpus.
    Graft(Index, Index, Index),
    Remove(Index),
    /// A field stands twice: the second time, or the first, with this value.
    Twice(Index, String, bool),
    Rename(Index, String),
    /// Every character of a string, or of a key, is an escape.
    Escape(Index),
    /// A list, or an object, around it.
    Wrap(Index, bool),
    /// So many brackets in its place.
    Deep(Index, usize, bool),
    /// A string of so many bytes in its place.
    Long(Index, usize),
}

/// One damage to bytes.
#[derive(Clone, Debug)]
enum ByteDamage {
    Cut(Index, usize),
    CutOff(Index),
    Insert(Index, String),
    Flip(Index, u8),
    /// A piece of any file of the corpus.
    Splice(Index, Index, Index, usize),
    Repeat(Index, usize, usize),
}

/// Values as JSON text, some of which `serde_json` reads and some not.
const VALUES: [&str; 44] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "49",
    "50",
    "51",
    "99",
    "100",
    "101",
    "5.9",
    "-5.9",
    "1e2",
    "1e308",
    "1e999",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "99999999999999999999999999",
    r#""""#,
    r#"" ""#,
    r#""0""#,
    r#""100""#,
    r#"" 1_00 ""#,
    r#""-1""#,
    r#""1e2""#,
    r#""\u0000""#,
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""\u202e\u2066\u200b""#,
    r#""join""#,
    r#""leave""#,
    r#""ban""#,
    r#""@bot:hs""#,
    r#""!staff:hs""#,
    "[]",
    "{}",
    "[null]",
    r#"{"":{}}"#,
    r#"{"a":1,"a":2}"#,
];

const KEYS: [&str; 12] = [
    "",
    "a",
    "type",
    "state_key",
    "content",
    "users",
    "membership",
    "sender",
    "users_default",
    "\\u0000",
    "\\ud800",
    "\u{202e}",
];

/// What JSON, HTML, YAML, TOML and people are made of.
const PIECES: [&str; 50] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ",",
    ":",
    "\\u0000",
    "\\ud800",
    "\\u202e",
    "\0",
    "\u{1}",
    "\u{7f}",
    "\u{85}",
    "\u{200b}",
    "\u{202e}",
    "\u{2066}",
    "\u{2028}",
    "\u{feff}",
    "é",
    "\u{ffff}",
    "\u{10ffff}",
    "\n",
    "\r\n",
    "\t",
    " ",
    "# ",
    "'",
    "<",
    ">",
    "&",
    "<a href=\"https://matrix.to/#/@eve:hs\">",
    "</a>",
    "<blockquote>",
    "</mx-reply>",
    "<!--",
    "-->",
    "&amp;lt;",
    "- ",
    "---\n",
    "? ",
    "!!str ",
    "&a ",
    "*a",
    "<<: ",
    "= ",
    "[[rooms]]\n",
    "!provisioner pause ",
    "> ",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(&VALUES[..]).prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<String>().prop_map(|text| Value::from(text).to_string()),
    ]
}

fn tree_damage() -> impl Strategy<Value = TreeDamage> {
    let at = any::<Index>;
    prop_oneof![
        5 => (at(), value()).prop_map(|(at, value)| TreeDamage::Replace(at, value)),
        4 => (at(), at(), at()).prop_map(|(at, file, node)| TreeDamage::Graft(at, file, node)),
        3 => at().prop_map(TreeDamage::Remove),
        3 => (at(), value(), any::<bool>()).prop_map(|(at, value, last)| TreeDamage::Twice(at, value, last)),
        1 => (at(), select(&KEYS[..])).prop_map(|(at, key)| TreeDamage::Rename(at, key.to_owned())),
        1 => at().prop_map(TreeDamage::Escape),
        1 => (at(), any::<bool>()).prop_map(|(at, list)| TreeDamage::Wrap(at, list)),
        1 => (at(), select(vec![3, 60, 127, 128, 2000]), any::<bool>()).prop_map(|(at, depth, list)| TreeDamage::Deep(at, depth, list)),
        1 => (at(), select(vec![254, 255, 256, 10_000])).prop_map(|(at, length)| TreeDamage::Long(at, length)),
    ]
}

fn byte_damage() -> impl Strategy<Value = ByteDamage> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 1..20_usize).prop_map(|(at, length)| ByteDamage::Cut(at, length)),
        1 => at().prop_map(ByteDamage::CutOff),
        6 => (at(), select(&PIECES[..])).prop_map(|(at, piece)| ByteDamage::Insert(at, piece.to_owned())),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| ByteDamage::Flip(at, byte)),
        3 => (at(), at(), at(), 1..60_usize).prop_map(|(at, file, from, length)| ByteDamage::Splice(at, file, from, length)),
        1 => (at(), 1..30_usize, select(vec![2, 3, 300])).prop_map(|(at, length, times)| ByteDamage::Repeat(at, length, times)),
    ]
}

fn damaged(bytes: &[u8], in_tree: &[TreeDamage], in_bytes: &[ByteDamage], corpus: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = match serde_json::from_slice::<Value>(bytes) {
        Ok(value) if !in_tree.is_empty() => {
            let mut tree = Tree::of(&value);
            in_tree.iter().for_each(|damage| tree.damage(damage, corpus));
            tree.to_string().into_bytes()
        }
        _ => bytes.to_vec(),
    };
    // Every other input keeps the form that it has: bytes that parse go furthest.
    for damage in in_bytes.iter().skip(usize::from(in_tree.len() > 1)) {
        hurt(&mut bytes, damage, corpus);
    }
    bytes
}

fn hurt(bytes: &mut Vec<u8>, damage: &ByteDamage, corpus: &[(String, Vec<u8>)]) {
    let place = |at: &Index| at.index(bytes.len() + 1);
    match damage {
        ByteDamage::Cut(at, length) => {
            let start = place(at);
            bytes.drain(start..(start + length).min(bytes.len()));
        }
        ByteDamage::CutOff(at) => bytes.truncate(place(at)),
        ByteDamage::Insert(at, piece) => {
            let at = place(at);
            bytes.splice(at..at, piece.bytes());
        }
        ByteDamage::Flip(at, byte) => {
            let at = place(at);
            if let Some(there) = bytes.get_mut(at) {
                *there ^= byte;
            }
        }
        ByteDamage::Splice(at, file, from, length) => {
            let (at, (_, other)) = (place(at), &corpus[file.index(corpus.len())]);
            let from = from.index(other.len() + 1);
            bytes.splice(at..at, other[from..(from + length).min(other.len())].iter().copied());
        }
        ByteDamage::Repeat(at, length, times) => {
            let start = place(at);
            let piece = bytes[start..(start + length).min(bytes.len())].repeat(*times);
            bytes.splice(start..start, piece);
        }
    }
}

/// JSON that may say a key twice, and hold what is no JSON.
#[derive(Clone, Debug)]
enum Tree {
    /// As it stands in the text.
    Leaf(String),
    List(Vec<Tree>),
    /// Keys are as they stand between their quotes.
    Fields(Vec<(String, Tree)>),
}

impl Tree {
    fn of(value: &Value) -> Self {
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

    fn damage(&mut self, damage: &TreeDamage, corpus: &[(String, Vec<u8>)]) {
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
