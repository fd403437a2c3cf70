//! The rows that there should be, and since when: what somebody may lose, and what not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::spans::{Spans, Time};
use crate::hasura::Hasura;

/// How long after a row came back an older reading may still be acted on, in milliseconds.
const GRACE: Time = 10_000;

/// The role that gives power.
const LEAD: &str = "lead";

/// A person in a team.
type RowKey = (String, &'static str);

/// `team_members`, and how it came to be. Rows that are away by an accident count as there: that is what the guard is for.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) hasura: Hasura,
    now: BTreeMap<RowKey, &'static str>,
    /// When there was a row, in any role.
    of_members: BTreeMap<RowKey, Spans>,
    /// When it said that they lead the team.
    of_leads: BTreeMap<RowKey, Spans>,
}

impl Rows {
    pub(super) fn new(hasura: Hasura) -> Rows {
        Rows { hasura, now: BTreeMap::new(), of_members: BTreeMap::new(), of_leads: BTreeMap::new() }
    }

    /// Somebody comes to a team, or takes another role there.
    pub(super) async fn put(&mut self, sub: &str, team: &'static str, role: &'static str) -> Result<()> {
        let before = now();
        self.hasura.add(sub, team, role).await?;
        let (place, write) = ((sub.to_owned(), team), (before, now()));
        self.of_members.entry(place.clone()).or_default().begin(write);
        let leads = self.of_leads.entry(place.clone()).or_default();
        if role == LEAD {
            leads.begin(write)
        } else {
            leads.end(write)
        }
        self.now.insert(place, role);
        Ok(())
    }

    /// Somebody leaves a team.
    pub(super) async fn take(&mut self, sub: &str, team: &'static str) -> Result<()> {
        let before = now();
        self.hasura.remove(sub, team).await?;
        let (place, write) = ((sub.to_owned(), team), (before, now()));
        for spans in [&mut self.of_members, &mut self.of_leads] {
            spans.entry(place.clone()).or_default().end(write);
        }
        self.now.remove(&place);
        Ok(())
    }

    /// The row goes and comes back at once, in two transactions: nobody is to lose anything for it.
    pub(super) async fn rewrite(&self, sub: &str, team: &'static str) -> Result<()> {
        let role = self.now.get(&(sub.to_owned(), team)).context("no such row")?;
        self.hasura.remove(sub, team).await?;
        self.hasura.add(sub, team, role).await
    }

    /// Every row of these teams goes: an accident, so everybody is entitled to stay.
    pub(super) async fn lose(&self, teams: &[&'static str]) -> Result<()> {
        for team in teams {
            let sql =
                format!("DELETE FROM team_members tm USING teams t WHERE t.id = tm.team_id AND t.name = '{team}'");
            self.hasura.execute(&sql).await?;
        }
        Ok(())
    }

    /// All rows are as they should be.
    pub(super) async fn restore(&self) -> Result<()> {
        let there = self.hasura.rows().await?;
        for ((sub, team), role) in &self.now {
            if !there.iter().any(|(is, of, as_role)| is == sub && of == team && as_role == role) {
                self.hasura.add(sub, team, role).await?;
            }
        }
        Ok(())
    }

    /// Who is in a team now.
    pub(super) fn of(&self, team: &'static str) -> BTreeSet<&str> {
        self.now.keys().filter(|(_, of)| *of == team).map(|(sub, _)| sub.as_str()).collect()
    }

    /// Who is a lead of a team now.
    pub(super) fn leads(&self, team: &'static str) -> BTreeSet<&str> {
        let leads = self.now.iter().filter(|((_, of), role)| *of == team && **role == LEAD);
        leads.map(|((sub, _), _)| sub.as_str()).collect()
    }

    /// Whether somebody was in a team at this time, and long enough before it that every reading must have known.
    pub(super) fn had(&self, sub: &str, team: &'static str, at: Time) -> bool {
        self.of_members.get(&(sub.to_owned(), team)).is_some_and(|spans| spans.cover(at.saturating_sub(GRACE), at))
    }

    /// The same of who led a team.
    pub(super) fn led(&self, sub: &str, team: &'static str, at: Time) -> bool {
        self.of_leads.get(&(sub.to_owned(), team)).is_some_and(|spans| spans.cover(at.saturating_sub(GRACE), at))
    }

    /// Whether a reading between these two times may have found somebody in a team.
    pub(super) fn perhaps_had(&self, sub: &str, team: &'static str, from: Time, until: Time) -> bool {
        self.of_members.get(&(sub.to_owned(), team)).is_some_and(|spans| spans.touch(from, until))
    }

    /// Whether a reading at this time may have found that somebody leads a team.
    pub(super) fn perhaps_led(&self, sub: &str, team: &'static str, at: Time) -> bool {
        self.of_leads.get(&(sub.to_owned(), team)).is_some_and(|spans| spans.touch(at, at))
    }
}

/// The subject of a user.
pub(super) fn sub_of(mxid: &str) -> &str {
    mxid.trim_start_matches('@').split(':').next().unwrap_or_default()
}

pub(super) fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
