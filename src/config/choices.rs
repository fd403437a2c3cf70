//! Names in a mend: what to write instead, and lists of what there is.

use crate::nearest::meant;

/// What to write instead of `name` where only `options` are allowed. A suggestion is made only where it is likely:
/// `kick` does not mean `keep`.
pub(super) fn choice<'a>(name: &str, options: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match meant(name, options.clone()) {
        Some(option) => format!("did you mean \"{option}\"?"),
        None => {
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
