//! The nearest valid name for one that is not, for error messages.

/// The candidate that most resembles `name`; `None` only when there are no candidates.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let likeness = strsim::normalized_damerau_levenshtein(&name, &candidate.to_lowercase());
        if best.is_none_or(|(highest, _)| likeness > highest) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Whether two names are so alike that one was probably meant for the other.
pub(super) fn alike(name: &str, other: &str) -> bool {
    strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase()) > 0.6
}

/// What to write instead of `name` where only `options` are allowed. A suggestion is made only where it is likely:
/// `kick` does not mean `keep`.
pub(super) fn choice<'a>(name: &str, options: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(name, options.clone()) {
        Some(option) if alike(name, option) => format!("did you mean \"{option}\"?"),
        _ => {
            let quoted: Vec<String> = options.into_iter().map(|option| format!("\"{option}\"")).collect();
            format!("write {}", listed(&quoted, "or"))
        }
    }
}

/// `a, b and c`.
pub(super) fn listed(names: &[String], last: &str) -> String {
    match names {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}
