//! The parts beside Synapse, each alone: the proxy's faults, the roster's tables, moto, the service's runner.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::postgres::PgListener;
use testbed::{
    Admin, Effect, Hasura, Matching, Moto, Proxy, Service, ServiceSpec, SynapseVersion, free_port, shared,
    shared_postgres, wait_until,
};

const BOUND: Duration = Duration::from_secs(10);

async fn versions_through(proxy: &Proxy) -> reqwest::Result<(StatusCode, Value)> {
    let answer = reqwest::get(format!("{}/_matrix/client/versions", proxy.url())).await?;
    Ok((answer.status(), answer.json().await?))
}

#[tokio::test]
async fn the_proxy_records_and_makes_trouble() {
    let bed = shared(SynapseVersion::from_env()[0]).await;
    let proxy = Proxy::start(&bed.synapse.url()).await.unwrap();
    let on_versions = || Matching::any().method("GET").path("/versions");

    assert_eq!(versions_through(&proxy).await.unwrap().0, StatusCode::OK);
    assert_eq!(proxy.count(|request| request.is("GET", "/versions") && request.status == Some(200)), 1);
    proxy.clear();
    assert!(proxy.requests().is_empty());

    let answer = Effect::Answer(429, json!({ "errcode": "M_LIMIT_EXCEEDED" }));
    let limited = proxy.fault(on_versions().skip(1).times(1), answer);
    assert_eq!(versions_through(&proxy).await.unwrap().0, StatusCode::OK);
    assert_eq!(versions_through(&proxy).await.unwrap().0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(versions_through(&proxy).await.unwrap().0, StatusCode::OK);
    assert_eq!(limited.hits(), 1);

    for effect in [Effect::Drop, Effect::LoseAnswer] {
        let dropped = proxy.fault(on_versions().times(1), effect);
        assert!(versions_through(&proxy).await.is_err());
        assert_eq!(dropped.hits(), 1);
    }

    let rewritten = proxy.fault(on_versions(), Effect::rewrite(|_| json!({ "versions": ["v0"] })));
    assert_eq!(versions_through(&proxy).await.unwrap().1["versions"][0], "v0");
    rewritten.lift();
    assert_ne!(versions_through(&proxy).await.unwrap().1["versions"][0], "v0");

    proxy.set_down(true);
    assert!(versions_through(&proxy).await.is_err());
    proxy.set_down(false);
    assert_eq!(versions_through(&proxy).await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_held_request_waits_for_its_release() {
    let bed = shared(SynapseVersion::from_env()[0]).await;
    let proxy = Proxy::start(&bed.synapse.url()).await.unwrap();
    for effect in [Effect::Hold, Effect::HoldAnswer] {
        let held = proxy.fault(Matching::any(), effect);
        let request = versions_through(&proxy);
        let release = async {
            wait_until("the request is held", BOUND, async || held.hits() == 1).await.unwrap();
            assert_eq!(proxy.count(|request| request.status.is_none()), 1);
            held.release();
        };
        let (answer, ()) = tokio::join!(request, release);
        assert_eq!(answer.unwrap().0, StatusCode::OK);
        proxy.clear_faults();
    }
}

#[tokio::test]
async fn the_roster_tables_notify_and_answer_the_default_query() {
    let postgres = shared_postgres().await;
    let hasura = Hasura::create(&postgres).await.unwrap();
    let mut listener = PgListener::connect(hasura.url()).await.unwrap();
    listener.listen("team_members_changed").await.unwrap();
    let sub = "3f1f2d1e-98a4-4a3e-8f5d-0a6c2f6f9b11";
    hasura.add(sub, "staff", "member").await.unwrap();
    tokio::time::timeout(BOUND, listener.recv()).await.expect("a notification").unwrap();
    hasura.set_role(sub, "staff", "lead").await.unwrap();
    hasura.add(sub, "board", "member").await.unwrap();
    hasura.remove(sub, "board").await.unwrap();
    hasura.add_team("empty").await.unwrap();

    let mut connection = sqlx::PgConnection::connect(hasura.url()).await.unwrap();
    let query = "SELECT u.id::text, t.name, tm.role FROM team_members tm
                 JOIN teams t ON t.id = tm.team_id JOIN users u ON u.id = tm.user_id";
    let read = async |connection: &mut sqlx::PgConnection| {
        sqlx::query_as::<_, (String, String, String)>(query).fetch_all(connection).await.unwrap()
    };
    assert_eq!(read(&mut connection).await, [(sub.to_owned(), "staff".to_owned(), "lead".to_owned())]);
    hasura.empty().await.unwrap();
    assert!(read(&mut connection).await.is_empty());
}

#[tokio::test]
async fn moto_answers() {
    let moto = Moto::start().await.unwrap();
    assert!(reqwest::get(format!("{}/moto-api/data.json", moto.url())).await.unwrap().status().is_success());
}

#[tokio::test]
async fn two_who_share_a_bed_have_slots_of_their_own() {
    let version = SynapseVersion::from_env()[0];
    let (first, second) = (shared(version).await, shared(version).await);
    assert_eq!(first.synapse.url(), second.synapse.url());
    let (one, other) = (first.synapse.slot(), second.synapse.slot());
    assert_ne!((one.port, &one.as_token, &one.bot), (other.port, &other.as_token, &other.bot));
    let admin = Admin::register(&first.synapse).await.unwrap();
    let bot = admin.enlist(&one).await.unwrap();
    // The same again is no error: a service that restarts does the same.
    admin.enlist(&one).await.unwrap();
    assert!(bot.users().await.unwrap().contains(&one.bot));
}

/// A stand-in for the service: prints, says who it is, and takes a SIGTERM politely.
const STAND_IN: &str = r#"#!/bin/sh
[ "$1" = --config ] && [ -f "$2" ] || exit 9
case $3 in
    run) echo "running with $GREETING"; trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done ;;
    *) cat "$2"; echo trouble >&2; exit 3 ;;
esac
"#;

#[tokio::test]
async fn the_service_runner_runs_signals_and_captures() {
    let scratch = tempfile::tempdir().unwrap();
    let binary = scratch.path().join("stand-in");
    std::fs::write(&binary, STAND_IN).unwrap();
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
    let spec = ServiceSpec {
        binary,
        config: "[homeserver]".to_owned(),
        env: vec![("GREETING".to_owned(), "joy".to_owned())],
        admin: format!("127.0.0.1:{}", free_port().unwrap()),
    };
    let service = Service::start(spec).unwrap();
    wait_until("it says something", BOUND, async || service.log().contains("running with joy")).await.unwrap();
    assert!(service.running());
    let output = service.run_cli(&["plan"]).await.unwrap();
    assert_eq!((output.status, output.stdout.as_str(), output.stderr.as_str()), (Some(3), "[homeserver]", "trouble\n"));
    assert_eq!(service.sigterm().await.unwrap().code(), Some(0));
    assert!(service.log().ends_with("bye\n"));
    service.start_again().unwrap();
    assert_eq!(service.sigkill().await.unwrap().code(), None);
    assert!(!service.running());
}
