//! Plans, reports, the ledger and the status for people, with the names of the users in them. Nothing is decided here.

mod history;
mod plan;
mod report;
mod status;

pub(super) use history::{history, texts_of_line};
pub(super) use plan::{plan, texts_of_plan};
pub(super) use report::{report, texts_of_report};
pub(super) use status::status;

use provisioner_policy::short_id;

use super::page::{Page, Tone};
use crate::display_names::DisplayNames;

/// What to type where what is held is meant.
fn approval(page: &mut Page, held_id: Option<&str>) {
    if let Some(id) = held_id {
        page.line(Tone::Plain, format_args!("If this is meant: phenom-provisioner apply --approve {}", short_id(id)));
    }
}

/// Errors that no notice says already, with more.
pub(super) fn not_noticed<'a>(
    errors: &'a [String],
    notices: impl Iterator<Item = &'a String> + Clone,
) -> impl Iterator<Item = &'a String> {
    errors.iter().filter(move |error| !notices.clone().any(|notice| notice.contains(error.as_str())))
}

fn notices(page: &mut Page, notices: &[String], names: &DisplayNames) {
    for notice in notices {
        page.line(Tone::Warning, format_args!("notice: {}", names.beside_ids(notice)));
    }
}
