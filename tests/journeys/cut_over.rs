//! `docs/cut-over.md`, walked through: its commands run in the order of the page, on a server that never had an application service
//! and whose bot is an ordinary account, with the modes that the page sets, and say what the page shows. Nothing is taken from
//! anybody before the page says so. What the page is made of is in `cut_over_page.rs`, its shell in `cut_over_shell.rs`.

use std::sync::Arc;

use regex::Regex;
use reqwest::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use testbed::{Admin, NewUser, Person, SynapseVersion, own, wait_until};

use crate::cut_over_page::{PAGE, Part, commands, not_played, parts, shell_commands};
use crate::cut_over_shell::Shell;
use crate::pool_support::{cognito, pool};
use crate::support::{SOON, Settings, Stage, subjects};

crate::on_both_versions!(every_step_of_the_page_says_what_it_shows_and_takes_nothing_before_its_time);

/// Runs a command and looks for what the page shows, line after line.
async fn shows(stage: &Stage, command: &[String], shown: &[&str]) {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let output = stage.service.run_cli(&words).await.unwrap();
    assert!(output.status.is_some_and(|status| status != 1), "{command:?}: {output:#?}");
    let said = output.stdout.clone() + output.stderr.as_str();
    let mut said = said.lines();
    for line in shown {
        let pattern = format!("^{}$", regex::escape(line).replace('…', ".*"));
        let pattern = Regex::new(&pattern).unwrap();
        assert!(said.any(|said| pattern.is_match(said)), "{command:?} does not say {line:?}: {output:#?}");
    }
}

/// What the page says of production, and what that is here.
struct Substitutes(Vec<(&'static str, String)>);

impl Substitutes {
    fn new(stage: &Stage, admin: &Admin) -> Substitutes {
        Substitutes(vec![
            ("http://synapse.phenom-prod.local:8008", stage.bed.synapse.url()),
            ("@phenom-provisioner-bot:thephenom.app", stage.bot.mxid.clone()),
            ("!WXBotwMKlVifIuEeBL:thephenom.app", stage.staff.clone()),
            ("@NAME:thephenom.app", admin.mxid.clone()),
            ("postgres://roster@$DB/phenom", stage.hasura.url().to_owned()),
            ("postgres://provisioner@$DB/provisioner", stage.database.clone()),
            // The Postgres of the testbed has no certificate.
            ("PGSSLMODE=verify-full", "PGSSLMODE=disable".to_owned()),
        ])
    }

    fn apply(&self, command: &str) -> String {
        self.0.iter().fold(command.to_owned(), |command, (from, to)| {
            assert!(PAGE.contains(from), "the page says {from} no more");
            command.replace(from, to)
        })
    }
}

/// The registration that the page has made becomes the one of this stage, with its address and its bot.
fn takes_the_registration(stage: &mut Stage, file: &str) {
    let made = std::fs::read_to_string(stage.service.directory().join(file)).unwrap();
    let value = |key: &str| {
        let line = made.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("{made} has no {key}")).to_owned()
    };
    let here = made
        .replace(&format!("url: {}\n", value("url")), &format!("url: http://{}\n", stage.slot.listen()))
        .replace(&value("sender_localpart"), &stage.slot.sender_localpart);
    std::fs::write(&stage.slot.registration, here).unwrap();
    (stage.slot.as_token, stage.slot.hs_token) = (value("as_token"), value("hs_token"));
    stage.bot = stage.admin.with_token(&stage.bot.mxid, &stage.slot.as_token);
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
    let (bed, pool) = (Arc::new(own(version).await.unwrap()), pool().await);
    let sections = cognito(&pool, "6h", "remove");
    let mut stage = Stage::set_on(bed, Settings { mode: "observe", guard, sections, ..Settings::default() }).await;
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
    pool.import(&people.iter().map(|sub| NewUser::with_sub(sub)).collect::<Vec<_>>()).await.unwrap();
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

    let mut shell = Shell::open(stage.service.directory(), stage.bed.postgres.binaries());
    let substitutes = Substitutes::new(&stage, &minter);
    let typed = [("read -rs ADMIN_TOKEN", stage.admin.token.clone()), ("read -rs OLD_TOKEN", old.token.clone())];
    let (mut step, mut played, mut approved) = (0, 0, false);
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
                    for (mut command, shown) in commands(&text) {
                        for word in &mut command {
                            match word.as_str() {
                                "USER" => *word = stage.mxid(removed),
                                "ID" => *word = stage.plan().await.1["held_id"].as_str().unwrap().to_owned(),
                                _ => {}
                            }
                        }
                        shows(&stage, &command, &shown).await;
                        match command.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                            ["registration", .., "--output", file] => takes_the_registration(&mut stage, file),
                            ["apply", "--approve", _] => approved = true,
                            _ => {}
                        }
                        played += 1;
                    }
                }
                "sh" => {
                    for command in shell_commands(&text).iter().filter(|command| not_played(command).is_none()) {
                        let line = typed.iter().find(|(asked, _)| command.starts_with(asked));
                        shell.run(&substitutes.apply(command), line.map(|(_, token)| token.as_str())).await;
                        played += 1;
                    }
                }
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
        // What was done before there was a service is nobody's command and nobody's change of mind; who is not listed stays until
        // somebody approves.
        let stays = if approved { "leave" } else { "join" };
        for (sub, membership) in [(left, "leave"), (stranger, stays), (another, stays)] {
            assert_eq!(of(sub).await, membership, "step {step}");
        }
    }
    assert!(step == 10 && played >= 30 && approved, "{step} {played}");
    stage.nothing_left().await;
    // The token of old is over; what an admin minted is that admin's to end; that of the registration stays.
    let whoami = async |with: &Admin| {
        with.request(Method::GET, "/_matrix/client/v3/account/whoami", None).await.unwrap().0.as_u16()
    };
    assert_eq!((whoami(&old).await, whoami(&minted).await), (401, 200));
    minter.call(Method::POST, "/_matrix/client/v3/logout/all", Some(json!({}))).await.unwrap();
    assert_eq!((whoami(&minted).await, whoami(&stage.bot).await), (401, 200));
}
