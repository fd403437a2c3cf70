//! Loopback ports that stay ours although nothing listens on them yet.
//!
//! A port from the kernel's ephemeral range may become the source port of any outgoing connection meanwhile, so ports come from
//! below it. A lock file for each block of them keeps parallel test processes apart until they end: one for each port would be
//! an open file each, and a process may have a thousand.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use super::random;

/// Below Linux's ephemeral range (32768 and up), above the well-known services.
const FIRST: u16 = 15_000;
const BLOCKS: u16 = 150;
const BLOCK: u16 = 100;
const ATTEMPTS: usize = 1_000;

static OURS: Mutex<Ours> = Mutex::new(Ours { locks: Vec::new(), next: 0, end: 0 });

/// The blocks of this process, locked until it ends, and what is left of the last one.
struct Ours {
    locks: Vec<File>,
    next: u16,
    end: u16,
}

/// A free port of 127.0.0.1, reserved for this process until it ends.
///
/// # Errors
/// When no free port was found, or the lock files cannot be written.
pub fn free_port() -> Result<u16> {
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..ATTEMPTS {
        if ours.next == ours.end {
            ours.take_a_block()?;
        }
        let port = ours.next;
        ours.next += 1;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free loopback port between {FIRST} and {}; stop what listens there", FIRST + BLOCKS * BLOCK)
}

impl Ours {
    /// Locks a block that no process has.
    fn take_a_block(&mut self) -> Result<()> {
        let directory = lock_directory();
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("create {}; is TMPDIR writable?", directory.display()))?;
        for _ in 0..ATTEMPTS {
            let block = u16::try_from(random::number() % u64::from(BLOCKS)).context("pick a block of ports")?;
            let path = directory.join(format!("block-{block}"));
            let lock = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .with_context(|| format!("open port lock {}", path.display()))?;
            if lock.try_lock().is_ok() {
                self.locks.push(lock);
                self.next = FIRST + block * BLOCK;
                self.end = self.next + BLOCK;
                return Ok(());
            }
        }
        bail!("other processes have all blocks of ports; end them, or remove {}", directory.display())
    }
}

fn lock_directory() -> PathBuf {
    std::env::temp_dir().join(format!("phenom-testbed-ports-{}", nix::unistd::geteuid()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_thousand_ports_are_a_thousand_and_few_open_files() {
        let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let before = files();
        let ports: BTreeSet<u16> = (0..1_000).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 1_000);
        // Other tests of this process open files meanwhile.
        assert!(files() < before + 100, "{before} files, then {}", files());
    }
}
