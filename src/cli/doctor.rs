//! `doctor`: what is right and what is not, each with its mend. Changes nothing.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::people;
use super::print::{self, push_line};
use crate::app::Context;
use crate::config::ConfigLocation;
use crate::display_names::DisplayNames;
use crate::doctor::{self, Finding, FindingStatus};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct DoctorReport<'a> {
    /// Whether nothing fails.
    ok: bool,
    findings: &'a [Finding],
}

pub(super) async fn run(location: &ConfigLocation, arguments: Arguments) -> Result<ExitCode> {
    super::logs::for_command();
    let findings = doctor::examine(location).await;
    let ok = findings.iter().all(|finding| finding.status != FindingStatus::Fail);
    let texts = findings.iter().flat_map(|finding| [Some(&*finding.text), finding.mend.as_deref()]).flatten();
    // What is wrong may be the configuration itself.
    let names = match Context::load(location) {
        Ok(context) => people::names_in(&context, texts).await,
        Err(_) => DisplayNames::default(),
    };
    if arguments.json {
        let report = DoctorReport { ok, findings: &findings };
        people::print_json(&report, &names)?;
    } else {
        print::text(&show(&findings, &names));
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(findings: &[Finding], names: &DisplayNames) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let (mut text, mut counts) = (String::new(), [0_usize; 4]);
    for Finding { check, status, text: what, mend } in findings {
        let word = match status {
            FindingStatus::Pass => "pass",
            FindingStatus::Warn => "WARN",
            FindingStatus::Fail => "FAIL",
            FindingStatus::Skip => "skip",
        };
        counts[*status as usize] += 1;
        push_line(&mut text, format_args!("{word}  {check:width$}  {}", names.beside_ids(what)));
        if let Some(mend) = mend {
            push_line(&mut text, format_args!("{:1$}→ {2}", "", width + 8, names.beside_ids(mend)));
        }
    }
    let [pass, warn, fail, skip] = counts;
    text.push('\n');
    push_line(&mut text, format_args!("{pass} passed, {warn} warned of, {fail} failed, {skip} skipped"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_aligned_and_counted_and_each_mend_stands_below() {
        let finding = |check, status, text: &str, mend: Option<&str>| Finding {
            check,
            status,
            text: text.to_owned(),
            mend: mend.map(str::to_owned),
        };
        let findings = [
            finding("config", FindingStatus::Pass, "fine", None),
            finding("server_admin", FindingStatus::Fail, "the bot is no admin", Some("make it one")),
            finding("room", FindingStatus::Skip, "needs the token", None),
        ];
        insta::assert_snapshot!(show(&findings, &DisplayNames::default()), @r"
        pass  config        fine
        FAIL  server_admin  the bot is no admin
                            → make it one
        skip  room          needs the token

        1 passed, 0 warned of, 1 failed, 1 skipped
        ");
    }
}
