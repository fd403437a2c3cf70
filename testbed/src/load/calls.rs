//! Which requests Synapse answered, by its own log: one line each, written whoever asks.

use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::synapse::Synapse;
use crate::wait::wait_until;

/// Longer than the service waits with anything that follows a write.
const QUIET: Duration = Duration::from_secs(5);
const QUIET_BOUND: Duration = Duration::from_secs(120);

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// Who asked, by the access token.
    pub(super) user: String,
    pub(super) method: String,
    /// As it was on the wire, with its query.
    pub(super) path: String,
}

impl Call {
    /// Whether it asked for somebody to be joined.
    pub(super) fn is_join(&self) -> bool {
        self.method == "POST" && self.path.starts_with("/_synapse/admin/v1/join/")
    }
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

/// The same, once `user` has asked for nothing more for a while.
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
/// `… - {@who:server} Processed request: … "GET /path HTTP/1.1" "agent" […]`
fn read(line: &str) -> Option<Call> {
    let (who, what) = line.split_once(" Processed request: ")?;
    let user = who.rsplit_once('{')?.1.strip_suffix('}')?;
    let (method, rest) = what.split('"').nth(1)?.split_once(' ')?;
    let (path, _protocol) = rest.rsplit_once(' ')?;
    Some(Call { user: user.to_owned(), method: method.to_owned(), path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_access_log_is_read_and_any_other_is_none() {
        let line = "2026-01-02 03:04:05,678 INFO synapse.access.http.15000 POST-7 127.0.0.1 - 15000 - {@bot:a.b} \
                    Processed request: 0.052sec/0.001sec (0.021sec, 0.002sec) (0.001sec/0.015sec/12) 30B 200 \
                    \"POST /_synapse/admin/v1/join/%21r%3Aa.b HTTP/1.1\" \"agent \"x\"\" [3 dbevts]";
        let call = read(line);
        let (user, method) = ("@bot:a.b".to_owned(), "POST".to_owned());
        assert_eq!(call, Some(Call { user, method, path: "/_synapse/admin/v1/join/%21r%3Aa.b".to_owned() }));
        assert!(call.is_some_and(|call| call.is_join()));
        assert_eq!(read("2026-01-02 03:04:05,678 WARNING synapse.app _ Processed nothing"), None);
    }
}
