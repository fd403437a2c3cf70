//! Users by number: every MXID is kept once, and everything else speaks of it by a four-byte index.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

/// A user of one [`Users`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserIx(u32);

impl UserIx {
    /// Position in the table.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("a table of users holds fewer than 2^32"))
    }
}

/// Every MXID ever seen, in the order of first sight.
///
/// MXIDs of our own server are kept without sigil and server name; others are kept whole. A localpart never begins
/// with `@` here, so the two cannot be mistaken for each other; nor can what is no MXID be mistaken for a localpart.
#[derive(Debug)]
pub struct Users {
    suffix: String,
    text: String,
    ends: Vec<u32>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Users {
    /// An empty table for one server name.
    pub fn new(server_name: &str) -> Self {
        Self {
            suffix: format!(":{server_name}"),
            text: String::new(),
            ends: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// How many users are known.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no user is known.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The index of an MXID, which is remembered if it is new.
    pub fn intern(&mut self, mxid: &str) -> UserIx {
        if let Some(user) = self.get(mxid) {
            return user;
        }
        let key = &*key_of(mxid, &self.suffix);
        let number = u32::try_from(self.ends.len()).expect("a table of users holds fewer than 2^32");
        self.text.push_str(key);
        self.ends.push(u32::try_from(self.text.len()).expect("names of all users fit in 4 GiB"));
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        self.index.insert_unique(hasher.hash_one(key), number, |&other| hasher.hash_one(slice(text, ends, other)));
        UserIx(number)
    }

    /// The index of an MXID that was seen before.
    pub fn get(&self, mxid: &str) -> Option<UserIx> {
        let key = &*key_of(mxid, &self.suffix);
        let hash = self.hasher.hash_one(key);
        self.index.find(hash, |&number| slice(&self.text, &self.ends, number) == key).copied().map(UserIx)
    }

    /// The full MXID.
    pub fn mxid(&self, user: UserIx) -> String {
        let key = self.key(user);
        match key.strip_prefix(NO_MXID) {
            Some(name) => name.to_owned(),
            None if key.starts_with('@') => key.to_owned(),
            None => format!("@{key}{}", self.suffix),
        }
    }

    /// Whether the user is of our own server.
    pub fn is_local(&self, user: UserIx) -> bool {
        bytes(&self.text, &self.ends, user.0).first() != Some(&b'@')
    }

    /// What plans are ordered by: the localpart for our own users, the MXID for others.
    pub fn key(&self, user: UserIx) -> &str {
        slice(&self.text, &self.ends, user.0)
    }

    /// Every user, in the order of first sight.
    pub fn iter(&self) -> impl Iterator<Item = UserIx> + use<> {
        (0..self.ends.len()).map(UserIx::from_index)
    }
}

/// Stands before what is no MXID: a damaged answer, or an event of another server, may name anything.
const NO_MXID: &str = "@\0";

fn key_of<'a>(mxid: &'a str, suffix: &str) -> Cow<'a, str> {
    match mxid.strip_prefix('@') {
        Some(rest) if !rest.starts_with('\0') => Cow::Borrowed(match rest.strip_suffix(suffix) {
            Some(localpart) if !localpart.is_empty() && !localpart.starts_with('@') => localpart,
            _ => mxid,
        }),
        _ => Cow::Owned(format!("{NO_MXID}{mxid}")),
    }
}

fn slice<'a>(text: &'a str, ends: &[u32], number: u32) -> &'a str {
    &text[range(ends, number)]
}

/// The same without a look at where characters begin, which costs more than the answer.
fn bytes<'a>(text: &'a str, ends: &[u32], number: u32) -> &'a [u8] {
    &text.as_bytes()[range(ends, number)]
}

fn range(ends: &[u32], number: u32) -> Range<usize> {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before] as usize);
    start..ends[number] as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mxid_is_kept_once_and_comes_back_whole() {
        let mut users = Users::new("phenom.test");
        let ours = users.intern("@a:phenom.test");
        let theirs = users.intern("@a:other.test");
        assert_ne!(ours, theirs);
        assert_eq!(users.intern("@a:phenom.test"), ours);
        assert_eq!(users.mxid(ours), "@a:phenom.test");
        assert_eq!(users.mxid(theirs), "@a:other.test");
        assert!(users.is_local(ours) && !users.is_local(theirs));
        assert_eq!(users.get("@b:phenom.test"), None);
        assert_eq!(users.len(), 2);
    }

    #[test]
    fn strange_names_stay_what_they_are() {
        let mut users = Users::new("phenom.test");
        let known = users.intern("@a:phenom.test");
        let odd = ["@:phenom.test", "@@a:phenom.test", "@", "@A B:phenom.test", "@a:b:phenom.test"];
        for name in odd.into_iter().chain(["", "a", "a:phenom.test", "@\0", "@\0a", "\0a"]) {
            let user = users.intern(name);
            assert_eq!(users.mxid(user), name);
            assert_eq!(users.get(name), Some(user));
            assert_ne!(user, known, "{name:?} is not somebody else");
        }
        let no_mxid = users.get("a").unwrap();
        assert!(!users.is_local(no_mxid));
    }
}
