//! Names of teams, roles and groups by number, so that a selector is a comparison of integers.

use hashbrown::{HashMap, HashSet};

/// A name of one [`Names`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameIx(u32);

/// Teams, roles and groups seen in policy or in a source. Names are compared as they are: case matters, as it does in
/// Postgres and Cognito.
#[derive(Debug, Default)]
pub struct Names {
    /// A name that was dropped is empty here until its number is given to another.
    texts: Vec<String>,
    index: HashMap<String, NameIx>,
    free: Vec<NameIx>,
}

impl Names {
    /// The index of a name, which is remembered if it is new.
    pub fn intern(&mut self, name: &str) -> NameIx {
        if let Some(&known) = self.index.get(name) {
            return known;
        }
        let ix = self.free.pop().unwrap_or_else(|| {
            self.texts.push(String::new());
            NameIx(u32::try_from(self.texts.len() - 1).expect("there are fewer than 2^32 names"))
        });
        name.clone_into(&mut self.texts[ix.0 as usize]);
        self.index.insert(name.to_owned(), ix);
        ix
    }

    /// The name itself.
    pub fn text(&self, name: NameIx) -> &str {
        &self.texts[name.0 as usize]
    }

    /// How many names are known.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no name is known.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Drops every name that is not among `used`; their numbers are given to others.
    pub(crate) fn keep_only(&mut self, used: &HashSet<NameIx>) {
        let Self { texts, index, free } = self;
        index.retain(|_, name| {
            let is_used = used.contains(name);
            if !is_used {
                texts[name.0 as usize] = String::new();
                free.push(*name);
            }
            is_used
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_dropped_leaves_its_number_to_another() {
        let mut names = Names::default();
        let (staff, leads) = (names.intern("staff"), names.intern("leads"));
        names.keep_only(&HashSet::from([leads]));
        assert_eq!((names.len(), names.text(leads), names.text(staff)), (1, "leads", ""));
        assert_eq!(names.intern("analysts"), staff);
        assert_eq!((names.intern("leads"), names.text(staff)), (leads, "analysts"));
    }
}
