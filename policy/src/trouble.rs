//! What can be wrong with rows of the roster, and what follows from it, in words.

use std::fmt;

use serde::Serialize;

/// Something wrong with one row or with one MXID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "trouble")]
pub enum RowTrouble {
    /// A row that names nobody: whom it meant must not be removed from what its team (or, without one, any team) gives.
    NoSubject { team: Option<String> },
    /// A row that names a person but no team: any team may have been meant.
    NoTeam { subject: String },
    /// A subject that cannot be an MXID.
    BadSubject { subject: String, team: Option<String>, reason: String },
    /// A row without a role: counted for the team, for no role.
    NoRole { subject: String, team: String },
    /// Two or more subjects that fold to one MXID.
    Folded { mxid: String, subjects: Vec<String> },
}

impl RowTrouble {
    /// Whether someone unknown may be meant.
    pub fn hides_someone(&self) -> bool {
        matches!(self, Self::NoSubject { .. } | Self::NoTeam { .. } | Self::BadSubject { .. })
    }

    /// Whether someone unknown may be meant, so that nobody may be removed from rooms of `team`.
    pub fn hides_someone_of(&self, team: &str) -> bool {
        self.hides_someone() && self.team().is_none_or(|its| its == team)
    }

    /// The team of the row, where it has one.
    pub(crate) fn team(&self) -> Option<&str> {
        match self {
            Self::NoSubject { team } | Self::BadSubject { team, .. } => team.as_deref(),
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
