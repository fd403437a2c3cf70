//! `doctor`: what is right and what is not, each with its mend. Changes nothing.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::page::{Page, Screen, Tone};
use super::{people, print};
use crate::app::Context;
use crate::config::ConfigLocation;
use crate::display_names::DisplayNames;
use crate::doctor::{self, Finding, FindingStatus};

/// What is said goes on so far in.
const INDENT: usize = 6;

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
        print::page(&show(&doctor::together(findings.clone()), &names, Screen::of_answers()));
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What somebody must act on comes first.
fn show(findings: &[Finding], names: &DisplayNames, screen: Screen) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut page = Page::new(screen);
    let (lead, rest) = doctor::summary(findings);
    page.line(Tone::Heading, format_args!("{lead} {rest}"));
    page.blank();
    for status in [FindingStatus::Fail, FindingStatus::Warn, FindingStatus::Skip, FindingStatus::Pass] {
        for Finding { check, text: what, mend, .. } in findings.iter().filter(|finding| finding.status == status) {
            let (word, tone) = match status {
                FindingStatus::Pass => ("pass", Tone::Good),
                FindingStatus::Warn => ("WARN", Tone::Warning),
                FindingStatus::Fail => ("FAIL", Tone::Bad),
                FindingStatus::Skip => ("skip", Tone::Faint),
            };
            let mend = mend.as_ref().map_or_else(String::new, |mend| format!("→ {}", names.beside_ids(mend)));
            page.entry(tone, &format!("{word}  {check:width$}  "), INDENT, &names.beside_ids(what), &[&mend]);
        }
    }
    page.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(check: &'static str, status: FindingStatus, text: &str, mend: Option<&str>) -> Finding {
        Finding { check, status, text: text.to_owned(), mend: mend.map(str::to_owned) }
    }

    fn shown(width: Option<usize>) -> String {
        let open = "room staff (!WXBotwMKlVifIuEeBL:thephenom.app) can be joined by everybody who finds it";
        let findings = [
            finding("config", FindingStatus::Pass, "provisioner.toml is valid", None),
            finding(
                "join_rule",
                FindingStatus::Warn,
                open,
                Some("set join_rule = \"invite\" in [[rooms]] of key \"staff\", and let room_state enforce it"),
            ),
            finding(
                "server_admin",
                FindingStatus::Fail,
                "the bot is no server admin",
                Some("run `phenom-provisioner bootstrap`"),
            ),
            finding("room", FindingStatus::Skip, "needs the token", None),
        ];
        anstream::adapter::strip_str(&show(&findings, &DisplayNames::default(), Screen::of_width(width))).to_string()
    }

    #[test]
    fn what_the_doctor_finds_at_80_columns() {
        insta::assert_snapshot!(shown(Some(80)), @r#"
        1 check fails, 1 check warns: begin with server_admin. 1 pass, 1 could not be
          looked at.

        FAIL  server_admin  the bot is no server admin
              → run `phenom-provisioner bootstrap`
        WARN  join_rule     room staff (!WXBotwMKlVifIuEeBL:thephenom.app) can be joined
              by everybody who finds it
              → set join_rule = "invite" in [[rooms]] of key "staff", and let room_state
              enforce it
        skip  room          needs the token
        pass  config        provisioner.toml is valid
        "#);
    }

    #[test]
    fn what_the_doctor_finds_in_a_pipe() {
        insta::assert_snapshot!(shown(None), @r#"
        1 check fails, 1 check warns: begin with server_admin. 1 pass, 1 could not be looked at.

        FAIL  server_admin  the bot is no server admin  → run `phenom-provisioner bootstrap`
        WARN  join_rule     room staff (!WXBotwMKlVifIuEeBL:thephenom.app) can be joined by everybody who finds it  → set join_rule = "invite" in [[rooms]] of key "staff", and let room_state enforce it
        skip  room          needs the token
        pass  config        provisioner.toml is valid
        "#);
    }
}
