//! Display names on the command line: after the ids of a text, and beside everything else in the JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::print;
use crate::app::Context;
use crate::display_names::{DisplayNames, FormerName, NameLookup, NameReader, NamedUser};
use crate::store::Store;

/// An answer as JSON, with the names of the users in it. The fields of the answer stay as they are.
#[derive(Serialize)]
pub(super) struct WithNames<'a, T> {
    #[serde(flatten)]
    answer: &'a T,
    /// By user id; those that are not known are left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    names: BTreeMap<&'a str, &'a str>,
    /// By user id, of those who were called otherwise when the service first showed them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    former_names: BTreeMap<&'a str, &'a FormerName>,
}

impl<'a, T> WithNames<'a, T> {
    pub(super) fn new(answer: &'a T, users: &[&'a NamedUser]) -> Self {
        let names = users.iter().map(|user| (&*user.mxid, &*user.name)).collect();
        let former_names = users.iter().filter_map(|user| Some((&*user.mxid, user.was.as_ref()?))).collect();
        Self { answer, names, former_names }
    }
}

/// The names of the users in `texts`. Where Synapse does not tell them in time, ids are enough.
pub(super) async fn names_in<'a>(context: &Context, texts: impl IntoIterator<Item = &'a str>) -> DisplayNames {
    match (context.homeserver().await, context.database()) {
        (Ok(homeserver), Ok(database)) => {
            NameLookup::new(homeserver, Store::unopened(database), NameReader::Command).names_in(texts).await
        }
        _ => DisplayNames::default(),
    }
}

/// Prints a line with the names of the users in it.
pub(super) async fn print_line(context: &Context, line: &str) {
    print::line(names_in(context, [line]).await.beside_ids(line));
}

/// Prints an answer as JSON, with the names.
pub(super) fn print_json(answer: &impl Serialize, names: &DisplayNames) -> anyhow::Result<()> {
    print::json(&WithNames::new(answer, &names.users()))
}
