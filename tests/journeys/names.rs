//! Display names beside user ids: wherever a person reads, for the users in an answer alone, and never waited for.

use std::time::{Duration, Instant};

use serde_json::json;
use testbed::{Effect, Matching, SynapseVersion};

use crate::staff_support::{StaffStage, closed, open};
use crate::support::{Settings, subject, subjects};

crate::on_one_version!(
    names_stand_beside_ids_wherever_a_person_reads,
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

    // Nothing keeps them.
    let ledger: String = sqlx::query_scalar("SELECT string_agg(ledger::text, ' ') FROM provisioner.ledger")
        .fetch_one(&mut staff.stage.connect().await)
        .await
        .unwrap();
    assert!(!staff.stage.service.log().contains("Lovelace") && !ledger.contains("Lovelace"));
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
