//! Display names on the command line: after the ids of a text, and beside everything else in the JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::print;
use crate::app::Context;
use crate::display_names::{DisplayNames, NameLookup};

/// An answer as JSON, with the names of the users in it. The fields of the answer stay as they are.
#[derive(Serialize)]
pub(super) struct WithNames<'a, T> {
    #[serde(flatten)]
    pub(super) answer: &'a T,
    /// By user id; those that are not known are left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) names: BTreeMap<&'a str, &'a str>,
}

/// The names of the users in `texts`. Where Synapse does not tell them in time, ids are enough.
pub(super) async fn names_in<'a>(context: &Context, texts: impl IntoIterator<Item = &'a str>) -> DisplayNames {
    match context.homeserver().await {
        Ok(homeserver) => NameLookup::new(homeserver).names_in(texts).await,
        Err(_) => DisplayNames::default(),
    }
}

/// Prints a line with the names of the users in it.
pub(super) async fn print_line(context: &Context, line: &str) {
    print::line(names_in(context, [line]).await.beside_ids(line));
}

/// Prints an answer as JSON, with the names.
pub(super) fn print_json(answer: &impl Serialize, names: &DisplayNames) -> anyhow::Result<()> {
    print::json(&WithNames { answer, names: names.by_id() })
}
