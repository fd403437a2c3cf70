//! Commands that pages show are commands that there are, with these arguments; and each has its row.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use clap::error::ErrorKind;
use phenom_provisioner::cli;
use regex::Regex;

use super::page::{Found, pages};
use crate::support::repository;

#[test]
fn every_command_that_a_page_shows_is_one() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for page in &pages() {
        // What stands within a line names a command, and may leave out what it is about.
        for code in &page.inline {
            for command in commands(&code.text) {
                seen += 1;
                wrong.extend(fault(&command, true).map(|fault| format!("{}: {command}: {fault}", code.place)));
            }
        }
        for (language, Found { place, text }) in &page.blocks {
            let text = text.replace("\\\n", " ");
            for line in text.lines() {
                // Of what a terminal shows, only what was typed.
                let typed = if language == "console" { line.strip_prefix("$ ") } else { Some(line) };
                for command in typed.map(commands).unwrap_or_default() {
                    seen += 1;
                    wrong.extend(fault(&command, false).map(|fault| format!("{place}: {command}: {fault}")));
                }
            }
        }
    }
    assert!(seen > 50, "only {seen} commands were found");
    assert!(wrong.is_empty(), "commands that are none:\n{}", wrong.join("\n"));
}

#[test]
fn the_page_of_operators_has_a_row_for_each_command() {
    let text = std::fs::read_to_string(repository("docs/operate.md")).unwrap();
    let (_, section) = text.split_once("\n## Commands and exit codes\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let code = Regex::new("`([^`]+)`").unwrap();
    let mut listed = BTreeSet::new();
    for cell in section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next()) {
        for usage in code.captures_iter(&format!("`{cell}")).map(|found| found[1].to_owned()) {
            assert_eq!(fault(&format!("phenom-provisioner {usage}"), true), None, "docs/operate.md: {usage}");
            let words = usage.split_whitespace().take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
            listed.insert(words.collect::<Vec<_>>().join(" "));
        }
    }
    assert_eq!(listed, all_commands(), "docs/operate.md, Commands and exit codes (left) and the command line (right)");
}

#[test]
fn every_benchmark_and_test_that_a_page_runs_is_there() {
    let named = Regex::new(r"--(bench|test|bin) ([a-z_]+)").unwrap();
    let exists = |kind: &str, name: &str| {
        let folder = if kind == "bench" { "benches" } else { "tests" };
        let files = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/main.rs")];
        let crates = ["", "policy/", "testbed/"];
        match kind {
            "bin" => ["phenom-provisioner", "testbed"].contains(&name),
            _ => crates.iter().any(|of| files.iter().any(|file| repository(&format!("{of}{file}")).exists())),
        }
    };
    let (mut missing, mut seen) = (Vec::new(), 0);
    for page in &pages() {
        for code in page.inline.iter().chain(page.blocks.iter().map(|(_, block)| block)) {
            for found in named.captures_iter(&code.text).filter(|_| code.text.contains("cargo ")) {
                seen += 1;
                if !exists(&found[1], &found[2]) {
                    missing.push(format!("{}: {}", code.place, &found[0]));
                }
            }
        }
    }
    assert!(seen > 10, "only {seen} were found");
    assert!(missing.is_empty(), "these are not there:\n{}", missing.join("\n"));
}

/// Each command by the words that call it.
fn all_commands() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for command in cli::command().get_subcommands() {
        let below: Vec<_> = command.get_subcommands().map(|below| format!("{} {below}", command.get_name())).collect();
        match below.is_empty() {
            true => all.extend([command.get_name().to_owned()]),
            false => all.extend(below),
        }
    }
    all
}

/// The command lines of ours in a piece of code: where a command stands, up to what ends it in a shell.
fn commands(code: &str) -> Vec<String> {
    static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?:^\s*|[|;&(]\s*)(phenom-provisioner(?:\s.*?)?)(?:\s[|>#;&]|;|\)|\||$)")
            .expect("the expression is constant")
    });
    COMMAND.captures_iter(code).map(|found| found[1].trim().to_owned()).collect()
}

/// What is wrong with a command line, if it is no mere lack where that is allowed.
fn fault(command: &str, may_lack: bool) -> Option<String> {
    // `[USER]` is USER, given; a number is told by a letter.
    let words = command.split_whitespace().map(|word| match word.trim_matches(['[', ']', '\'', '"']) {
        "N" => "1",
        word => word,
    });
    let error = cli::command().try_get_matches_from(words).err()?;
    let lacks = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let shows = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let is_fine = shows || (may_lack && lacks);
    (!is_fine).then(|| error.to_string().lines().next().unwrap_or_default().to_owned())
}
