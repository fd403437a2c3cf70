//! How many there are, in words.

use std::fmt::Display;

/// `1 room`, `2 rooms`.
pub fn how_many<N: Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    let what = if count == 1.into() { one } else { many };
    format!("{count} {what}")
}
