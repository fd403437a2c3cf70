//! Which requests Synapse answered, by its own log: one line each, whichever client asks.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::synapse::Synapse;
use crate::wait::wait_until;

/// Longer than the service waits with anything that follows a write.
const QUIET: Duration = Duration::from_secs(5);
const QUIET_BOUND: Duration = Duration::from_secs(120);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// Who asked, by the access token.
    pub(super) user: String,
    pub(super) method: String,
    /// As it was on the wire, with its query.
    pub(super) path: String,
    /// When it was answered, from midnight.
    ended: Duration,
    /// How long Synapse had it.
    took: Duration,
}

impl Call {
    /// Whether it asked for somebody to be joined.
    pub(super) fn is_join(&self) -> bool {
        self.method == "POST" && self.path.starts_with("/_synapse/admin/v1/join/")
    }
}

/// The average pause between two of these joins in a room, in which Synapse had none to do: the time that the client takes.
pub(super) fn pause_between_joins(calls: &[Call]) -> Duration {
    let mut rooms = HashMap::<&str, Vec<&Call>>::new();
    for call in calls.iter().filter(|call| call.is_join()) {
        rooms.entry(&call.path).or_default().push(call);
    }
    let (mut pauses, mut all) = (0, Duration::ZERO);
    for two in rooms.values().flat_map(|room| room.windows(2)) {
        // Midnight may pass between the two.
        let apart = if two[1].ended < two[0].ended { two[1].ended + DAY } else { two[1].ended } - two[0].ended;
        all += apart.saturating_sub(two[1].took);
        pauses += 1;
    }
    all.checked_div(pauses).unwrap_or_default()
}

/// A place in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(u64);

/// Where the log ends now.
pub(super) fn mark(synapse: &Synapse) -> Result<Mark> {
    let log = std::fs::metadata(synapse.log_path()).context("look at Synapse's log")?;
    Ok(Mark(log.len()))
}

/// What `user` has asked since.
pub(super) fn since(synapse: &Synapse, mark: Mark, user: &str) -> Result<Vec<Call>> {
    let mut log = std::fs::File::open(synapse.log_path()).context("open Synapse's log")?;
    log.seek(SeekFrom::Start(mark.0)).context("skip what was before")?;
    let mut text = Vec::new();
    log.read_to_end(&mut text).context("read Synapse's log")?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().filter_map(read).filter(|call| call.user == user).collect())
}

/// Its joins alone, once there are so many: a line is written a moment after its answer was sent.
pub(super) async fn joins_since(synapse: &Synapse, mark: Mark, user: &str, count: usize) -> Result<Vec<Call>> {
    let joins = || -> Result<Vec<Call>> { Ok(since(synapse, mark, user)?.into_iter().filter(Call::is_join).collect()) };
    wait_until(&format!("Synapse has logged {count} joins by {user}"), QUIET_BOUND, async || {
        joins().is_ok_and(|joins| joins.len() >= count)
    })
    .await?;
    joins()
}

/// All of it, once `user` has asked for nothing more for a while.
pub(super) async fn since_until_quiet(synapse: &Synapse, mark: Mark, user: &str) -> Result<Vec<Call>> {
    let (mut last, mut still) = (usize::MAX, Instant::now());
    wait_until(&format!("{user} asks Synapse for nothing more"), QUIET_BOUND, async || {
        let now = since(synapse, mark, user).map_or(0, |calls| calls.len());
        if now != last {
            (last, still) = (now, Instant::now());
        }
        still.elapsed() > QUIET
    })
    .await?;
    since(synapse, mark, user)
}

/// A line of `synapse.access`, where it is one:
/// `<date> 03:04:05,678 … - {@who:server} Processed request: 0.052sec/… "GET /path HTTP/1.1" "agent" […]`
fn read(line: &str) -> Option<Call> {
    let mut words = line.split(' ');
    let (who, what) = line.split_once(" Processed request: ")?;
    let user = who.rsplit_once('{')?.1.strip_suffix('}')?;
    let (method, rest) = what.split('"').nth(1)?.split_once(' ')?;
    let (path, _protocol) = rest.rsplit_once(' ')?;
    let ended = clock(words.nth(1)?)?;
    let took = Duration::try_from_secs_f64(what.split_once("sec/")?.0.parse().ok()?).ok()?;
    Some(Call { user: user.to_owned(), method: method.to_owned(), path: path.to_owned(), ended, took })
}

/// `03:04:05,678`
fn clock(text: &str) -> Option<Duration> {
    let mut parts = text.split([':', ',']).map(|part| part.parse::<u64>().ok());
    let mut next = || parts.next().flatten();
    let seconds = next()? * 3600 + next()? * 60 + next()?;
    Some(Duration::from_secs(seconds) + Duration::from_millis(next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_access_log_is_read_and_any_other_is_none() {
        let line = "2026-01-02 03:04:05,678 INFO synapse.access.http.15000 POST-7 127.0.0.1 - 15000 - {@bot:a.b} \
                    Processed request: 0.052sec/0.001sec (0.021sec, 0.002sec) (0.001sec/0.015sec/12) 30B 200 \
                    \"POST /_synapse/admin/v1/join/%21r%3Aa.b HTTP/1.1\" \"agent \"x\"\" [3 dbevts]";
        let (user, method) = ("@bot:a.b".to_owned(), "POST".to_owned());
        let (ended, took) = (Duration::from_millis(11_045_678), Duration::from_millis(52));
        let call = Call { user, method, path: "/_synapse/admin/v1/join/%21r%3Aa.b".to_owned(), ended, took };
        assert!(call.is_join());
        assert_eq!(read(line), Some(call));
        assert_eq!(read("2026-01-02 03:04:05,678 WARNING synapse.app _ Processed nothing"), None);
    }

    #[test]
    fn a_pause_is_what_lies_between_two_joins_of_a_room() {
        let join = |room: &str, ended, took| Call {
            user: String::new(),
            method: "POST".to_owned(),
            path: format!("/_synapse/admin/v1/join/{room}"),
            ended: Duration::from_millis(ended),
            took: Duration::from_millis(took),
        };
        let midnight = 86_400_000;
        let calls = [join("a", midnight - 50, 20), join("b", midnight - 40, 20), join("a", 0, 30), join("b", 90, 90)];
        assert_eq!(pause_between_joins(&calls), Duration::from_millis(30));
        assert_eq!(pause_between_joins(&calls[..2]), Duration::ZERO);
    }
}
