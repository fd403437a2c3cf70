//! An error with what caused it, in one line: `Display` never repeats its source.

use std::error::Error;

/// An error, and behind it its source, which speaks for those behind it.
pub(crate) fn with_cause(error: &impl Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
