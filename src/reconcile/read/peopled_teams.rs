//! Teams that selectors name and that had people, kept over restarts: one that has nobody while others have was probably
//! renamed, and the guard holds what that takes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::{Context, Result};
use provisioner_policy::{HoldReason, Plan, RosterReading, World};

use crate::nearest::meant;
use crate::reconcile::brakes::approval::Approval;
use crate::store::Store;

/// What is known of them.
#[derive(Debug, Default)]
pub(crate) struct PeopledTeams {
    /// Not read yet where `None`.
    known: Option<BTreeSet<String>>,
    /// Those of them that the store does not have yet.
    unsaved: Vec<String>,
    /// Those that have nobody now, each with the name that it may have now.
    emptied: BTreeMap<String, Option<String>>,
    /// Those of which all that was held for them was approved.
    approved: BTreeSet<String>,
}

impl PeopledTeams {
    /// Compares a reading with what is known. Nothing is written: `plan` reads, too.
    pub(crate) async fn compare(&mut self, store: &Store, world: &World, reading: &RosterReading) -> Result<()> {
        let known = match &mut self.known {
            Some(known) => known,
            unread => {
                unread.insert(store.peopled_teams().await.context("read which teams had people")?.into_iter().collect())
            }
        };
        let present: HashSet<&str> = reading.people.values().flatten().map(|one| &*one.team).collect();
        let named = world.policy.selectors().filter_map(|(_, selector)| selector.team_and_role().0);
        for team in named.filter(|team| present.contains(team.as_str())) {
            if known.insert(team.clone()) {
                self.unsaved.push(team.clone());
            }
        }
        // What was approved was about people who were gone: with people again it is over.
        self.approved.retain(|team| !present.contains(team.as_str()));
        let mut others: Vec<&str> = present.iter().copied().filter(|team| !known.contains(*team)).collect();
        others.sort_unstable();
        let emptied = known.iter().filter(|team| reading.rows > 0 && !present.contains(team.as_str()));
        self.emptied =
            emptied.map(|team| (team.clone(), meant(team, others.iter().copied()).map(str::to_owned))).collect();
        Ok(())
    }

    /// Tells the world which teams have nobody any more.
    pub(crate) fn tell(&self, world: &mut World) {
        world.set_emptied_teams(&self.emptied);
    }

    /// Stores which teams have people.
    pub(crate) async fn keep(&mut self, store: &Store) -> Result<()> {
        if !self.unsaved.is_empty() {
            store.add_peopled_teams(&self.unsaved).await.context("store which teams have people")?;
            self.unsaved.clear();
        }
        Ok(())
    }

    /// Notes the teams of which all that `plan` holds for them was approved.
    pub(crate) fn note_approved(&mut self, world: &World, plan: &Plan, approval: &Approval) {
        let mut approved: BTreeMap<&str, bool> = BTreeMap::new();
        for action in plan.held() {
            if let Some(HoldReason::EmptyTeam { team, .. }) = action.held {
                let all = approved.entry(world.names.text(team)).or_insert(true);
                *all &= action.change.counted().all(|key| approval.approves(&key));
            }
        }
        self.approved.extend(approved.into_iter().filter(|(_, all)| *all).map(|(team, _)| team.to_owned()));
    }

    /// Whether a team of which all was approved is to be forgotten yet.
    pub(crate) fn has_approved(&self) -> bool {
        !self.approved.is_empty()
    }

    /// A team of which all was approved may have nobody, once that is done: by a plan that sees everything and has nothing more of
    /// it to take. Until then what could not be seen when somebody approved is held, as all of it was.
    pub(crate) async fn forget_approved(
        &mut self,
        store: &Store,
        world: &mut World,
        plan: &Plan,
        sees_all: bool,
    ) -> Result<()> {
        if !sees_all || plan.takes_for_emptied_teams(world) {
            return Ok(());
        }
        let teams: Vec<String> = std::mem::take(&mut self.approved).into_iter().collect();
        store.forget_peopled_teams(&teams).await.context("forget that teams had people")?;
        for team in &teams {
            self.emptied.remove(team);
            self.known.as_mut().map(|known| known.remove(team));
        }
        self.tell(world);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{Policy, RoomPolicy, RosterRow, Selector, read_roster};

    use super::*;
    use crate::postgres::Login;

    #[tokio::test]
    async fn an_approval_ends_when_the_team_has_people_again() {
        let rooms = vec![RoomPolicy::new("staff", "!staff:a", vec![Selector::Team("staff".to_owned())])];
        let world = World::new(Policy { server_name: "a".into(), bot: "@bot:a".into(), rooms, ..Policy::default() });
        let login = Login { url: "postgres://nobody@127.0.0.1:1/none".to_owned(), ..Login::default() };
        let store = Store::unopened(Store::source(login).unwrap());
        let team = || BTreeSet::from(["staff".to_owned()]);
        let mut teams = PeopledTeams { known: Some(team()), approved: team(), ..PeopledTeams::default() };
        for (named, is_approved) in [("Crew", true), ("staff", false), ("Crew", false)] {
            let row = RosterRow { subject: Some("ada".to_owned()), team: Some(named.to_owned()), role: None };
            teams.compare(&store, &world, &read_roster([row], "a", "@bot:a")).await.unwrap();
            assert_eq!((teams.has_approved(), teams.emptied.contains_key("staff")), (is_approved, named == "Crew"));
        }
    }
}
