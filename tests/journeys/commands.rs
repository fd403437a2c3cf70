//! The command line against the real stack: who does the work, what is printed, and how it exits.

use std::time::Duration;

use serde_json::json;
use sqlx::Connection;
use testbed::{Effect, Matching, NewRoom, Proxy, Service, ServiceSpec, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject};

crate::on_one_version!(
    apply_asks_a_running_service_and_works_alone_without_one,
    the_ledger_says_why_and_refuses_to_be_changed,
    bootstrap_makes_a_bot_that_can_work,
    a_pause_stops_every_write_at_once_and_survives_a_restart,
    explain_says_why_or_why_not,
    a_proxy_of_the_environment_is_not_asked,
);

async fn apply_asks_a_running_service_and_works_alone_without_one(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let (alone, asked) = (subject(), subject());
    stage.hasura.add(&alone, "staff", "member").await.unwrap();
    assert_eq!(stage.plan().await.0, 2);
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (0, &json!(3)), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &alone).await, "join");
    assert_eq!(stage.plan().await.0, 0);

    stage.start().await;
    stage.quiet().await;
    stage.hasura.add(&asked, "staff", "member").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (0, &json!(3)), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &asked).await, "join");
    assert!(stage.service.log().contains("pass ended"), "the running service did it");
    stage.nothing_left().await;
    let wrong = stage.service.run_cli(&["plan", "--jsn"]).await.unwrap();
    assert_eq!(wrong.status, Some(1), "2 would mean changes");
}

async fn the_ledger_says_why_and_refuses_to_be_changed(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let (sub, outsider) = (subject(), subject());
    stage.hasura.add(&sub, "staff", "lead").await.unwrap();
    stage.member(&stage.staff, &outsider).await;
    assert_eq!(stage.apply().await.0, 0);
    let history = async |user: &str| {
        let output = stage.service.run_cli(&["history", user, "--room", "staff", "--json"]).await.unwrap();
        output.json().unwrap()
    };
    let joined = history(&sub).await;
    assert_eq!(joined.as_array().unwrap().len(), 1, "{joined:#}");
    assert_eq!((&joined[0]["kind"], &joined[0]["outcome"]), (&json!("join"), &json!("done")));
    assert_eq!((&joined[0]["before"], &joined[0]["after"]), (&json!("none"), &json!("join")));
    assert_eq!(joined[0]["cause"], "the roster says lead of staff; the room is for members of team staff");
    assert_eq!(history(&format!("@{sub}")).await, joined, "of our own server, where none is named");
    let of_nobody = stage.service.run_cli(&["history", "@ada"]).await.unwrap();
    assert_eq!(of_nobody.stdout, "The ledger has no such line.\n");
    assert!(of_nobody.stderr.contains(&format!("nothing of {}; ", stage.mxid("ada"))), "{of_nobody:?}");
    let removed = history(&stage.mxid(&outsider)).await;
    assert_eq!(removed[0]["kind"], "remove");
    assert!(removed[0]["cause"].as_str().unwrap().starts_with("no source names this user"), "{removed:#?}");

    let mut database = sqlx::PgConnection::connect(&stage.database).await.unwrap();
    for change in [
        "UPDATE provisioner.ledger SET outcome = 'done'",
        "DELETE FROM provisioner.ledger",
        "TRUNCATE provisioner.ledger",
    ] {
        let refused = sqlx::query(change).execute(&mut database).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{change}: {refused}");
    }
}

async fn bootstrap_makes_a_bot_that_can_work(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings::default()).await;
    // Another slot, whose bot Synapse has never seen, and rooms it is not in.
    stage.slot = stage.bed.synapse.slot();
    for room in [&mut stage.red, &mut stage.staff, &mut stage.analysts] {
        *room = stage.admin.create_room(NewRoom::default()).await.unwrap();
    }
    stage.change(|_| {});
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    let (status, _) = stage.apply().await;
    assert_eq!(status, 1, "a bot that is nobody cannot work");

    let refused = stage.service.run_cli(&["bootstrap"]).await.unwrap();
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr.contains("--shared-secret-file"), "{refused:?}");
    let secret = stage.service.directory().join("shared-secret");
    std::fs::write(&secret, format!("{}\n", stage.bed.synapse.shared_secret())).unwrap();
    let done = stage.service.run_cli(&["bootstrap", "--shared-secret-file", secret.to_str().unwrap()]).await.unwrap();
    assert_eq!(done.status, Some(0), "{done:?}");
    let again = stage.service.run_cli(&["bootstrap"]).await.unwrap();
    assert_eq!(again.status, Some(0), "a second time changes nothing: {again:?}");
    let (status, report) = stage.apply().await;
    assert_eq!(status, 0, "{report:#}");
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.nothing_left().await;
}

async fn a_pause_stops_every_write_at_once_and_survives_a_restart(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    stage.start().await;
    stage.quiet().await;
    // Slow joins, so that there is something to stop in the middle.
    let slow = stage.proxy.fault(
        Matching::any().method("POST").path("/_synapse/admin/v1/join/"),
        Effect::Delay(Duration::from_millis(300)),
    );
    let people: Vec<String> = (0..10).map(|_| subject()).collect();
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.hook().await;
    wait_until("the joining has begun", SOON, async || stage.joins() >= 2).await.unwrap();
    let cli = async |command: &str| stage.service.run_cli(&[command]).await.unwrap();
    assert_eq!(cli("pause").await.status, Some(0));
    stage.quiet().await;
    let joins = stage.joins();
    assert!(joins < 2 * people.len(), "it stopped in the middle: {joins}");
    assert!(cli("pause").await.stdout.contains("paused since"));
    let status = cli("status").await;
    assert_eq!(status.status, Some(0), "{status:?}");
    assert!(status.stdout.starts_with("paused since") && status.stdout.contains("Nothing is held."), "{status:?}");
    assert!(status.stdout.contains(" staff ") && status.stdout.contains(" 10 "), "so many belong there: {status:?}");

    stage.service.sigkill().await.unwrap();
    stage.start().await;
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (1, &json!(0)), "{report:#}");
    assert!(report["paused"].as_str().unwrap().contains("resume"), "{report:#}");
    assert_eq!(stage.joins(), joins);
    let (status, plan) = stage.plan().await;
    assert_eq!(status, 2);
    assert!(plan["notices"].to_string().contains("paused since"), "{plan:#}");
    let explained = stage.service.run_cli(&["explain", &people[9]]).await.unwrap().stdout;
    assert!(explained.contains("\npaused since"), "{explained}");
    assert_eq!(stage.metric("provisioner_paused").await, 1.0);

    slow.lift();
    assert_eq!(cli("resume").await.stdout, "resumed\n");
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    stage.nothing_left().await;
    let history = stage.service.run_cli(&["history", "--json"]).await.unwrap().json().unwrap();
    let kinds: Vec<&str> = history.as_array().unwrap().iter().filter_map(|line| line["kind"].as_str()).collect();
    assert!(kinds.contains(&"pause") && kinds.contains(&"resume"), "{kinds:?}");
}

async fn explain_says_why_or_why_not(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let (member, outsider, banned) = (subject(), subject(), subject());
    stage.hasura.add(&member, "staff", "lead").await.unwrap();
    stage.hasura.add(&banned, "staff", "member").await.unwrap();
    stage.admin.ban(&stage.staff, &stage.mxid(&banned)).await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    stage.member(&stage.staff, &outsider).await;
    let before = stage.writes();
    let explain = async |user: &str| {
        let output = stage.service.run_cli(&["explain", user, "--json"]).await.unwrap();
        assert_eq!(output.status, Some(0), "{output:?}");
        output.json().unwrap()
    };
    let answer = explain(&member).await;
    assert_eq!((&answer["user"], &answer["subject"]), (&json!(stage.mxid(&member)), &json!(member)));
    let staff = answer["rooms"].as_array().unwrap().iter().find(|room| room["room"] == "staff").unwrap();
    assert_eq!((&staff["desired"], &staff["observed"]), (&json!(true), &json!("join")), "{answer:#}");
    let because = staff["because"].as_str().unwrap();
    assert!(because.contains("lead of staff; the room is for members of team staff"), "{because}");
    assert!(because.contains("joined by the service on 20"), "{because}");
    let analysts = answer["rooms"].as_array().unwrap().iter().find(|room| room["room"] == "analysts").unwrap();
    assert_eq!((&analysts["desired"], &analysts["observed"]), (&json!(false), &json!("none")), "{answer:#}");

    let answer = explain(&stage.mxid(&outsider)).await;
    assert!(answer["rooms"][1]["because"].as_str().unwrap().starts_with("will be removed"), "{answer:#}");
    let answer = explain(&banned).await;
    assert!(answer["rooms"][1]["because"].as_str().unwrap().contains("banned"), "{answer:#}");
    let nobody = stage.service.run_cli(&["explain", &subject()]).await.unwrap();
    assert_eq!(nobody.status, Some(1), "{nobody:?}");
    assert!(nobody.stderr.contains("nobody knows"), "{nobody:?}");
    let text = stage.service.run_cli(&["explain", &member]).await.unwrap().stdout;
    assert!(
        text.contains("staff: belongs and is there, as an ordinary member: the roster says lead of staff"),
        "{text}"
    );
    assert_eq!(stage.writes(), before, "explaining changes nothing");
}

/// It would be shown the token.
async fn a_proxy_of_the_environment_is_not_asked(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let proxy = Proxy::start(&stage.bed.synapse.url()).await.unwrap();
    let env = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let env = env.map(|name| (name.to_owned(), proxy.url().to_owned())).to_vec();
    let binary = env!("CARGO_BIN_EXE_phenom-provisioner").into();
    let spec = ServiceSpec { binary, config: stage.config(), env, admin: stage.admin_listen.clone() };
    let output = Service::install(spec).unwrap().run_cli(&["plan"]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(proxy.requests().is_empty(), "{:#?}", proxy.requests());
}
