//! Selectors: the one way in which policy names people, the same everywhere in the configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a set of people. Written in TOML as `"everyone"`, `{ team = "…" }`, `{ team = "…", role = "…" }`,
/// `{ group = "…" }` or `{ subject = "…" }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Selector {
    /// Every active account.
    Everyone,
    /// Members of a team with any role, as the roster names it.
    Team(String),
    /// Members of a team with exactly this role.
    TeamRole { team: String, role: String },
    /// Members of a Cognito group.
    Group(String),
    /// One person, by Cognito `sub`.
    Subject(String),
}

impl Selector {
    /// The people that it names, for those who do not read the configuration.
    pub fn in_words(&self) -> String {
        match self {
            Self::Everyone => "everybody with an active account".to_owned(),
            Self::Team(team) => format!("members of team {team}"),
            Self::TeamRole { team, role } => format!("members of team {team} with role {role}"),
            Self::Group(group) => format!("members of group {group} of the pool"),
            Self::Subject(subject) => format!("the subject {subject}"),
        }
    }
}

impl fmt::Display for Selector {
    /// The selector as it stands in the configuration file, so that a reader can search for it there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("\"everyone\""),
            Self::Team(team) => write!(f, "{{ team = \"{team}\" }}"),
            Self::TeamRole { team, role } => write!(f, "{{ team = \"{team}\", role = \"{role}\" }}"),
            Self::Group(group) => write!(f, "{{ group = \"{group}\" }}"),
            Self::Subject(subject) => write!(f, "{{ subject = \"{subject}\" }}"),
        }
    }
}
