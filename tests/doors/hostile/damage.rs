//! Damage: how often each is tried, and what it does to bytes. `tree` has what it does to JSON.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use super::pieces::{KEYS, PIECES, value};
use super::tree::Tree;

/// One damage to the tree of a JSON text. Nodes are counted in the order in which they stand.
#[derive(Clone, Debug)]
pub(crate) enum TreeDamage {
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
pub(crate) enum ByteDamage {
    Cut(Index, usize),
    CutOff(Index),
    Insert(Index, String),
    Flip(Index, u8),
    /// A piece of any file of the corpus.
    Splice(Index, Index, Index, usize),
    Repeat(Index, usize, usize),
}

pub(crate) fn tree_damage() -> impl Strategy<Value = TreeDamage> {
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

pub(crate) fn byte_damage() -> impl Strategy<Value = ByteDamage> {
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

pub(crate) fn damaged(
    bytes: &[u8],
    in_tree: &[TreeDamage],
    in_bytes: &[ByteDamage],
    corpus: &[(String, Vec<u8>)],
) -> Vec<u8> {
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
