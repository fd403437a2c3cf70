//! The sentences with which a held plan begins: how many lose what, since when the sources say so, and what looks odd. Where
//! nobody is asked beside them, they end with what happens if nobody does anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::background::{Belonged, Loss};
use crate::how_many::how_many;
use crate::plan::{Class, HoldReason, Plan};
use crate::policy::RoomIx;
use crate::selector::Matcher;
use crate::users::UserIx;
use crate::world::World;

/// Fewer than this have little in common by chance alone.
const FEW: usize = 3;

/// Seconds within which changes count as made at once.
const AT_ONCE: i64 = 60;

impl Plan {
    /// The sentences, each for itself. None where nothing is held.
    pub fn held_sentences(&self, world: &World) -> Vec<String> {
        let mut people: BTreeMap<(Option<RoomIx>, Class), BTreeSet<UserIx>> = BTreeMap::new();
        for action in self.held() {
            let change = &action.change;
            people.entry((change.room(), change.class())).or_default().extend(change.loses());
        }
        let everybody: BTreeSet<UserIx> = people.values().flatten().copied().collect();
        if people.is_empty() {
            return Vec::new();
        }
        let what: Vec<String> =
            people.iter().map(|((room, class), who)| lost(world, *room, *class, who.len())).collect();
        let losses: Vec<&Loss> = everybody.iter().filter_map(|user| loss_of(world, *user)).collect();
        let odd = self.odd(world, &everybody, &losses);
        let odd = (!odd.is_empty()).then(|| format!("Look twice: {}.", odd.join("; ")));
        let what = Some(format!("{}.", list(&what)));
        [what, since(&losses, everybody.len()), odd].into_iter().flatten().collect()
    }

    /// The same as one text, and what happens without an answer.
    pub(crate) fn held_words(&self, world: &World) -> Option<String> {
        let mut sentences = self.held_sentences(world);
        if sentences.is_empty() {
            return None;
        }
        sentences.push("If nobody does anything, nothing of it happens.".to_owned());
        Some(sentences.join(" "))
    }

    fn odd(&self, world: &World, everybody: &BTreeSet<UserIx>, losses: &[&Loss]) -> Vec<String> {
        let mut odd = Vec::new();
        let held: BTreeSet<&str> = self
            .held()
            .filter_map(|action| match action.held? {
                HoldReason::EmptyRoster => Some("the roster answered no row at all"),
                HoldReason::EmptyGroup => Some("a group of the pool has nobody in it any more"),
                _ => None,
            })
            .collect();
        odd.extend(held.iter().map(|why| (*why).to_owned()));
        let rows = world.facts.roster_rows;
        if held.is_empty() && everybody.len() >= FEW && rows > 0 && rows < everybody.len() {
            odd.push(format!("the roster has only {} left", how_many(rows, "row", "rows")));
        }
        if losses.len() < FEW {
            return odd;
        }
        odd.extend(one_team(world, losses).map(|team| format!("that is everybody who was in team {team}")));
        let times = || losses.iter().map(|loss| loss.until.seconds);
        let apart = times().max().zip(times().min()).map_or(0, |(last, first)| last - first);
        if apart <= AT_ONCE {
            odd.push("all of it within the same minute".to_owned());
        }
        odd
    }
}

/// What somebody lost that any place asks for: the newest.
fn loss_of(world: &World, user: UserIx) -> Option<&Loss> {
    let rooms = world.rooms().map(|room| &world.members[room.index()]);
    let grants = world.power.iter().flatten().map(|(_, grant)| grant);
    let selectors: Vec<Matcher> = rooms.chain(grants).chain([&world.admins]).flatten().copied().collect();
    world.loss(user, &selectors)
}

/// The one team that all of these left, where nobody is in it any more.
fn one_team<'a>(world: &World, losses: &[&'a Loss]) -> Option<&'a str> {
    let teams: BTreeSet<&str> = losses
        .iter()
        .map(|loss| match &loss.what {
            Belonged::Team { team, .. } => Some(team.as_str()),
            Belonged::Group(_) => None,
        })
        .collect::<Option<_>>()?;
    let [team] = *teams.into_iter().collect::<Vec<_>>() else { return None };
    let mut left = world.facts.teams.people().filter_map(|user| world.facts.teams.get(user));
    let is_left = left.any(|places| places.iter().any(|(its, _)| world.names.text(*its) == team));
    (!is_left).then_some(team)
}

/// Since when the sources say so.
fn since(losses: &[&Loss], of: usize) -> Option<String> {
    let first = losses.iter().map(|loss| &loss.until).min()?;
    let last = losses.iter().map(|loss| &loss.until).max()?;
    let who = match losses.len() {
        known if known == of => String::new(),
        known => format!(" for {known} of them"),
    };
    Some(match first.words == last.words {
        true => format!("The sources say so{who} since {}.", first.words),
        false => format!("The sources say so{who} since {} to {}.", first.words, last.words),
    })
}

/// How many would lose what.
fn lost(world: &World, room: Option<RoomIx>, class: Class, count: usize) -> String {
    let people = how_many(count, "person", "people");
    let s = if count == 1 { "" } else { "s" };
    match (class, room.map(|room| room.key(world))) {
        (Class::PowerLevels, Some(room)) => format!("{people} would lose their power in {room}"),
        (_, Some(room)) => format!("{people} would be removed from {room}"),
        (Class::ServerAdmins, None) => format!("{people} would no longer be server admin{s}"),
        (_, None) => format!("{people} would have their account{s} closed"),
    }
}

fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
    }
}
