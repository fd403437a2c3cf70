//! The rows that there should be, and since when: what somebody may be removed for, and what not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::hasura::Hasura;

/// How long after a row came back an older reading may still be acted on, in milliseconds.
const GRACE: u64 = 10_000;

/// A person in a team.
type RowKey = (String, &'static str);

/// Milliseconds since 1970; none for what lasts.
type Span = (u64, Option<u64>);

/// `team_members`, and how it came to be.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) hasura: Hasura,
    now: BTreeMap<RowKey, &'static str>,
    spans: BTreeMap<RowKey, Vec<Span>>,
}

impl Rows {
    pub(super) fn new(hasura: Hasura) -> Rows {
        Rows { hasura, now: BTreeMap::new(), spans: BTreeMap::new() }
    }

    /// Somebody comes to a team, or takes another role there.
    pub(super) async fn put(&mut self, sub: &str, team: &'static str, role: &'static str) -> Result<()> {
        self.hasura.add(sub, team, role).await?;
        let place = (sub.to_owned(), team);
        if self.now.insert(place.clone(), role).is_none() {
            self.spans.entry(place).or_default().push((now(), None));
        }
        Ok(())
    }

    /// Somebody leaves a team.
    pub(super) async fn take(&mut self, sub: &str, team: &'static str) -> Result<()> {
        let place = (sub.to_owned(), team);
        if let Some((_, until)) = self.spans.get_mut(&place).and_then(|spans| spans.last_mut()) {
            until.get_or_insert(now());
        }
        self.now.remove(&place);
        self.hasura.remove(sub, team).await
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
        let leads = self.now.iter().filter(|((_, of), role)| *of == team && **role == "lead");
        leads.map(|((sub, _), _)| sub.as_str()).collect()
    }

    /// Whether somebody was in a team at this time, and long enough before it that every reading must have known.
    pub(super) fn had(&self, sub: &str, team: &'static str, at: u64) -> bool {
        let spans = self.spans.get(&(sub.to_owned(), team)).map(Vec::as_slice).unwrap_or_default();
        spans.iter().any(|(from, until)| from + GRACE <= at && until.is_none_or(|until| at < until))
    }
}

pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
