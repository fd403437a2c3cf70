//! `docs/cut-over.md`, walked through: its commands run in the order of the page, on a server that never had an application service
//! and whose bot is an ordinary account, with the modes that the page sets, and say what the page shows. Nothing is taken from
//! anybody before the page says so.

use std::sync::Arc;

use regex::Regex;
use reqwest::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use testbed::{Admin, Person, SynapseVersion, own, wait_until};

use crate::support::{SOON, Settings, Stage, subjects};

crate::on_both_versions!(every_step_of_the_page_says_what_it_shows_and_takes_nothing_before_its_time);

const PAGE: &str = include_str!("../../docs/cut-over.md");

/// What the page is made of, as far as it is played.
enum Part {
    /// A step begins.
    Step(u32),
    /// A fenced block, and the language it is in.
    Block(String, String),
    /// The service is to run from here on.
    Start,
}

fn parts() -> Vec<Part> {
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
fn commands(block: &str) -> Vec<(Vec<&str>, Vec<&str>)> {
    let mut commands: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ phenom-provisioner "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.split(' ').collect(), Vec::new())),
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("{line} stands before any command"),
        }
    }
    commands
}

/// Runs a command and looks for what the page shows, line after line.
async fn shows(stage: &Stage, command: &[&str], shown: &[&str]) {
    let output = stage.service.run_cli(command).await.unwrap();
    assert!(output.status.is_some_and(|status| status != 1), "{command:?}: {output:#?}");
    let said = output.stdout.clone() + output.stderr.as_str();
    let mut said = said.lines();
    for line in shown {
        let pattern = format!("^{}$", regex::escape(line).replace('…', ".*"));
        let pattern = Regex::new(&pattern).unwrap();
        assert!(said.any(|said| pattern.is_match(said)), "{command:?} does not say {line:?}: {output:#?}");
    }
}

/// What the page asks of Synapse is answered, as the bot is called here.
async fn asks(stage: &Stage, old: &Admin, script: &str) {
    for asked in Regex::new(r#"(?m)^admin "?(/[^"\s]+)"#).unwrap().captures_iter(script) {
        let path = asked[1].replace("$BOT", &stage.bot.mxid);
        stage.admin.call(Method::GET, &path, None).await.unwrap();
    }
    for asked in Regex::new(r#"--request POST .*\$OLD_TOKEN" "\$SYNAPSE(/\S+)""#).unwrap().captures_iter(script) {
        old.call(Method::POST, &asked[1], Some(json!({}))).await.unwrap();
    }
}

/// Gives Synapse the registration in two steps, and waits between them for what the page's statement says.
async fn registers(stage: &Stage, old: &Admin, statement: &str) {
    let text = std::fs::read_to_string(&stage.slot.registration).unwrap();
    let (url, without) =
        (format!("url: http://{}\n", stage.slot.listen()), stage.service.directory().join("null.yaml"));
    assert!(text.contains(&url), "{text}");
    std::fs::write(&without, text.replace(&url, "url: null\n")).unwrap();
    let mut synapse = PgConnection::connect(&stage.bed.synapse.database_url()).await.unwrap();
    let mut behind = async || {
        let asked = sqlx::query_scalar::<_, i64>(AssertSqlSafe(statement.to_owned()));
        asked.fetch_one(&mut synapse).await.unwrap()
    };
    assert!(behind().await > 20, "it has a history");
    stage.bed.synapse.load_registration(&without).await.unwrap();
    // It walks when something happens.
    old.send_text(&stage.staff, "step-3", "nobody listens").await.unwrap();
    wait_until("Synapse has walked its history", SOON, async || behind().await == 0).await.unwrap();
    stage.bed.synapse.load_registration(&stage.slot.registration).await.unwrap();
    let answers = async |path: &str| old.request(Method::GET, path, None).await.unwrap().0.as_u16();
    assert_eq!(answers("/_matrix/client/v3/account/whoami").await, 200);
    assert_eq!(answers("/_matrix/client/v3/sync").await, 500);
}

async fn restart(stage: &Stage) {
    stage.service.sigterm().await.unwrap();
    stage.start().await;
}

async fn every_step_of_the_page_says_what_it_shows_and_takes_nothing_before_its_time(version: SynapseVersion) {
    let guard = "free_removals = 0\nmax_removals = 1\nmax_fraction = 1.0".to_owned();
    let bed = Arc::new(own(version).await.unwrap());
    let mut stage = Stage::set_on(bed, Settings { mode: "observe", guard, ..Settings::default() }).await;
    stage.bed.synapse.forget_services().await.unwrap();
    // The bot has a token of its own, by which it has invited, removed and answered before anybody thought of this service.
    let bot = Person::login(&stage.bed.synapse, &stage.slot.sender_localpart).await.unwrap();
    let old = stage.admin.with_token(&bot.mxid, &bot.client.access_token().unwrap());
    // And one that an admin has minted for it.
    let minter = Admin::register(&stage.bed.synapse).await.unwrap();
    let login = format!("/_synapse/admin/v1/users/{}/login", bot.mxid);
    let minted = minter.call(Method::POST, &login, Some(json!({}))).await.unwrap();
    let minted = stage.admin.with_token(&bot.mxid, minted["access_token"].as_str().unwrap());
    let people = subjects(5);
    let [left, removed, new, stranger, another] = &people[..] else { panic!("five people") };
    for sub in [left, removed, new] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let person = Person::login(&stage.bed.synapse, left).await.unwrap();
    for sub in &people {
        stage.admin.put_user(&stage.mxid(sub), json!({})).await.unwrap();
    }
    for sub in [left, removed, stranger, another] {
        old.force_join(&stage.staff, &stage.mxid(sub)).await.unwrap();
    }
    person.leave(&stage.staff).await.unwrap();
    old.kick(&stage.staff, &stage.mxid(removed)).await.unwrap();
    old.send_text(&stage.staff, "before", "!provisioner pause").await.unwrap();

    let (mut step, mut played) = (0, 0);
    for part in parts() {
        match part {
            Part::Step(number) => {
                assert!(number == step + 1 || number == 0, "step {number} after {step}");
                step = number;
            }
            Part::Start => stage.start().await,
            Part::Block(language, text) => match language.as_str() {
                "toml" if text.starts_with("[guard]") => {
                    let limits = text.replace("[guard]\n", "max_fraction = 1.0\n");
                    stage.change(|settings| settings.guard = limits);
                }
                "toml" => {
                    stage.edit(|config| {
                        let (before, rest) = config.split_once("[modes]").unwrap();
                        let (_, after) = rest.split_once("[guard]").unwrap();
                        format!("{before}{text}[guard]{after}")
                    });
                    if stage.service.running() {
                        restart(&stage).await;
                    }
                }
                "console" => {
                    for (command, shown) in commands(&text) {
                        shows(&stage, &command, &shown).await;
                        played += 1;
                    }
                }
                "sh" => asks(&stage, &old, &text).await,
                "sql" => registers(&stage, &old, text.trim()).await,
                language => panic!("nobody plays {language}"),
            },
        }
        let of = async |sub: &str| stage.membership(&stage.staff, sub).await;
        if step < 6 {
            // `bootstrap` asks whether the bot's name is taken.
            let asked = stage.proxy.count(|request| request.is("POST", "/register"));
            assert_eq!((stage.writes(), of(removed).await.as_str()), (asked, "leave"), "step {step}");
        } else if step == 7 {
            stage.until(&stage.staff, removed, "join", SOON).await;
            stage.until(&stage.staff, new, "join", SOON).await;
        }
        // What was done before there was a service is nobody's command and nobody's change of mind.
        assert_eq!((of(left).await.as_str(), of(stranger).await.as_str()), ("leave", "join"), "step {step}");
    }
    assert!(step == 10 && played >= 10, "{step} {played}");
    // Two who are not listed, and one may go unasked: they are held.
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"]), (3, &json!(2)), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, another).await, "join");
    // The token of old is over; what an admin minted is that admin's to end; that of the registration stays.
    let whoami = async |with: &Admin| {
        with.request(Method::GET, "/_matrix/client/v3/account/whoami", None).await.unwrap().0.as_u16()
    };
    assert_eq!((whoami(&old).await, whoami(&minted).await), (401, 200));
    minter.call(Method::POST, "/_matrix/client/v3/logout/all", Some(json!({}))).await.unwrap();
    assert_eq!((whoami(&minted).await, whoami(&stage.bot).await), (401, 200));
}
