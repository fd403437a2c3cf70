//! Rows of the roster: whatever the query answers, and whoever writes into its tables. A row that cannot be read is not a row that
//! is not there.

use std::collections::BTreeSet;

use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::Value;

use super::hostile::{Hostile, Verdict};

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";
const TEAMS: [&str; 2] = ["staff", "analysts"];

/// Rows as Postgres answers them: text or nothing.
fn rows(bytes: &[u8]) -> Option<Vec<RosterRow>> {
    let Ok(Value::Array(rows)) = serde_json::from_slice(bytes) else { return None };
    let text = |row: &Value, column: &str| row[column].as_str().map(str::to_owned);
    Some(
        rows.iter()
            .map(|row| RosterRow { subject: text(row, "subject"), team: text(row, "team"), role: text(row, "role") })
            .collect(),
    )
}

/// What a row says, worked out apart from the code under test.
#[derive(Debug, PartialEq)]
enum Said {
    Belongs(String, String),
    /// Of the bot, which needs none.
    Nothing,
    /// Somebody of this team, or of any, may be meant.
    Unreadable(Option<String>),
}

fn said(row: &RosterRow) -> Said {
    let is_short = |text: &&String| text.len() <= 255;
    let is_team = |team: &&String| !team.trim().is_empty();
    let team = row.team.as_ref().filter(is_short).filter(is_team);
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._=-/+".contains(c);
    let subject = row.subject.as_ref().filter(is_short).map(|subject| subject.to_ascii_lowercase());
    let mxid = subject.filter(|one| !one.is_empty() && !one.starts_with('_') && one.chars().all(allowed));
    let mxid = mxid.map(|localpart| format!("@{localpart}:{SERVER}")).filter(|mxid| mxid.len() <= 255);
    match (mxid, team) {
        (Some(mxid), _) if mxid == BOT && row.team.as_ref().is_none_or(|team| team.len() <= 255) => Said::Nothing,
        (Some(mxid), Some(team)) => Said::Belongs(mxid, team.clone()),
        (_, team) => Said::Unreadable(team.cloned()),
    }
}

/// Two rooms that enforce everything, with six people who were named by a good reading before.
fn world() -> World {
    let room = |team: &str| RoomPolicy {
        unlisted: Unlisted::Remove,
        ..RoomPolicy::new(team, format!("!{team}:{SERVER}"), vec![Selector::Team(team.to_owned())])
    };
    let mode = Mode::Enforce;
    let mut world = World::new(Policy {
        server_name: SERVER.to_owned(),
        bot: BOT.to_owned(),
        rooms: TEAMS.map(room).to_vec(),
        modes: Modes { accounts: mode, joins: mode, removals: mode, ..Modes::default() },
        guard: GuardLimits { free_removals: 1000, max_removals: 1000, max_fraction: 1.0, window_seconds: 60 },
        ..Policy::default()
    });
    let row = |number: u8, team: &str| RosterRow {
        subject: Some(format!("u{number}")),
        team: Some(team.to_owned()),
        role: Some("member".to_owned()),
    };
    let named = (1..=6).flat_map(|number| TEAMS.map(|team| row(number, team)));
    world.set_roster(read_roster(named, SERVER, BOT));
    for room in world.rooms() {
        world.set_room_status(room, RoomStatus::Ready);
        for number in 1..=6 {
            let mxid = format!("@u{number}:{SERVER}");
            world.set_on_server(&mxid, OnServer { present: true, ..OnServer::default() });
            world.set_membership(room, &mxid, Membership::Join, None);
        }
    }
    world.set_accounts_listed(true);
    world
}

pub(crate) fn door() -> impl Fn(&Hostile<'_>) -> Verdict {
    move |hostile| {
        let Some(rows) = rows(hostile.bytes) else { return Ok(false) };
        let reading = read_roster(rows.clone(), SERVER, BOT);
        prop_assert_eq!(reading.rows, rows.len());
        let said: Vec<Said> = rows.iter().map(said).collect();
        for (row, said) in rows.iter().zip(&said) {
            let is_kept = match said {
                Said::Nothing => true,
                Said::Belongs(mxid, team) => {
                    reading.folded.contains_key(mxid)
                        || reading
                            .people
                            .get(mxid)
                            .is_some_and(|places| places.iter().any(|place| *place.team == **team))
                }
                Said::Unreadable(Some(team)) => reading.trouble.iter().any(|one| one.hides_someone_of(team)),
                // A team that no row names: it may be any.
                Said::Unreadable(None) => reading.trouble.iter().any(|one| one.hides_someone_of("of no row")),
            };
            prop_assert!(is_kept, "{row:?} is in nothing of {reading:?}");
        }
        let named: BTreeSet<&String> = said
            .iter()
            .filter_map(|said| match said {
                Said::Belongs(mxid, _) => Some(mxid),
                Said::Nothing | Said::Unreadable(_) => None,
            })
            .collect();
        prop_assert!(reading.people.keys().all(|mxid| named.contains(mxid)), "somebody whom no row names");

        let mut world = world();
        let folded: BTreeSet<String> = reading.folded.keys().cloned().collect();
        world.set_roster(reading);
        let plan = plan(&world, &Recent::default());
        for action in plan.due().chain(plan.held()) {
            let Change::Remove { room, user, .. } = action.change else { continue };
            let (team, mxid) = (room.key(&world).to_owned(), world.users.mxid(user));
            let hides = said.iter().find(|said| match said {
                Said::Unreadable(its) => its.as_ref().is_none_or(|its| *its == team),
                Said::Belongs(its, of) => *its == mxid && *of == team,
                Said::Nothing => false,
            });
            prop_assert_eq!(hides, None, "{} would lose {}", mxid, team);
            prop_assert!(!folded.contains(&mxid), "{mxid} is two subjects");
        }
        Ok(!named.is_empty())
    }
}

#[test]
fn a_row_that_cannot_be_read_removes_nobody_and_no_row_is_lost() {
    super::walk("roster");
}
