//! A hostile server: real events under a real server's signature that no Synapse would send.
//!
//! It has the signing key of the other Synapse and that one's Python, which has Synapse's own way of hashing and signing. The
//! server under test gets the public key from the other Synapse, as of any server.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::people::encode;
use crate::synapse::Synapse;
use crate::wait::wait_until;

const SCRIPT: &str = include_str!("hostile.py");
const BOUND: Duration = Duration::from_secs(60);

/// Speaks for one server to another.
#[derive(Debug, Clone)]
pub struct Hostile {
    python: PathBuf,
    signing_key: PathBuf,
    authority: PathBuf,
    origin: String,
    destination: String,
}

/// An event as the room stands, not signed yet: change what you like of `event`.
#[derive(Debug, Clone)]
pub struct Draft {
    pub event: Value,
    pub room_version: String,
}

impl Hostile {
    pub(super) fn new(origin: &Synapse, destination: &str, authority: &Path) -> Hostile {
        Hostile {
            python: origin.python().to_owned(),
            signing_key: origin.signing_key(),
            authority: authority.to_owned(),
            origin: origin.server_name().to_owned(),
            destination: destination.to_owned(),
        }
    }

    /// What the server under test offers for `membership`, `join` or `leave`: it says which events come right before, and by
    /// which the sender may do it.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn draft(&self, membership: &str, room: &str, mxid: &str) -> Result<Draft> {
        let versions: String = (1..=12).map(|version| format!("&ver={version}")).collect();
        let (room, mxid) = (encode(room), encode(mxid));
        let path = format!("/_matrix/federation/v1/make_{membership}/{room}/{mxid}?{}", &versions[1..]);
        let asked = self.until_answered(json!({ "path": path }), |_| true).await;
        let mut answer = asked.with_context(|| format!("ask for a {membership}"))?;
        let room_version = answer["room_version"].as_str().unwrap_or("1").to_owned();
        Ok(Draft { event: answer["event"].take(), room_version })
    }

    /// Signs these events of one room and sends them in one transaction; gives their ids.
    ///
    /// # Errors
    /// When the server under test refuses the transaction, or an event in it.
    pub async fn send(&self, drafts: Vec<Draft>) -> Result<Vec<String>> {
        let room_version = drafts.first().context("no event to send")?.room_version.clone();
        let events: Vec<Value> = drafts.into_iter().map(|draft| draft.event).collect();
        let refused = |outcome: &Value| outcome.get("error").is_some();
        let is_taken =
            |answer: &Value| answer["pdus"].as_object().is_some_and(|outcomes| !outcomes.values().any(refused));
        let request = json!({ "events": events, "room_version": room_version });
        let answer = self.until_answered(request, is_taken).await.context("send events")?;
        let ids = answer["ids"].as_array().context("no ids in the answer")?;
        Ok(ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect())
    }

    /// As any server does: a destination that is busy, or has not got the sender's keys yet, is asked again. The events stay the
    /// same, and so do their ids.
    async fn until_answered(&self, request: Value, is_right: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut last = Err(anyhow!("it was never asked"));
        let waited = wait_until("the server under test takes what the other sends", BOUND, async || {
            last = self.run(request.clone()).await;
            last.as_ref().is_ok_and(&is_right)
        });
        waited.await.with_context(|| format!("the last answer: {last:?}"))?;
        last
    }

    async fn run(&self, mut request: Value) -> Result<Value> {
        let Self { signing_key, authority, origin, destination, .. } = self;
        for (key, value) in [
            ("origin", json!(origin)),
            ("destination", json!(destination)),
            ("signing_key", json!(signing_key)),
            ("authority", json!(authority)),
        ] {
            request[key] = value;
        }
        let mut child = Command::new(&self.python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start the hostile server")?;
        let mut input = child.stdin.take().context("no pipe to the hostile server")?;
        input.write_all(request.to_string().as_bytes()).await.context("tell the hostile server")?;
        drop(input);
        let ended = tokio::time::timeout(BOUND, child.wait_with_output()).await;
        let output = ended.context("the hostile server did not end")?.context("wait for the hostile server")?;
        if !output.status.success() {
            bail!("the hostile server failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).context("read the hostile server's answer")
    }
}
