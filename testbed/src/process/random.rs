//! Random names and secrets for one run. Not for anything that leaves this machine.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A random number, from the seed std gives every hash map.
pub(crate) fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Sixteen random hexadecimal digits.
pub(crate) fn word() -> String {
    format!("{:016x}", number())
}
