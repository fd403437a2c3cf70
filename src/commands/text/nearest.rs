//! "Did you mean": the likely one of several names.

/// How like two names must be for one to be meant by the other.
const LIKELY: f64 = 0.5;

/// The candidate that most resembles `name`, where one does.
pub(crate) fn alike<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(name, candidate);
    candidates
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKELY)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}
