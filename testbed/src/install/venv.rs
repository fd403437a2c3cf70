//! Makes one virtual environment: under a lock, with a progress line, complete only once its marker is written.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::Environment;
use super::cache;

const MARKER: &str = ".complete";

pub(super) fn ensure(environment: Environment) -> Result<PathBuf> {
    let cache = cache::cache_directory()?;
    let directory = cache.join(environment.name());
    let marker = directory.join(MARKER);
    if marker.exists() {
        return Ok(directory);
    }
    let lock = cache::lock(&cache, environment.name())?;
    if marker.exists() {
        return Ok(directory);
    }
    let line = progress(&format!("installing {} into {} (once)", environment.name(), cache.display()));
    if directory.exists() {
        // Somebody was interrupted halfway: begin again.
        std::fs::remove_dir_all(&directory).with_context(|| format!("remove {}", directory.display()))?;
    }
    install(environment, &directory, &lock)
        .with_context(|| format!("install {} (needs Python 3.10 or newer with venv)", environment.name()))?;
    std::fs::write(&marker, environment.requirements().join("\n")).context("write the marker")?;
    line.finish_and_clear();
    eprintln!("installed {} in {:.0} s", environment.name(), line.elapsed().as_secs_f32());
    Ok(directory)
}

/// The installers hold the lock too (as their standard input), so that one that outlives us is waited for.
fn install(environment: Environment, directory: &Path, lock: &File) -> Result<()> {
    let python = std::env::var("TESTBED_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    run(Command::new(&python).args(["-m", "venv"]).arg(directory), lock)?;
    run(
        Command::new(directory.join("bin/python"))
            .args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--only-binary=:all:", "--"])
            .args(environment.requirements()),
        lock,
    )
}

fn run(command: &mut Command, lock: &File) -> Result<()> {
    let output = command
        .stdin(Stdio::from(lock.try_clone().context("share the lock")?))
        .output()
        .with_context(|| format!("run {:?}; install Python, or name it in TESTBED_PYTHON", command.get_program()))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed ({}):\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// A spinner on a terminal, one plain line elsewhere.
fn progress(message: &str) -> ProgressBar {
    let line = ProgressBar::new_spinner().with_message(message.to_owned());
    if line.is_hidden() {
        eprintln!("{message}");
    }
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        line.set_style(style);
    }
    line.enable_steady_tick(Duration::from_millis(120));
    line
}
