//! Names of teams and roles that no reading holds any more are dropped: a name that is rewritten in a loop fills no memory.

use hashbrown::HashSet;

use crate::names::NameIx;
use crate::selector::Matcher;
use crate::world::{World, WorldState};

/// As many more than the last look left are worth another one.
const WORTH_A_LOOK: usize = 256;

impl World {
    /// Drops names and sets of teams that nothing holds, where they grew to twice what the last look left: a look costs as
    /// much as a reading's comparison of everybody.
    pub(super) fn drop_unused_names(&mut self) {
        let WorldState { names, facts, .. } = &mut self.state;
        if names.len() + facts.teams.sets() < 2 * self.kept + WORTH_A_LOOK {
            return;
        }
        facts.teams.drop_unused();
        let used = self.state.used_names();
        let WorldState { names, facts, .. } = &mut self.state;
        names.keep_only(&used);
        self.kept = names.len() + facts.teams.sets();
    }
}

impl WorldState {
    /// Names that a selector, a source or trouble of it holds.
    fn used_names(&self) -> HashSet<NameIx> {
        let Self { facts, members, power, admins, operators, .. } = self;
        let granted = power.iter().flatten().flat_map(|(_, grant)| grant);
        let selectors = members.iter().flatten().chain(granted).chain(admins).chain(operators);
        let selected = selectors.flat_map(Matcher::names).copied();
        let emptied = facts.emptied_teams.iter().flat_map(|(team, now)| [Some(*team), *now]).flatten();
        let groups = facts.groups.keys().chain(facts.group_states.keys()).copied();
        let sources = facts.teams.names().chain(facts.hiding.teams()).chain(groups);
        selected.chain(emptied).chain(sources).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Policy, RoomPolicy, RosterRow, Selector, World, read_roster};

    #[test]
    fn ten_thousand_renames_leave_a_few_names_and_everybody_where_they_belong() {
        let selector = |team: &str| Selector::Team(team.to_owned());
        let rooms = vec![RoomPolicy::new("staff", "!r:a", vec![selector("never seen"), selector("staff")])];
        let mut world = World::new(Policy { server_name: "a".to_owned(), rooms, ..Policy::default() });
        let room = world.rooms().next().expect("there is one");
        for time in 0..10_000 {
            let row = |subject: &str, team: String, role: String| RosterRow {
                subject: Some(subject.to_owned()),
                team: Some(team),
                role: Some(role),
            };
            let rows = [
                row("one", "staff".to_owned(), format!("role {time}")),
                row("two", format!("team {time}"), "member".to_owned()),
            ];
            world.set_roster(read_roster(rows, "a", "@bot:a"));
            world.set_emptied_teams(&[(format!("had {time}"), Some(format!("now {time}")))].into());
            let named = |mxid: &str| {
                let user = world.users.get(mxid).expect("they are in the roster");
                let (team, role) = world.facts.teams.get(user).expect("they have a row")[0];
                (user, world.names.text(team), role.map(|role| world.names.text(role)))
            };
            let (one, team, role) = named("@one:a");
            assert_eq!((team, role), ("staff", Some(&*format!("role {time}"))));
            assert_eq!(world.entitlement(room, one), crate::Entitlement::By(1));
            let (two, team, _) = named("@two:a");
            assert_eq!((team, world.entitlement(room, two)), (&*format!("team {time}"), crate::Entitlement::Not));
        }
        assert!(world.names.len() < 600, "{} names", world.names.len());
        assert!(world.facts.teams.sets() < 600, "{} sets", world.facts.teams.sets());
    }
}
