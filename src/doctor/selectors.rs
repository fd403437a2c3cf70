//! Selectors: whether somebody knows the teams and roles that the file names. A name with a typo would join nobody, and
//! remove those who belong.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_policy::{Policy, RosterReading, Selector, SelectorPlace, SelectorSource};

use super::Finding;
use crate::config::Config;
use crate::nearest::{edits, nearest};

const CHECK: &str = "selectors";

/// Names that differ by no more than this are taken for one with a typo.
const TYPO: usize = 2;

/// At most so many names are listed.
const LISTED: usize = 10;

/// Compares the file with the roster.
pub(super) fn examine(config: &Config, roster: Option<&RosterReading>) -> Vec<Finding> {
    let policy = config.policy_of_all_rooms("");
    let named: Vec<(String, &Selector)> = policy
        .selectors()
        .filter(|(_, selector)| matches!(selector.source(), SelectorSource::Roster(_)))
        .map(|(place, selector)| (words(&policy, place), selector))
        .collect();
    if named.is_empty() || config.roster.is_none() {
        return Vec::new();
    }
    let Some(reading) = roster else { return vec![Finding::skip(CHECK, "needs the roster")] };
    if reading.people.is_empty() {
        return vec![Finding::skip(CHECK, "needs a roster that names somebody")];
    }
    let teams = teams(reading);
    let findings: Vec<Finding> =
        named.iter().filter_map(|(place, selector)| unknown(place, selector, &teams)).collect();
    if findings.is_empty() {
        return vec![Finding::pass(CHECK, "the roster knows every team and role that the file names")];
    }
    findings
}

/// A place of the file in words.
pub(super) fn words(policy: &Policy, place: SelectorPlace) -> String {
    match place {
        SelectorPlace::Members { room } => format!("members of {}", policy.rooms[room].key),
        SelectorPlace::Power { room, grant } => {
            let room = &policy.rooms[room];
            format!("power {} of {}", room.power[grant].level, room.key)
        }
        SelectorPlace::ServerAdmins => "server_admins".to_owned(),
        SelectorPlace::Operators => "commands.allow".to_owned(),
    }
}

/// The teams that somebody is in, each with the roles that somebody has there.
fn teams(reading: &RosterReading) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut teams: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for belonging in reading.people.values().flatten() {
        teams.entry(&belonging.team).or_default().extend(belonging.role.as_deref());
    }
    teams
}

fn unknown(place: &str, selector: &Selector, teams: &BTreeMap<&str, BTreeSet<&str>>) -> Option<Finding> {
    let (team, role) = selector.team_and_role();
    if let Some(team) = team.filter(|team| !teams.contains_key(team.as_str())) {
        return Some(missing(place, selector, "team", team, teams.keys().copied()));
    }
    let asked = teams.iter().filter(|(name, _)| team.is_none_or(|team| team == *name));
    let roles: BTreeSet<&str> = asked.flat_map(|(_, roles)| roles).copied().collect();
    let role = role.filter(|role| !roles.contains(role.as_str()))?;
    Some(missing(place, selector, "role", role, roles.iter().copied()))
}

/// A name without anybody may be right: a team that is empty today. A name that is nearly another one hardly is.
fn missing<'a>(
    place: &str,
    selector: &Selector,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Finding {
    let text = format!("{place}: {selector} names nobody: no row of the roster has the {what} {name:?}");
    match nearest(name, known.clone()) {
        Some(nearest) if edits(name, nearest) <= TYPO => {
            Finding::fail(CHECK, text, format!("did you mean {nearest:?}?"))
        }
        _ => {
            let all: Vec<&str> = known.take(LISTED).collect();
            let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
            let mend = format!("put somebody there, or correct the name; the {what}s in the roster: {all}");
            Finding::warn(CHECK, text, mend)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FindingStatus;
    use super::*;

    fn said(selector: &Selector) -> Option<(FindingStatus, String)> {
        let teams = [("staff", BTreeSet::from(["lead", "member"])), ("analysts", BTreeSet::new())].into();
        unknown("members of staff", selector, &teams).map(|finding| (finding.status, finding.mend.unwrap_or_default()))
    }

    fn role(team: &str, role: &str) -> Selector {
        Selector::TeamRole { team: team.to_owned(), role: role.to_owned() }
    }

    #[test]
    fn known_teams_and_roles_pass() {
        assert_eq!(said(&Selector::Team("analysts".to_owned())), None);
        assert_eq!(said(&role("staff", "lead")), None);
    }

    #[test]
    fn a_typo_fails_with_the_nearest_name() {
        let team = said(&Selector::Team("Stafff".to_owned()));
        assert_eq!(team, Some((FindingStatus::Fail, "did you mean \"staff\"?".to_owned())));
        assert_eq!(said(&role("staff", "leed")), Some((FindingStatus::Fail, "did you mean \"lead\"?".to_owned())));
    }

    #[test]
    fn a_name_without_anybody_may_be_right_and_is_only_warned_of() {
        let (status, mend) = said(&Selector::Team("experiencers".to_owned())).unwrap();
        assert!(status == FindingStatus::Warn && mend.ends_with("the teams in the roster: analysts, staff"), "{mend}");
        let (status, mend) = said(&role("analysts", "lead")).unwrap();
        assert!(status == FindingStatus::Warn && mend.ends_with("the roles in the roster: none"), "{mend}");
    }
}
