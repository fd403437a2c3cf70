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

/// A `sub` as Cognito makes them: a random UUID, lower case.
pub(crate) fn sub() -> String {
    let (left, right) = (word(), word());
    format!("{}-{}-4{}-8{}-{}", &left[..8], &left[8..12], &left[13..], &right[1..4], &right[4..])
}
