//! Display names beside user ids: wherever a person reads, for the users in an answer alone, and never waited for.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::Connection;
use testbed::{Effect, Matching, SynapseVersion};

use crate::staff_support::{StaffStage, closed, open};
use crate::support::{Settings, subject, subjects};

crate::on_one_version!(
    names_stand_beside_ids_wherever_a_person_reads,
    a_name_that_changed_is_marked_after_a_restart_and_on_the_command_line,
    a_database_that_does_not_tell_former_names_keeps_nobody_waiting,
    a_synapse_that_tells_no_names_keeps_nobody_waiting,
    a_status_costs_no_request_but_for_the_name_of_who_paused,
    a_long_plan_costs_at_most_the_names_that_it_shows,
);

/// A subject that begins so.
fn beginning(first: &str) -> String {
    format!("{first}{}", &subject()[8..])
}

async fn call(staff: &StaffStage, mxid: &str, name: &str) {
    staff.stage.admin.put_user(mxid, json!({"displayname": name})).await.unwrap();
}

/// Names that the service, or a command, has asked Synapse for.
fn asked(staff: &StaffStage) -> usize {
    staff.stage.proxy.count(|request| request.is("GET", "/displayname"))
}

async fn names_stand_beside_ids_wherever_a_person_reads(version: SynapseVersion) {
    let guard = "free_removals = 0\nmax_removals = 0\nmax_fraction = 0.0".to_owned();
    let staff = closed(version, Settings { guard, ..Settings::default() }).await;
    call(&staff, &staff.lead.mxid, "Lea").await;
    let [ada, twin, liar] = ["ada1c0de", "be91c0de", "bad1c0de"].map(beginning);
    for (sub, name) in [(&ada, "Ada <i>Lovelace"), (&twin, "Ada <i>Lovelace"), (&liar, "Ada (@ada1c0de…)")] {
        let person = staff.stage.member(&staff.stage.staff, sub).await;
        call(&staff, &person.mxid, name).await;
    }
    let [ada, twin, liar] = [ada, twin, liar].map(|sub| staff.stage.mxid(&sub));
    staff.start().await;

    // In the Staff room: a pill and a short id in HTML, the whole id in plain text.
    let post = staff.posted("3 people would").await;
    let plain = |mxid: &str| format!("- \"Ada <i>Lovelace\" ({mxid})");
    let pill = |mxid: &str, short: &str| {
        format!("<a href=\"https://matrix.to/#/{mxid}\">Ada &#60;i&#62;Lovelace</a> <code>@{short}…</code>")
    };
    let says_all = |content: &serde_json::Value| {
        let (body, html) = (content["body"].as_str().unwrap(), content["formatted_body"].as_str().unwrap());
        assert!(body.contains(&plain(&ada)) && body.contains(&plain(&twin)), "{body}");
        assert!(body.contains(&format!("- {liar}\n")), "a name that looks like an id is left out: {body}");
        assert!(html.contains(&pill(&ada, "ada1c0de")) && html.contains(&pill(&twin, "be91c0de")), "{html}");
        assert!(html.contains(&format!("<li><code>{liar}</code></li>")), "{html}");
        assert_eq!(content["m.mentions"], json!({}), "nobody's phone rings");
    };
    let said = staff.said().await;
    says_all(&said.iter().find(|event| event["event_id"] == post).unwrap()["content"]);
    says_all(&staff.ask(&staff.lead, "!provisioner plan").await);
    staff.react(&staff.lead, &post, "❌").await;
    let dismissed = format!("\"Lea\" ({}) said no.", staff.lead.mxid);
    staff.until_says(&post, &[&dismissed, &plain(&ada), &plain(&twin)]).await;
    let explained = staff.ask(&staff.lead, &format!("!provisioner explain {ada}")).await;
    insta::assert_snapshot!("explain_somebody_with_a_name", staff.forms(&explained));
    let history = staff.ask(&staff.lead, &format!("!provisioner history {ada}")).await;
    let history = history["body"].as_str().unwrap();
    assert!(history.contains(&format!("\"Ada <i>Lovelace\" ({ada})")), "{history}");
    assert!(!history.contains("explain by"), "what only reads is left out: {history}");

    // On the command line: after the id, and beside it all in the JSON.
    let cli = async |args: &[&str]| staff.stage.service.run_cli(args).await.unwrap();
    let named = |printed: &str, mxid: &str| {
        let lines = printed.lines().filter(|line| line.contains(mxid)).collect::<Vec<_>>();
        !lines.is_empty() && lines.iter().all(|line| line.contains("Ada <i>Lovelace"))
    };
    let plan = cli(&["plan"]).await.stdout;
    assert!(named(&plan, &ada) && named(&plan, &twin) && !named(&plan, &liar), "{plan}");
    // Lea is there too: the plan says who put it aside.
    let names = json!({&ada: "Ada <i>Lovelace", &twin: "Ada <i>Lovelace", &staff.lead.mxid: "Lea"});
    assert_eq!(cli(&["plan", "--json"]).await.json().unwrap()["names"], names);
    let explained = cli(&["explain", &ada]).await;
    assert!(explained.stdout.starts_with(&format!("{ada} \"Ada <i>Lovelace\"\n")), "{explained:?}");
    let explained = cli(&["explain", &ada, "--json"]).await.json().unwrap();
    assert_eq!((&explained["user"], &explained["names"][&ada]), (&json!(ada), &json!("Ada <i>Lovelace")));
    let history = cli(&["history", &ada, "--all"]).await.stdout;
    assert!(named(&history, &ada) && history.contains(&format!("{} \"Lea\"", staff.lead.mxid)), "{history}");
    let history = cli(&["history", &ada, "--json"]).await.json().unwrap();
    assert_eq!((&history[0]["user"], &history[0]["names"][&ada]), (&json!(ada), &json!("Ada <i>Lovelace")));

    // Log and ledger have ids alone.
    assert!(!log_and_ledger(&staff).await.contains("Lovelace"));
}

async fn log_and_ledger(staff: &StaffStage) -> String {
    let ledger: String = sqlx::query_scalar("SELECT string_agg(ledger::text, ' ') FROM provisioner.ledger")
        .fetch_one(&mut staff.stage.connect().await)
        .await
        .unwrap();
    staff.stage.service.log() + ledger.as_str()
}

/// What was first shown, with all that is noted of it.
async fn first_names(staff: &StaffStage) -> Vec<(String, String, Option<DateTime<Utc>>, DateTime<Utc>)> {
    sqlx::query_as("SELECT user_id, name, until, shown_at FROM provisioner.shown_names ORDER BY user_id")
        .fetch_all(&mut staff.stage.connect().await)
        .await
        .unwrap()
}

/// Somebody called Benedict was shown, and takes the name of the lead.
async fn with_an_imitator(version: SynapseVersion) -> StaffStage {
    let staff = open(version, Settings::default()).await;
    call(&staff, &staff.lead.mxid, "Lea").await;
    call(&staff, &staff.member.mxid, "Bene<b>dict").await;
    let explained = explain(&staff).await;
    assert!(explained.starts_with(&format!("\"Bene<b>dict\" ({}) — ", staff.member.mxid)), "{explained}");
    call(&staff, &staff.member.mxid, "Lea").await;
    staff
}

/// What the Staff room is told of the member.
async fn explain(staff: &StaffStage) -> String {
    let answer = staff.ask(&staff.lead, &format!("!provisioner explain {}", staff.member_sub)).await;
    answer["body"].as_str().unwrap().to_owned()
}

async fn a_name_that_changed_is_marked_after_a_restart_and_on_the_command_line(version: SynapseVersion) {
    let staff = with_an_imitator(version).await;
    let (service, member) = (&staff.stage.service, &staff.member.mxid);
    let cli = async |args: &[&str]| service.run_cli(args).await.unwrap();
    // A command knows it before the service does, and writes nothing.
    let before = first_names(&staff).await;
    let printed = cli(&["explain", &staff.member_sub]).await.stdout;
    assert!(printed.starts_with(&format!("{member} \"Lea\" (was \"Bene<b>dict\" until 20")), "{printed}");
    assert_eq!(first_names(&staff).await, before);

    service.sigterm().await.unwrap();
    staff.stage.start().await;
    let explained = explain(&staff).await;
    let noted = first_names(&staff).await;
    let until = noted.iter().find_map(|(user_id, _, until, _)| until.filter(|_| user_id == member)).unwrap();
    let was = format!("was \"Bene<b>dict\" until {}", until.format("%Y-%m-%d %H:%M UTC"));
    assert!(explained.starts_with(&format!("\"Lea\" ({member}, {was}) — ")), "{explained}");
    // The next leader says the same of it, and so does every command.
    service.sigkill().await.unwrap();
    staff.stage.start().await;
    assert_eq!(explain(&staff).await, explained);
    assert_eq!(first_names(&staff).await, noted, "nothing is new");
    staff.ask(&staff.lead, "!provisioner pause").await;
    staff.stage.hasura.remove(&staff.member_sub, "staff").await.unwrap();
    let before = first_names(&staff).await;
    let on_the_line = format!("{member} \"Lea\" ({was})");
    for args in [&["explain", &staff.member_sub][..], &["plan"], &["history", &staff.member_sub, "--all"]] {
        let printed = cli(args).await.stdout;
        assert!(printed.contains(&on_the_line), "{args:?}: {printed}");
    }
    let json = cli(&["plan", "--json"]).await.json().unwrap();
    assert_eq!((&json["names"][member], &json["former_names"][member]["name"]), (&json!("Lea"), &json!("Bene<b>dict")));
    assert_eq!(json["former_names"].as_object().unwrap().len(), 1, "{json:#}");
    assert_eq!(first_names(&staff).await, before);
    assert!(!log_and_ledger(&staff).await.contains("Bene<b>"));
}

async fn a_database_that_does_not_tell_former_names_keeps_nobody_waiting(version: SynapseVersion) {
    const LONG: Duration = Duration::from_secs(60);
    let staff = with_an_imitator(version).await;
    staff.stage.service.sigterm().await.unwrap();
    staff.stage.start().await;
    let mut other = staff.stage.connect().await;
    let mut locked = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE provisioner.shown_names IN ACCESS EXCLUSIVE MODE").execute(&mut *locked).await.unwrap();
    let began = Instant::now();
    let unmarked = format!("\"Lea\" ({}) — ", staff.member.mxid);
    let explained = explain(&staff).await;
    assert!(explained.starts_with(&unmarked), "{explained}");
    let printed = staff.stage.service.run_cli(&["explain", &staff.member_sub]).await.unwrap();
    assert!(printed.stdout.starts_with(&format!("{} \"Lea\"\n", staff.member.mxid)), "{printed:?}");
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    // Nor does one that has no such table: the command is newer than the service.
    sqlx::query("DROP TABLE provisioner.shown_names").execute(&mut *locked).await.unwrap();
    locked.commit().await.unwrap();
    let explained = explain(&staff).await;
    assert!(explained.starts_with(&unmarked), "{explained}");
    let printed = staff.stage.service.run_cli(&["explain", &staff.member_sub]).await.unwrap();
    assert_eq!((printed.status, printed.stdout.contains("was \"")), (Some(0), false), "{printed:?}");
}

async fn a_synapse_that_tells_no_names_keeps_nobody_waiting(version: SynapseVersion) {
    const SLOW: Duration = Duration::from_secs(300);
    let staff = open(version, Settings::default()).await;
    call(&staff, &staff.member.mxid, "Ben").await;
    let slow = staff.stage.proxy.fault(Matching::any().method("GET").path("/displayname"), Effect::Delay(SLOW));
    let began = Instant::now();
    let explain = format!("!provisioner explain {}", staff.member_sub);
    for _ in 0..2 {
        let answer = staff.ask(&staff.lead, &explain).await;
        assert!(answer["body"].as_str().unwrap().starts_with(&format!("{} — ", staff.member.mxid)), "{answer:#}");
    }
    // The second one does not even ask, for half a minute.
    assert!(slow.hits() == 1 || began.elapsed() > Duration::from_secs(30), "{}", slow.hits());
    let explain = async || staff.stage.service.run_cli(&["explain", &staff.member_sub]).await.unwrap();
    let printed = explain().await;
    assert_eq!(printed.status, Some(0), "{printed:?}");
    assert!(printed.stdout.starts_with(&format!("{}\n", staff.member.mxid)), "{printed:?}");
    assert!(began.elapsed() < SLOW / 2, "{:?}", began.elapsed());
    slow.lift();
    let printed = explain().await.stdout;
    assert!(printed.starts_with(&format!("{} \"Ben\"\n", staff.member.mxid)), "{printed}");
}

async fn a_status_costs_no_request_but_for_the_name_of_who_paused(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    call(&staff, &staff.lead.mxid, "Lea").await;
    staff.stage.quiet().await;
    let before = staff.stage.proxy.requests().len();
    staff.ask(&staff.lead, "!provisioner status").await;
    let since = staff.stage.proxy.requests().split_off(before);
    assert!(since.iter().all(|request| request.is("PUT", "/send/m.room.message/")), "{since:#?}");
    staff.ask(&staff.lead, "!provisioner pause").await;
    assert_eq!(asked(&staff), 0);
    let named = format!(" by \"Lea\" ({}). ", staff.lead.mxid);
    for _ in 0..2 {
        let status = staff.ask(&staff.lead, "!provisioner status").await;
        assert!(status["body"].as_str().unwrap().contains(&named), "{status:#}");
        assert_eq!(asked(&staff), 1, "who paused is asked for, and not again while the name is kept");
    }
}

async fn a_long_plan_costs_at_most_the_names_that_it_shows(version: SynapseVersion) {
    const MOST: usize = 100;
    let staff = open(version, Settings::default()).await;
    staff.ask(&staff.lead, "!provisioner pause").await;
    let people = subjects(MOST + 30);
    for sub in &people {
        staff.stage.hasura.add(sub, "analysts", "member").await.unwrap();
    }
    let shown = staff.ask(&staff.lead, "!provisioner plan").await;
    let shown = people.iter().filter(|sub| shown["body"].as_str().unwrap().contains(*sub)).count();
    assert!((1..=20).contains(&shown) && asked(&staff) <= shown, "{shown} are shown, {} asked for", asked(&staff));
    staff.stage.proxy.clear();
    let printed = staff.stage.service.run_cli(&["plan"]).await.unwrap().stdout;
    assert!(people.iter().all(|sub| printed.contains(sub)), "{printed}");
    assert!(asked(&staff) <= MOST, "{}", asked(&staff));
}
