//! Names of teams, roles and groups by number, so that a selector is a comparison of integers.

use hashbrown::HashMap;

/// A name of one [`Names`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameIx(u32);

/// Teams, roles and groups seen in policy or in a source. Names are compared as they are: case matters, as it does in
/// Postgres and Cognito.
#[derive(Debug, Default)]
pub struct Names {
    texts: Vec<String>,
    index: HashMap<String, NameIx>,
}

impl Names {
    /// The index of a name, which is remembered if it is new.
    pub fn intern(&mut self, name: &str) -> NameIx {
        if let Some(&known) = self.index.get(name) {
            return known;
        }
        let ix = NameIx(u32::try_from(self.texts.len()).expect("there are fewer than 2^32 names"));
        self.texts.push(name.to_owned());
        self.index.insert(name.to_owned(), ix);
        ix
    }

    /// The name itself.
    pub fn text(&self, name: NameIx) -> &str {
        &self.texts[name.0 as usize]
    }
}
