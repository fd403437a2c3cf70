//! "Did you mean": the valid name that most resembles one that is not. Only compares names, whatever they name.

/// Two names are alike when more than this share of them agrees, from 0 to 1: neither does `kick` mean `keep`, nor
/// `poll_interval` `resync_interval`.
const ALIKE: f64 = 0.6;

/// The candidate that most resembles `name`; `None` only when there are no candidates.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let rated = candidates.into_iter().map(|candidate| (likeness(name, candidate), candidate));
    // The first of several that are equally near.
    let best = rated.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, candidate)| candidate)
}

/// Whether two names are so alike that one was probably meant for the other.
pub fn alike(name: &str, other: &str) -> bool {
    likeness(name, other) > ALIKE
}

/// The candidate that was probably meant, where there is one.
pub fn meant<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest(name, candidates).filter(|candidate| alike(name, candidate))
}

/// How many letters must be changed to make one name the other; upper and lower case are not told apart.
pub fn edits(name: &str, other: &str) -> usize {
    strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase())
}

/// From 0, nothing alike, to 1, the same; upper and lower case are not told apart.
fn likeness(name: &str, other: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase())
}
