//! The service's real binary, run as a user runs it: a configuration file, an environment, signals, exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;

use crate::image::ImageRoot;
use crate::process::Part;
use crate::synapse::Doorkeeper;
use crate::wait::wait_until;

const READY_BOUND: Duration = Duration::from_secs(60);
/// The service itself allows 25 s for what is in flight.
const STOP_BOUND: Duration = Duration::from_secs(40);
/// Longer than any command may take that tests run.
const COMMAND_BOUND: Duration = Duration::from_secs(180);
const CAPTURE: &str = r#"out=$1 err=$2; shift 2; exec "$@" >"$out" 2>"$err""#;

/// What to run.
#[derive(Debug, Clone)]
pub struct ServiceSpec {
    /// Tests pass `env!("CARGO_BIN_EXE_phenom-provisioner")`.
    pub binary: PathBuf,
    /// The text of the configuration file; it is given as `--config <file>`.
    pub config: String,
    /// Added to the environment.
    pub env: Vec<(String, String)>,
    /// The `admin.listen` of the configuration, for `/readyz`.
    pub admin: String,
}

/// What a command printed and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code; nothing if a signal ended it.
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Standard output as JSON.
    ///
    /// # Errors
    /// When it is no JSON; the message shows all that was printed.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("read JSON from {self:?}"))
    }
}

/// One installation of the service: its directory and configuration, running or not. Its log is printed when a
/// test panics while it is alive.
#[derive(Debug)]
pub struct Service {
    part: Part,
    spec: ServiceSpec,
    /// Where it runs as in the image: by its variables, without a file.
    root: Option<ImageRoot>,
    doorkeeper: Mutex<Option<Doorkeeper>>,
}

impl Service {
    /// Writes the configuration without starting anything, for tests of the command line.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn install(spec: ServiceSpec) -> Result<Service> {
        let part = Part::new("service", Signal::SIGKILL)?;
        let service = Service { part, spec, root: None, doorkeeper: Mutex::default() };
        service.write_config()?;
        Ok(service)
    }

    /// The same in a root as the image has: what it needs to know stands in `env`. There is no configuration file.
    ///
    /// # Errors
    /// When the root cannot be put together.
    pub fn install_image(program: &Path, env: Vec<(String, String)>, admin: String) -> Result<Service> {
        let root = Some(ImageRoot::new(program)?);
        let spec = ServiceSpec { binary: program.to_owned(), config: String::new(), env, admin };
        Ok(Service { part: Part::new("service", Signal::SIGKILL)?, spec, root, doorkeeper: Mutex::default() })
    }

    /// Installs it and starts `run`. Does not wait; see [`Service::wait_ready`].
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn start(spec: ServiceSpec) -> Result<Service> {
        let service = Service::install(spec)?;
        service.start_again()?;
        Ok(service)
    }

    /// Until the first start somebody else takes what Synapse pushes.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn keep_the_door(&self, address: &str) -> Result<()> {
        *self.doorkeeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(Doorkeeper::at(address)?);
        Ok(())
    }

    fn dismiss_the_doorkeeper(&self) {
        drop(self.doorkeeper.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Starts `run` again after it has ended.
    ///
    /// # Errors
    /// When it still runs.
    pub fn start_again(&self) -> Result<()> {
        self.dismiss_the_doorkeeper();
        self.part.spawn(&self.command(&["run"]))
    }

    /// Replaces the configuration file; a running service keeps the old one until it is started again.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_config(&mut self, config: &str) -> Result<()> {
        config.clone_into(&mut self.spec.config);
        self.write_config()
    }

    /// Waits until `/readyz` says 200.
    ///
    /// # Errors
    /// When it ends first or the bound passes; the message carries the end of its log.
    pub async fn wait_ready(&self) -> Result<()> {
        let client = reqwest::Client::new();
        let ready = format!("http://{}/readyz", self.spec.admin);
        wait_until("the service is ready", READY_BOUND, async || {
            let answer = client.get(&ready).timeout(Duration::from_secs(2)).send().await;
            answer.is_ok_and(|answer| answer.status().is_success()) || !self.running()
        })
        .await
        .and_then(|()| if self.running() { Ok(()) } else { Err(anyhow!("the service ended")) })
        .with_context(|| format!("end of its log:\n{}", self.part.log_tail()))
    }

    /// SIGTERM, and wait for the end.
    ///
    /// # Errors
    /// When it does not run or does not end in time.
    pub async fn sigterm(&self) -> Result<ExitStatus> {
        self.part.signal(Signal::SIGTERM)?;
        self.ended().await
    }

    /// SIGKILL, and wait for the end.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn sigkill(&self) -> Result<ExitStatus> {
        self.part.kill()?;
        self.ended().await
    }

    /// Any signal, without waiting.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.part.signal(signal)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&self) -> Result<ExitStatus> {
        self.part.ended(STOP_BOUND).await
    }

    pub fn running(&self) -> bool {
        self.part.running().unwrap_or(false)
    }

    /// The number of its process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.part.pid()
    }

    /// The most memory that its process had resident so far, in bytes.
    ///
    /// # Errors
    /// When it does not run.
    pub fn peak_memory(&self) -> Result<u64> {
        let pid = self.pid().context("the service does not run")?;
        let status =
            std::fs::read_to_string(format!("/proc/{pid}/status")).context("read what the process has used")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let kilobytes: u64 = peak.context("no peak in the process's status")?.parse()?;
        Ok(kilobytes * 1024)
    }

    /// All that `run` has printed so far, over all starts.
    pub fn log(&self) -> String {
        read(&self.part.log_path())
    }

    /// Runs one command of the command line to its end, with the same configuration and environment.
    ///
    /// # Errors
    /// When it cannot be started or does not end in three minutes. A failure of the command is an [`Output`].
    pub async fn run_cli(&self, args: &[&str]) -> Result<Output> {
        if args.first() == Some(&"doctor") {
            // It looks for who listens there.
            self.dismiss_the_doorkeeper();
        }
        let part = Part::new("command", Signal::SIGKILL)?;
        let (stdout, stderr) = (part.directory().join("stdout"), part.directory().join("stderr"));
        let inner = self.command(args);
        let mut command = Command::new("sh");
        command.args(["-c", CAPTURE, "capture"]).args([&stdout, &stderr]);
        command.arg(inner.get_program()).args(inner.get_args()).current_dir(self.part.directory());
        self.set_environment(&mut command);
        part.spawn(&command).with_context(|| format!("run {}", self.spec.binary.display()))?;
        let status = part.ended(COMMAND_BOUND).await.with_context(|| format!("run {args:?}"))?.code();
        Ok(Output { status, stdout: read(&stdout), stderr: read(&stderr) })
    }

    /// Adds to the environment, for the next start or command.
    pub fn set_env(&mut self, key: &str, value: &str) {
        self.spec.env.push((key.to_owned(), value.to_owned()));
    }

    /// Where the configuration file is, and what the service writes.
    pub fn directory(&self) -> &Path {
        self.part.directory()
    }

    fn command(&self, args: &[&str]) -> Command {
        if let Some(root) = &self.root {
            return root.command(args, &self.spec.env);
        }
        let mut command = Command::new(&self.spec.binary);
        command.arg("--config").arg(self.config_path()).args(args).current_dir(self.part.directory());
        self.set_environment(&mut command);
        command
    }

    fn set_environment(&self, command: &mut Command) {
        // What the machine's own environment says must not reach the service under test.
        for (key, _) in std::env::vars_os() {
            // As wide as the terminal in which the tests run is no width to expect.
            if key.to_string_lossy().starts_with("PHENOM_PROVISIONER") || key == "COLUMNS" {
                command.env_remove(key);
            }
        }
        command.envs(self.spec.env.iter().map(|(key, value)| (key, value)));
    }

    fn config_path(&self) -> PathBuf {
        self.part.directory().join("provisioner.toml")
    }

    fn write_config(&self) -> Result<()> {
        std::fs::write(self.config_path(), &self.spec.config).context("write the configuration")
    }
}

fn read(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the service\n{}\n---", self.log());
        }
    }
}
