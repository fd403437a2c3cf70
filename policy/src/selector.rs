//! Selectors: the one way in which policy names people, the same everywhere in the configuration. What others must know of
//! a form, they ask here.

use std::fmt;

use strum::EnumCount;

use crate::names::NameIx;
use crate::users::UserIx;

/// Names a set of people. Written in TOML as `"everyone"`, `{ team = "…" }`, `{ team = "…", role = "…" }`,
/// `{ group = "…" }` or `{ subject = "…" }`. Teams, roles and groups are a `Name`, one person a `Person`: texts as in the
/// file, or numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumCount)]
pub enum Selector<Name = String, Person = String> {
    /// Every active account.
    Everyone,
    /// Members of a team with any role, as the roster names it.
    Team(Name),
    /// Members of a team with exactly this role.
    TeamRole { team: Name, role: Name },
    /// Members of a Cognito group.
    Group(Name),
    /// One person, by Cognito `sub`.
    Subject(Person),
}

/// A selector whose names are numbers.
pub(crate) type Matcher = Selector<NameIx, UserIx>;

/// Who says which people a selector names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectorSource<Name> {
    /// Whatever says which accounts there are.
    Accounts,
    /// The roster: its rows of this team, or all of them.
    Roster(Option<Name>),
    /// The pool, of this group.
    Group(Name),
    /// The selector itself.
    Itself,
}

impl Selector {
    /// How many forms there are.
    pub const FORMS: usize = <Self as EnumCount>::COUNT;
}

impl<Name, Person> Selector<Name, Person> {
    /// Who says which people it names.
    pub fn source(&self) -> SelectorSource<&Name> {
        match self {
            Self::Everyone => SelectorSource::Accounts,
            Self::Team(team) | Self::TeamRole { team, .. } => SelectorSource::Roster(Some(team)),
            Self::Group(group) => SelectorSource::Group(group),
            Self::Subject(_) => SelectorSource::Itself,
        }
    }

    /// The team and the role that a row of the roster must have. Nothing where it asks for no row.
    pub fn team_and_role(&self) -> (Option<&Name>, Option<&Name>) {
        match self {
            Self::Team(team) => (Some(team), None),
            Self::TeamRole { team, role } => (Some(team), Some(role)),
            Self::Everyone | Self::Group(_) | Self::Subject(_) => (None, None),
        }
    }

    /// The group that it names.
    pub fn group(&self) -> Option<&Name> {
        match self.source() {
            SelectorSource::Group(group) => Some(group),
            SelectorSource::Accounts | SelectorSource::Roster(_) | SelectorSource::Itself => None,
        }
    }

    /// The one person that it names.
    pub(crate) fn subject(&self) -> Option<&Person> {
        if let Self::Subject(person) = self { Some(person) } else { None }
    }

    /// Every name of a team, role or group in it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        let (team, role) = self.team_and_role();
        team.into_iter().chain(role).chain(self.group())
    }

    /// The same with other names.
    pub(crate) fn map<'a, OtherName, OtherPerson>(
        &'a self,
        mut name: impl FnMut(&'a Name) -> OtherName,
        person: impl FnOnce(&'a Person) -> OtherPerson,
    ) -> Selector<OtherName, OtherPerson> {
        match self {
            Self::Everyone => Selector::Everyone,
            Self::Team(team) => Selector::Team(name(team)),
            Self::TeamRole { team, role } => Selector::TeamRole { team: name(team), role: name(role) },
            Self::Group(group) => Selector::Group(name(group)),
            Self::Subject(subject) => Selector::Subject(person(subject)),
        }
    }
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
