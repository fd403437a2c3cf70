//! The roster: rows of (subject, team, role) and what can and cannot be concluded from them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::ids::{SubjectError, mxid_of_subject};
use crate::trouble::{LONGEST, RowTrouble};

/// One row as the roster query answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RosterRow {
    pub subject: Option<String>,
    pub team: Option<String>,
    pub role: Option<String>,
}

/// A belonging to a team. No role means that the row had none: the team's selectors match, no role's selector does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Belonging {
    /// Names repeat in every row, and are kept once.
    pub team: Arc<str>,
    pub role: Option<Arc<str>>,
}

/// A whole reading of the roster, in an order that does not depend on the order of its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosterReading {
    /// Rows read.
    pub rows: usize,
    /// What each MXID belongs to.
    pub people: BTreeMap<String, Vec<Belonging>>,
    /// MXIDs that two different subjects fold to. Neither is believed, and nobody is removed for it.
    pub folded: BTreeMap<String, Vec<String>>,
    /// What could not be read, and so what must not be concluded.
    pub trouble: Vec<RowTrouble>,
}

/// Reads rows into what can be concluded from them. The order of the rows does not matter and repeated rows count once.
pub fn read_roster(rows: impl IntoIterator<Item = RosterRow>, server_name: &str, bot: &str) -> RosterReading {
    let mut reader = RosterReader::new(server_name, bot);
    rows.into_iter().for_each(|row| reader.take(row));
    reader.finish()
}

/// Takes rows one by one, so that nobody has to hold them all.
#[derive(Debug, Default)]
pub struct RosterReader {
    server_name: String,
    bot: String,
    reading: RosterReading,
    spellings: Spellings,
    names: HashMap<String, Arc<str>>,
    trouble: BTreeSet<RowTrouble>,
}

impl RosterReader {
    /// A reader that has taken nothing yet.
    pub fn new(server_name: &str, bot: &str) -> Self {
        Self { server_name: server_name.to_owned(), bot: bot.to_owned(), ..Self::default() }
    }

    /// How many rows were taken.
    pub fn rows(&self) -> usize {
        self.reading.rows
    }

    /// Takes one row.
    pub fn take(&mut self, row: RosterRow) {
        self.reading.rows += 1;
        let Some(RosterRow { subject, team, role }) = self.short(row) else { return };
        let Some(subject) = subject else {
            self.trouble.insert(RowTrouble::NoSubject { team });
            return;
        };
        let mxid = match mxid_of_subject(&subject, &self.server_name, &self.bot) {
            Ok(mxid) => mxid,
            // The bot needs no row, and it is exempt: nobody else can be meant.
            Err(SubjectError::Bot) => return,
            Err(error) => {
                self.trouble.insert(RowTrouble::BadSubject { subject, team, reason: error.to_string() });
                return;
            }
        };
        let Some(team) = team else {
            self.trouble.insert(RowTrouble::NoTeam { subject });
            return;
        };
        if role.is_none() {
            self.trouble.insert(RowTrouble::NoRole { subject: subject.clone(), team: team.clone() });
        }
        let people = &mut self.reading.people;
        self.spellings.take(&mxid, subject, |mxid| people.contains_key(mxid));
        let names = &mut self.names;
        let mut name = |text: String| match names.get(&text) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(names.entry(text.clone()).or_insert(text.into())),
        };
        let belonging = Belonging { team: name(team), role: role.map(&mut name) };
        // Most people have one row.
        people.entry(mxid).or_insert_with(|| Vec::with_capacity(1)).push(belonging);
    }

    /// The row without a role that is too long, or blank parts; nothing, where it does not say who or what team.
    fn short(&mut self, row: RosterRow) -> Option<RosterRow> {
        let is_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > LONGEST);
        let RosterRow { subject, team, role } = row;
        if is_long(&team) {
            self.trouble.insert(RowTrouble::TooLong { column: "team", team: None });
            return None;
        }
        // Blank is how some queries write that there is none: a row that is too long for its subject may then be of any team.
        let said = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let team = said(team);
        if is_long(&subject) {
            self.trouble.insert(RowTrouble::TooLong { column: "subject", team });
            return None;
        }
        if is_long(&role) {
            self.trouble.insert(RowTrouble::TooLong { column: "role", team: team.clone() });
            return Some(RosterRow { subject, team, role: None });
        }
        Some(RosterRow { subject, team, role: said(role) })
    }

    /// What all rows together say.
    pub fn finish(self) -> RosterReading {
        let Self { mut reading, spellings, mut trouble, .. } = self;
        for (mxid, mut spellings) in spellings.0 {
            if spellings.len() > 1 {
                spellings.sort();
                reading.people.remove(&mxid);
                trouble.insert(RowTrouble::Folded { mxid: mxid.clone(), subjects: spellings.clone() });
                reading.folded.insert(mxid, spellings);
            }
        }
        for belongings in reading.people.values_mut() {
            belongings.sort();
            belongings.dedup();
        }
        reading.trouble = trouble.into_iter().collect();
        reading
    }
}

/// How the subjects of an MXID are spelt, where any is not spelt as the MXID is: nearly all are.
#[derive(Debug, Default)]
struct Spellings(BTreeMap<String, Vec<String>>);

impl Spellings {
    /// `is_known`: whether there was a row of this MXID before.
    fn take(&mut self, mxid: &str, subject: String, is_known: impl Fn(&str) -> bool) {
        let plain = subject.to_ascii_lowercase();
        if !self.0.contains_key(mxid) {
            if subject == plain {
                return;
            }
            let before = if is_known(mxid) { vec![plain] } else { Vec::new() };
            self.0.insert(mxid.to_owned(), before);
        }
        let spellings = self.0.get_mut(mxid).expect("it is there by now");
        if !spellings.contains(&subject) {
            spellings.push(subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(subject: &str, team: &str, role: &str) -> RosterRow {
        let some = |text: &str| (text != "-").then(|| text.to_owned());
        RosterRow { subject: some(subject), team: some(team), role: some(role) }
    }

    fn read(rows: Vec<RosterRow>) -> RosterReading {
        read_roster(rows, "phenom.test", "@bot:phenom.test")
    }

    #[test]
    fn duplicate_rows_count_once() {
        let reading = read(vec![row("a", "staff", "lead"), row("a", "staff", "lead"), row("a", "staff", "member")]);
        assert_eq!(reading.people["@a:phenom.test"].len(), 2);
        assert!(reading.trouble.is_empty());
    }

    #[test]
    fn subjects_that_fold_to_one_mxid_are_both_refused() {
        let reading = read(vec![row("a", "staff", "lead"), row("A", "analysts", "member"), row("b", "staff", "lead")]);
        assert_eq!(reading.people.keys().collect::<Vec<_>>(), ["@b:phenom.test"]);
        assert_eq!(reading.folded["@a:phenom.test"], ["A", "a"]);
    }

    #[test]
    fn a_row_without_a_role_counts_for_its_team_only_and_is_reported() {
        let reading = read(vec![row("a", "staff", "-")]);
        assert_eq!(reading.people["@a:phenom.test"], [Belonging { team: "staff".into(), role: None }]);
        assert!(!reading.trouble[0].hides_someone_of("staff"));
    }

    #[test]
    fn a_row_that_names_nobody_hides_someone_of_its_team() {
        let reading = read(vec![row("-", "staff", "lead"), row("a b", "analysts", "lead")]);
        let hides = |team: &str| reading.trouble.iter().any(|trouble| trouble.hides_someone_of(team));
        assert!(hides("staff") && hides("analysts") && !hides("experiencers"));
        assert!(read(vec![row("a", "-", "lead")]).trouble[0].hides_someone_of("anything"));
    }

    #[test]
    fn a_blank_team_or_role_is_none() {
        for blank in ["", " ", "\t\u{a0}"] {
            assert!(read(vec![row("a", blank, "lead")]).trouble[0].hides_someone_of("staff"), "{blank:?}");
            assert!(read(vec![row("a b", blank, "lead")]).trouble[0].hides_someone_of("staff"), "{blank:?}");
            let reading = read(vec![row("a", "staff", blank)]);
            assert_eq!(reading.people["@a:phenom.test"], [Belonging { team: "staff".into(), role: None }]);
        }
    }

    #[test]
    fn what_is_longer_than_any_name_hides_someone_and_nothing_of_it_is_kept() {
        let (long, fits) = ("é".repeat(128), "é".repeat(127));
        for (rows, anywhere) in [
            (row("a", &long, "lead"), true),
            (row(&long, &long, "lead"), true),
            (row(&long, "staff", "lead"), false),
            (row("a", "staff", &long), false),
        ] {
            let reading = read(vec![rows]);
            let hides = |team: &str| reading.trouble.iter().any(|trouble| trouble.hides_someone_of(team));
            assert_eq!((hides("staff"), hides("other")), (true, anywhere), "{:?}", reading.trouble);
            assert!(!format!("{reading:?}").contains(&long));
        }
        let reading = read(vec![row("a", "staff", &long), row("b", &fits, &fits)]);
        assert_eq!(reading.people["@a:phenom.test"], [Belonging { team: "staff".into(), role: None }]);
        assert!(reading.trouble[0].to_string().starts_with("a roster row has a role of more than 255 bytes: "));
        assert_eq!(&*reading.people["@b:phenom.test"][0].team, fits);
    }

    #[test]
    fn an_e_mail_address_or_a_name_given_for_a_subject_is_not_shown() {
        let reading = read(vec![row("someone@example.com", "staff", "lead"), row("Jane Doe", "staff", "lead")]);
        let shown: String = reading.trouble.iter().map(ToString::to_string).collect();
        assert!(!shown.contains("someone") && !shown.contains("Jane"), "{shown}");
        assert!(read(vec![row("_x", "staff", "lead")]).trouble[0].to_string().contains("\"_x\""));
    }

    proptest! {
        #[test]
        fn the_order_of_rows_does_not_matter(
            rows in proptest::collection::vec(
                (proptest::option::of("[aAbB ]{0,2}"), proptest::option::of("[st]"), proptest::option::of("[lm]")), 0..12
            ),
            seed in any::<u64>(),
        ) {
            let rows: Vec<_> = rows.into_iter().map(|(subject, team, role)| RosterRow { subject, team, role }).collect();
            let mut shuffled = rows.clone();
            let mut state = seed;
            shuffled.sort_by_key(|_| { state = state.wrapping_mul(6364136223846793005).wrapping_add(1); state >> 33 });
            prop_assert_eq!(read(rows), read(shuffled));
        }
    }
}
