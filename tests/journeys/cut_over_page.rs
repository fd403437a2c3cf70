//! What `docs/cut-over.md` is made of: steps, fenced blocks, and every command in them or in its sentences. A command that is
//! neither played by `cut_over.rs` nor named here with the reason fails a test.

use regex::Regex;

pub(crate) const PAGE: &str = include_str!("../../docs/cut-over.md");

/// Commands of the page that the journey does not play, by how they begin, and why.
const NOT_PLAYED: [(&str, &str); 8] = [
    ("aws ", "AWS's own command line, which needs an account: the emulators have neither ECS nor a pool's triggers"),
    (
        "terraform ",
        "needs that account; deploy/terraform/test_terraform.py evaluates the module with the examples' variables",
    ),
    ("put-secret-value", "of aws"),
    ("describe-user-pool", "of aws"),
    ("!provisioner ", "said in the Staff room: tests/journeys/staff.rs plays each of them"),
    ("rejoin", "undoes what somebody did by choice, which nobody does here: tests/journeys/leaves.rs plays it"),
    ("history --json", "the same lines as `history`, which is played: tests/journeys/commands.rs reads the JSON"),
    (
        "POST /_synapse/admin/v1/users/BOT/login",
        "is done before the first step: the journey mints a token so, and ends it so",
    ),
];

/// Why a command is not played, where it is not.
pub(crate) fn not_played(command: &str) -> Option<&'static str> {
    NOT_PLAYED.iter().find(|(start, _)| command.starts_with(start)).map(|(_, why)| *why)
}

/// What the page is made of, as far as it is played.
pub(crate) enum Part {
    /// A step begins.
    Step(u32),
    /// A fenced block, and the language it is in.
    Block(String, String),
    /// The service is to run from here on.
    Start,
}

pub(crate) fn parts() -> Vec<Part> {
    let (mut parts, mut block) = (Vec::new(), None::<(String, String)>);
    for line in PAGE.lines() {
        let line = line.strip_prefix("   ").unwrap_or(line);
        match (line.strip_prefix("```"), &mut block) {
            (Some(_), Some(_)) => parts.extend(block.take().map(|(language, text)| Part::Block(language, text))),
            (Some(language), None) => block = Some((language.to_owned(), String::new())),
            (None, Some((_, text))) => text.push_str(&format!("{line}\n")),
            (None, None) if line.contains("start the service") => parts.push(Part::Start),
            (None, None) => {
                let step = line.strip_prefix("## ").and_then(|rest| rest.split('.').next()?.parse().ok());
                parts.extend(step.map(Part::Step));
            }
        }
    }
    parts
}

/// The commands of a `console` block, each with the lines that the page shows.
pub(crate) fn commands(block: &str) -> Vec<(Vec<String>, Vec<&str>)> {
    let mut commands: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ phenom-provisioner "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.split(' ').map(str::to_owned).collect(), Vec::new())),
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("{line} stands before any command"),
        }
    }
    commands
}

/// The commands of an `sh` block; one may go over several lines.
pub(crate) fn shell_commands(block: &str) -> Vec<String> {
    let joined = block.replace("\\\n", " ");
    joined.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

/// The words by which a span of a sentence is known to be a command.
const FIRST_WORDS: &str = "aws terraform docker psql curl admin phenom-provisioner !provisioner GET PUT POST put-secret-value \
                           describe-user-pool status plan apply explain history rejoin follow pause resume backfill doctor \
                           bootstrap healthcheck registration config whoami whois logout/all";

#[test]
fn every_command_of_the_page_is_played_or_named_with_the_reason() {
    let (mut played, mut listed) = (Vec::new(), Vec::new());
    for part in parts() {
        match part {
            Part::Block(language, text) if language == "console" => {
                played.extend(commands(&text).into_iter().map(|(words, _)| words.join(" ")));
            }
            Part::Block(language, text) if language == "sh" => {
                let (not, here) = shell_commands(&text).into_iter().partition(|command| not_played(command).is_some());
                listed.extend::<Vec<String>>(not);
                played.extend::<Vec<String>>(here);
            }
            Part::Block(language, _) => assert!(["toml", "sql"].contains(&&*language), "nobody plays {language}"),
            Part::Step(_) | Part::Start => {}
        }
    }
    let sentences = Regex::new("(?s)```.*?```").unwrap().replace_all(PAGE, "");
    let spans = Regex::new("`([^`]+)`").unwrap();
    let spans = spans.captures_iter(&sentences).map(|span| span[1].replace('\n', " "));
    let is_command = |span: &String| FIRST_WORDS.split_whitespace().any(|word| span.split(' ').next() == Some(word));
    let spans: Vec<String> = spans.filter(is_command).collect();
    assert!(played.len() >= 30 && spans.len() >= 10, "{played:#?} {spans:#?}");
    let unknown: Vec<&String> = spans
        .iter()
        .filter(|span| not_played(span).is_none() && !played.iter().any(|command| command.contains(span.as_str())))
        .collect();
    assert!(unknown.is_empty(), "neither played nor named with a reason: {unknown:#?}");
    for (start, _) in NOT_PLAYED {
        let used = listed.iter().chain(&spans).any(|command| command.starts_with(start));
        assert!(used, "the page has no command {start} any more");
    }
}
