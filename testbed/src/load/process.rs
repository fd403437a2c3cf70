//! What a process has used, by the kernel's own count.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::{SysconfVar, sysconf};

/// The processor time a process has used so far, its ended children left out.
pub(super) fn cpu(pid: Option<u32>) -> Result<Duration> {
    let pid = pid.context("the process does not run")?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("read what the process has used")?;
    // The name in parentheses may hold anything; user and system time are the 12th and 13th field after it.
    let (_, fields) = stat.rsplit_once(") ").context("no name in the process's line")?;
    let ticks: u64 = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|rate| u64::try_from(rate).ok());
    let per_second = per_second.context("read the kernel's clock rate")?;
    Ok(Duration::from_millis(ticks * 1000 / per_second))
}

/// The resident memory of a process, in bytes.
pub(super) fn memory(pid: Option<u32>) -> Result<u64> {
    let pid = pid.context("the process does not run")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("read what the process has used")?;
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    resident.map(|kilobytes: u64| kilobytes * 1024).context("no resident memory in the process's status")
}
