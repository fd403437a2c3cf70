//! What can be wrong with rows of the roster, and what follows from it, in words.

use std::borrow::Borrow;
use std::{fmt, mem};

use serde::Serialize;

/// A subject, team or role is no longer than this in bytes. An MXID may not be, and a name of a team has no reason to.
pub const LONGEST: usize = 255;

/// Something wrong with one row or with one MXID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "trouble")]
pub enum RowTrouble {
    /// A row without a subject: it may mean any user, so nobody is removed from what its team (without one: any team) gives.
    NoSubject { team: Option<String> },
    /// A row that names a person but no team: any team may have been meant.
    NoTeam { subject: String },
    /// A subject that cannot be an MXID.
    BadSubject { subject: String, team: Option<String>, reason: String },
    /// A value that is longer than any name: nothing of it is kept. Where it is the role, the row counts for its team.
    TooLong { column: &'static str, team: Option<String> },
    /// A row without a role: counted for the team, for no role.
    NoRole { subject: String, team: String },
    /// Two or more subjects that fold to one MXID.
    Folded { mxid: String, subjects: Vec<String> },
}

impl RowTrouble {
    /// Whether someone unknown may be meant.
    pub fn hides_someone(&self) -> bool {
        matches!(self, Self::NoSubject { .. } | Self::NoTeam { .. } | Self::BadSubject { .. } | Self::TooLong { .. })
    }

    /// Whether someone unknown may be meant, so that nobody may be removed from rooms of `team`.
    pub fn hides_someone_of(&self, team: &str) -> bool {
        self.hides_someone() && self.team().is_none_or(|its| its == team)
    }

    /// The team of the row, where it has one.
    pub(crate) fn team(&self) -> Option<&str> {
        match self {
            Self::NoSubject { team } | Self::BadSubject { team, .. } | Self::TooLong { team, .. } => team.as_deref(),
            Self::NoRole { team, .. } => Some(team),
            Self::NoTeam { .. } | Self::Folded { .. } => None,
        }
    }
}

impl fmt::Display for RowTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSubject { team: Some(team) } => write!(
                f,
                "a roster row of team {team:?} has no subject: nobody is removed from rooms of that team until it has one"
            ),
            Self::NoSubject { team: None } => f.write_str(
                "a roster row has neither subject nor team: nobody is removed for the roster's sake until it is mended",
            ),
            Self::NoTeam { subject } => write!(
                f,
                "the roster row of subject {subject} has no team: nobody is removed for the roster's sake until it has one"
            ),
            Self::BadSubject { subject, team, reason } => {
                write!(f, "the roster names subject {}, which cannot be an MXID ({reason}): ", shown(subject))?;
                match team {
                    Some(team) => write!(f, "nobody is removed from rooms of team {team:?} until that row is mended"),
                    None => f.write_str("nobody is removed for the roster's sake until that row is mended"),
                }
            }
            Self::TooLong { column, team } => {
                write!(f, "a roster row has a {column} of more than {LONGEST} bytes: ")?;
                match team {
                    Some(team) => write!(f, "nobody is removed from rooms of team {team:?} until that row is mended"),
                    None => f.write_str("nobody is removed for the roster's sake until that row is mended"),
                }
            }
            Self::NoRole { subject, team } => {
                write!(f, "the roster row of {subject} in team {team:?} has no role: counted for the team, for no role")
            }
            Self::Folded { mxid, subjects } => write!(
                f,
                "subjects {} fold to one MXID {mxid}: both are refused, nothing is done to it until one of them goes",
                subjects.join(" and ")
            ),
        }
    }
}

/// So many of a kind are told one by one. A query that loses a column has trouble with every row.
const TOLD: usize = 20;

/// Trouble in words, the first of each kind and how many more there are. It is in order, and so what is of a kind is together.
pub fn trouble_words(trouble: &[impl Borrow<RowTrouble>]) -> Vec<String> {
    let kind = |one: &_| mem::discriminant::<RowTrouble>(Borrow::borrow(one));
    let of_a_kind = trouble.chunk_by(|one, other| kind(one) == kind(other));
    of_a_kind
        .flat_map(|all| {
            let (told, more) = all.split_at(TOLD.min(all.len()));
            let more = more.first().map(|one| one.borrow().words_for_more(more.len()));
            told.iter().map(|one| one.borrow().to_string()).chain(more)
        })
        .collect()
}

impl RowTrouble {
    /// What follows from so many more of this kind.
    fn words_for_more(&self, count: usize) -> String {
        match self {
            Self::NoSubject { .. } => format!(
                "and {count} more: teams with a roster row without a subject; nobody is removed from their rooms until it has one"
            ),
            Self::NoTeam { .. } => format!(
                "and {count} more: subjects with a roster row without a team; nobody is removed for the roster's sake until it \
                 has one"
            ),
            Self::BadSubject { .. } => format!(
                "and {count} more: roster rows with a subject that cannot be an MXID; nobody is removed from rooms of their teams, or \
                 of any where they have none, until those rows are mended"
            ),
            Self::TooLong { .. } => format!(
                "and {count} more: teams with a roster row with a value of more than {LONGEST} bytes; nobody is removed from their \
                 rooms until it is mended"
            ),
            Self::NoRole { .. } => {
                format!("and {count} more: roster rows without a role; counted for their teams, for no role")
            }
            Self::Folded { .. } => format!(
                "and {count} more: MXIDs with two or more subjects that fold to them; all are refused, nothing is done to them \
                 until one subject of each is left"
            ),
        }
    }
}

/// A subject as it may be shown. A malformed one may be anything the query mixed up, a name or an e-mail address, and
/// nothing of a person but ids goes into a log.
fn shown(subject: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._=-/+".contains(c);
    if subject.len() <= 64 && subject.chars().all(plain) {
        format!("{subject:?}")
    } else {
        format!("(hidden, {} characters: it may say more than an id)", subject.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, RoomPolicy, RosterRow, Selector, World, read_roster};

    fn without_role(count: usize) -> Vec<RowTrouble> {
        let one = |number| RowTrouble::NoRole { subject: format!("p{number}"), team: "staff".to_owned() };
        (0..count).map(one).collect()
    }

    #[test]
    fn of_a_hundred_thousand_rows_twenty_are_told_and_the_others_counted() {
        let mut trouble = vec![RowTrouble::NoSubject { team: None }];
        trouble.extend(without_role(100_000));
        trouble.push(RowTrouble::Folded { mxid: "@a:phenom.test".to_owned(), subjects: vec!["A".into(), "a".into()] });
        let words = trouble_words(&trouble);
        assert_eq!(words.len(), 1 + TOLD + 1 + 1);
        assert_eq!(words[0], trouble[0].to_string());
        assert_eq!(words[TOLD], trouble[TOLD].to_string());
        assert_eq!(words[TOLD + 1], "and 99980 more: roster rows without a role; counted for their teams, for no role");
        assert_eq!(words[TOLD + 2], trouble[100_001].to_string());
    }

    #[test]
    fn what_is_not_told_freezes_all_the_same() {
        let teams = || (0..100).map(|number| format!("team {number:02}"));
        let mut world = World::new(Policy {
            server_name: "phenom.test".to_owned(),
            rooms: teams().map(room).collect(),
            ..Policy::default()
        });
        let row = |team| RosterRow { team: Some(team), ..RosterRow::default() };
        world.set_roster(read_roster(teams().map(row), "phenom.test", "@bot:phenom.test"));
        let notices = world.notices();
        assert!(notices.iter().any(|notice| notice.starts_with("and 80 more: teams")), "{notices:?}");
        for (room, team) in world.rooms().zip(teams()) {
            let why = world.freeze(room).map(|why| why.to_string()).unwrap_or_default();
            assert!(why.contains(&format!("of team {team:?} has no subject")), "{why}");
        }
    }

    fn room(team: String) -> RoomPolicy {
        RoomPolicy::new(team.clone(), format!("!{team}"), vec![Selector::Team(team)])
    }

    #[test]
    fn a_few_are_told_as_they_are() {
        for count in 0..=TOLD {
            let trouble = without_role(count);
            assert!(trouble_words(&trouble).into_iter().eq(trouble.iter().map(ToString::to_string)));
        }
    }
}
