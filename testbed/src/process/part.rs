//! One started part: a temporary directory, at most one process group at a time, and a guard that outlives us.
//!
//! The guard is a small shell whose standard input is a pipe only we hold. However this process ends (return,
//! panic, SIGKILL, a static that never drops), the kernel closes the pipe; the guard then ends the process group
//! it was last told of and removes the directory. std opens pipes close-on-exec, so no child keeps one open.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::log;
use crate::wait::wait_until;

/// Reads process group numbers, one a line; an empty line means none runs. At end of input: signal `$1` to the
/// last one, SIGKILL once its leader is gone or after eight seconds, then remove directory `$2`. A dead process whose
/// new parent is slow to reap it still takes signals, but has no `exe`.
const GUARD: &str = r#"
trap '' HUP INT QUIT TERM
group=
while read -r line; do group=$line; done
if [ -n "$group" ]; then
    kill -s "$1" -- "-$group"
    turns=0
    while [ "$turns" -lt 80 ] && readlink "/proc/$group/exe"; do sleep 0.1; turns=$((turns + 1)); done
    kill -s KILL -- "-$group"
fi
rm -rf -- "$2"
"#;

/// Waits for a line before it becomes the command, so that the guard knows the process before it does anything.
const GATE: &str = r#"read -r _ && exec "$@" </dev/null"#;

/// A temporary directory with at most one running process group.
#[derive(Debug)]
pub(crate) struct Part {
    name: &'static str,
    directory: PathBuf,
    inner: Mutex<Guarded>,
}

#[derive(Debug)]
struct Guarded {
    guard: Child,
    pipe: Option<ChildStdin>,
    process: Option<Child>,
}

impl Part {
    /// Makes the directory and its guard. `farewell` is the signal the guard sends first.
    pub(crate) fn new(name: &'static str, farewell: Signal) -> Result<Part> {
        let directory = tempfile::Builder::new()
            .prefix(&format!("phenom-testbed-{name}-"))
            .tempdir()
            .context("make a temporary directory; is TMPDIR writable?")?;
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "phenom-testbed-guard", farewell.as_str().trim_start_matches("SIG")])
            .arg(directory.path())
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start the guard: sh")?;
        let pipe = guard.stdin.take();
        Ok(Part { name, directory: directory.keep(), inner: Mutex::new(Guarded { guard, pipe, process: None }) })
    }

    pub(crate) fn name(&self) -> &str {
        self.name
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.name))
    }

    pub(crate) fn log_tail(&self) -> String {
        log::tail(&self.log_path())
    }

    /// Starts `command` in its own process group; its output is appended to the log.
    pub(crate) fn spawn(&self, command: &Command) -> Result<()> {
        let mut inner = self.lock();
        if inner.running()? {
            bail!("{} is running already", self.name);
        }
        let output = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path()).context("open log")?;
        let mut gated = Command::new("sh");
        gated.args(["-c", GATE, "phenom-testbed-gate"]).arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => gated.env(key, value),
                None => gated.env_remove(key),
            };
        }
        let mut child = gated
            .current_dir(command.get_current_dir().unwrap_or(&self.directory))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().context("share log")?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("start {}", self.name))?;
        let gate = child.stdin.take();
        let group = child.id();
        inner.process = Some(child);
        inner.tell_guard(&group.to_string())?;
        use std::io::Write;
        gate.context("no pipe to the gate")?.write_all(b"\n").with_context(|| format!("release {}", self.name))
    }

    /// Runs `command` to its end.
    pub(crate) async fn run(&self, command: &Command, bound: Duration) -> Result<()> {
        self.spawn(command)?;
        let status = self.ended(bound).await?;
        if !status.success() {
            bail!("{:?} failed ({status}):\n{}", command.get_program(), self.log_tail());
        }
        Ok(())
    }

    /// Sends a signal to the main process of the running group (not to its children).
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let mut inner = self.lock();
        if !inner.running()? {
            bail!("{} does not run", self.name);
        }
        let pid = inner.pid().with_context(|| format!("{} does not run", self.name))?;
        nix::sys::signal::kill(pid, signal).with_context(|| format!("send {signal} to {}", self.name))
    }

    /// SIGKILL to the whole group, at once.
    pub(crate) fn kill(&self) -> Result<()> {
        let inner = self.lock();
        let pid = inner.pid().with_context(|| format!("{} does not run", self.name))?;
        killpg(pid, Signal::SIGKILL).with_context(|| format!("kill {}", self.name))
    }

    /// Waits until the process has ended and tells how.
    pub(crate) async fn ended(&self, bound: Duration) -> Result<ExitStatus> {
        wait_until(&format!("{} ended", self.name), bound, async || self.running().is_ok_and(|running| !running))
            .await
            .map_err(|error| anyhow!("{error}; end of its log:\n{}", self.log_tail()))?;
        let mut inner = self.lock();
        let status = match inner.process.take() {
            Some(mut child) => child.wait().context("read exit status")?,
            None => ExitStatus::from_raw(0),
        };
        inner.tell_guard("")?;
        Ok(status)
    }

    pub(crate) fn running(&self) -> Result<bool> {
        self.lock().running()
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.lock().process.as_ref().map(Child::id)
    }

    fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guarded {
    fn running(&mut self) -> Result<bool> {
        match &mut self.process {
            Some(child) => Ok(child.try_wait().context("ask for the process")?.is_none()),
            None => Ok(false),
        }
    }

    fn pid(&self) -> Option<Pid> {
        self.process.as_ref().and_then(|child| i32::try_from(child.id()).ok()).map(Pid::from_raw)
    }

    fn tell_guard(&mut self, group: &str) -> Result<()> {
        use std::io::Write;
        let pipe = self.pipe.as_mut().context("the guard is gone")?;
        pipe.write_all(format!("{group}\n").as_bytes()).context("tell the guard; was it killed?")
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut inner = self.lock();
        inner.pipe = None;
        inner.guard.wait().ok();
        // Only if somebody killed the guard is anything left to do; the group cannot be another's before the wait.
        if let Some(pid) = inner.pid() {
            killpg(pid, Signal::SIGKILL).ok();
        }
        if let Some(mut child) = inner.process.take() {
            child.wait().ok();
        }
        std::fs::remove_dir_all(&self.directory).ok();
    }
}
