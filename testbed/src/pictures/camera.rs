//! The camera: a program for node that drives the client. An order is one line of JSON, and so is its answer.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The running camera. It ends, with all that it has started, when its standard input does.
#[derive(Debug)]
pub(crate) struct Camera {
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    process: Child,
}

impl Camera {
    /// Starts it from its folder, and installs first what its lock file names where that is not there yet.
    ///
    /// # Errors
    /// When npm or node are missing or fail.
    pub(crate) async fn start(folder: &Path) -> Result<Camera> {
        let folder = folder.canonicalize().with_context(|| {
            format!("find the camera in {}; run this in the root of the repository, or give --camera", folder.display())
        })?;
        if !folder.join("node_modules").exists() {
            let mut install = Command::new("npm");
            install.args(["ci", "--no-audit", "--no-fund", "--silent"]).current_dir(&folder).kill_on_drop(true);
            let status = install.status().await.context("run npm; are Node.js and npm installed?")?;
            ensure!(status.success(), "`npm ci` in {} ended with {status}", folder.display());
        }
        let mut command = Command::new("node");
        command.arg("camera.mjs").current_dir(&folder);
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("run node; is Node.js installed?")?;
        let orders = process.stdin.take().context("the camera has no standard input")?;
        let answers = process.stdout.take().context("the camera has no standard output")?;
        Ok(Camera { orders, answers: BufReader::new(answers).lines(), process })
    }

    /// Logs somebody in on every screen and opens a room by its name.
    ///
    /// # Errors
    /// When the client does not get there.
    pub(crate) async fn open(&mut self, homeserver: &str, user: &str, password: &str, room: &str) -> Result<()> {
        let order = json!({
            "do": "open", "homeserver": homeserver, "user": user, "password": password, "room": room,
        });
        self.order(&order).await.map(drop)
    }

    /// Takes a message, once it has these reactions and changes no more: a file for each screen, named `file` and its width.
    /// Gives what does not fit.
    ///
    /// # Errors
    /// When the client does not show the message.
    pub(crate) async fn take(&mut self, event: &str, reactions: &[&str], file: &Path) -> Result<Vec<String>> {
        let order = json!({ "do": "take", "event": event, "reactions": reactions, "file": file });
        let answer = self.order(&order).await?;
        let findings = answer["findings"].as_array().context("the camera says nothing of what fits")?;
        Ok(findings.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect())
    }

    /// Taps on a reaction, as somebody does.
    ///
    /// # Errors
    /// When the client does not show it.
    pub(crate) async fn tap(&mut self, event: &str, key: &str) -> Result<()> {
        self.order(&json!({ "do": "tap", "event": event, "key": key })).await.map(drop)
    }

    /// Writes what a terminal client shows of all that was said.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) async fn keep_terminal(&mut self, file: &Path) -> Result<()> {
        self.order(&json!({ "do": "keep", "file": file })).await.map(drop)
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it ends with a failure.
    pub(crate) async fn close(self) -> Result<()> {
        let Camera { orders, answers: _, mut process } = self;
        drop(orders);
        let status = process.wait().await.context("wait for the camera's end")?;
        ensure!(status.success(), "the camera ended with {status}");
        Ok(())
    }

    async fn order(&mut self, order: &Value) -> Result<Value> {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.context("tell the camera what to do")?;
        let line = self.answers.next_line().await.context("hear from the camera")?;
        let line = line.context("the camera has ended; what it said is above")?;
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("read {line:?} of the camera"))?;
        if answer["done"] != true {
            bail!("the camera cannot {}: {}", order["do"], answer["error"].as_str().unwrap_or("it does not say why"));
        }
        Ok(answer)
    }
}
