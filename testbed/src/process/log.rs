//! The end of a log file, for error messages.

use std::path::Path;

const LINES: usize = 60;

/// The last lines of a log, or a note why there are none.
pub(crate) fn tail(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(LINES)..].join("\n")
        }
        Err(error) => format!("(no log: {error})"),
    }
}
