//! Names and pictures: given when the account is made, once, and never over what somebody chose.

use std::sync::Arc;

use serde_json::{Value, json};
use testbed::{Person, SynapseVersion};

use crate::profiles_support::{
    enforce, enforced, make_table, pair, profile, profiles, say, seen_in, until_seen, upload,
};
use crate::support::{SOON, Stage, subject, subjects};

crate::on_both_versions!(
    name_and_picture_are_given_with_the_account_and_cost_no_event,
    what_somebody_chose_stays_unless_it_is_kept,
    a_pool_move_brings_name_and_picture,
    a_picture_that_synapse_refuses_costs_its_owner_nothing_else,
);

crate::on_one_version!(
    on_observe_nothing_is_given_and_all_is_counted,
    a_picture_host_on_loopback_is_refused_and_delays_nobody,
    names_and_pictures_cost_no_request_while_nothing_happens,
    a_query_with_other_columns_is_refused_at_the_start,
);

/// Ada is in staff, with a name and a picture in the roster's database, and the service has started. Her subject, and the picture.
async fn with_ada(version: SynapseVersion) -> (Stage, String, String) {
    let mut stage = Stage::set(version, profiles("")).await;
    enforce(&mut stage).await;
    let (sub, picture) = (subject(), upload(&stage).await);
    say(&stage, &sub, "Ada", &picture).await;
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.start().await;
    (stage, sub, picture)
}

async fn name_and_picture_are_given_with_the_account_and_cost_no_event(version: SynapseVersion) {
    let (stage, sub, picture) = with_ada(version).await;
    for room in [&stage.staff, &stage.red] {
        stage.until(room, &sub, "join", SOON).await;
        assert_eq!(stage.memberships(room, &sub).await, ["invite", "join"], "no event for a name or a picture");
        assert_eq!(seen_in(&stage, room, &sub).await, pair("Ada", &picture));
    }
    assert_eq!(profile(&stage, &sub).await, pair("Ada", &picture));
    let puts = stage.proxy.count(|request| request.is("PUT", "/_synapse/admin/v2/users/"));
    assert_eq!(puts, 1, "the account with both of its profile");
    for kind in ["set_display_name", "set_avatar"] {
        assert_eq!(stage.ledger_done(kind).await, 0);
    }
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["profiles"]["names"], json!({"right": 1, "to_give": 0, "chosen": 0, "missing": 0}), "{plan:#}");
    assert_eq!(plan["profiles"]["pictures"]["right"], 1, "{plan:#}");
    // What was given follows its source: one event a field and room.
    say(&stage, &sub, "Ada Lovelace", &picture).await;
    assert_eq!(stage.apply().await.0, 0);
    assert_eq!(profile(&stage, &sub).await, pair("Ada Lovelace", &picture));
    until_seen(&stage, &stage.staff, &sub, &pair("Ada Lovelace", &picture)).await;
    assert_eq!(stage.memberships(&stage.staff, &sub).await, ["invite", "join", "join"]);
    assert!(!stage.service.log().contains("Lovelace"), "nobody's name is in the log");
    let named = "SELECT count(*) FROM provisioner.ledger AS line WHERE to_jsonb(line)::text LIKE '%Ada%'";
    let named: i64 = sqlx::query_scalar(named).fetch_one(&mut stage.connect().await).await.unwrap();
    assert_eq!(named, 0, "nor in the ledger");
    stage.nothing_left().await;
}

async fn what_somebody_chose_stays_unless_it_is_kept(version: SynapseVersion) {
    let mut stage = Stage::set(version, profiles("")).await;
    enforce(&mut stage).await;
    let people = subjects(3);
    let [own, bare, later] = &people[..] else { panic!("three") };
    let picture = upload(&stage).await;
    let mut clients = Vec::new();
    for sub in &people {
        say(&stage, sub, "From the table", &picture).await;
        stage.hasura.add(sub, "staff", "member").await.unwrap();
        clients.push(Person::login(&stage.bed.synapse, sub).await.unwrap());
    }
    clients[0].client.account().set_display_name(Some("Countess")).await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    assert_eq!(profile(&stage, own).await, pair("Countess", &picture), "the picture was empty");
    assert_eq!(
        profile(&stage, bare).await,
        pair("From the table", &picture),
        "a name that Synapse gave is nobody's choice"
    );
    stage.nothing_left().await;
    // Given once, and then another chosen, or none: whatever the source says by now.
    clients[2].client.account().set_display_name(Some("Her own")).await.unwrap();
    clients[1].client.account().set_display_name(Some("")).await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    let before = profile(&stage, bare).await;
    assert_ne!(before.0, "From the table");
    say(&stage, later, "From the table, once more", &picture).await;
    assert_eq!(stage.apply().await.0, 0);
    assert_eq!(profile(&stage, later).await, pair("Her own", &picture));
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["profiles"]["names"], json!({"right": 0, "to_give": 0, "chosen": 3, "missing": 0}), "{plan:#}");
    stage.nothing_left().await;
    stage.edit(|config| enforced(config).replace("[profiles]", "[profiles]\nkeep = true"));
    assert_eq!(stage.apply().await.0, 0);
    for sub in [own, bare] {
        assert_eq!(profile(&stage, sub).await, pair("From the table", &picture));
    }
    assert_eq!(profile(&stage, later).await, pair("From the table, once more", &picture));
    stage.nothing_left().await;
}

async fn a_pool_move_brings_name_and_picture(version: SynapseVersion) {
    let mut stage = Stage::set(version, profiles("")).await;
    enforce(&mut stage).await;
    let (old, new, picture) = (subject(), subject(), upload(&stage).await);
    say(&stage, &old, "Ada", &picture).await;
    stage.hasura.add(&old, "staff", "member").await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &old, "join", SOON).await;
    // As staging once was: every subject is another, in one transaction.
    let moved = format!(
        "UPDATE users SET id = '{new}' WHERE id = '{old}'; UPDATE profiles SET id = '{new}' WHERE id = '{old}'"
    );
    stage.hasura.execute(&moved).await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &new, "join", SOON).await;
    stage.until(&stage.staff, &old, "leave", SOON).await;
    assert_eq!(profile(&stage, &new).await, pair("Ada", &picture));
    assert_eq!(seen_in(&stage, &stage.staff, &new).await, pair("Ada", &picture));
    assert_eq!(stage.memberships(&stage.staff, &new).await, ["invite", "join"]);
    assert_eq!(
        profile(&stage, &old).await,
        pair("Ada", &picture),
        "nothing is taken from an account that nobody names"
    );
    stage.nothing_left().await;
}

/// Synapse makes an account before it looks at its picture.
async fn a_picture_that_synapse_refuses_costs_its_owner_nothing_else(version: SynapseVersion) {
    // On a Synapse of its own: the pictures of other stages are allowed.
    let mut stage = Stage::set_on(Arc::new(testbed::own(version).await.unwrap()), profiles("")).await;
    stage.bed.synapse.configure(&[("/allowed_avatar_mimetypes", json!(["image/webp"]))]).await.unwrap();
    enforce(&mut stage).await;
    let (sub, picture) = (subject(), upload(&stage).await);
    say(&stage, &sub, "Ada", &picture).await;
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    let (_, report) = stage.apply().await;
    let created = "SELECT outcome FROM provisioner.ledger WHERE kind = 'create_account' ORDER BY id";
    let created: Vec<String> = sqlx::query_scalar(created).fetch_all(&mut stage.connect().await).await.unwrap();
    assert_eq!(created, ["started", "done"], "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &sub).await, "join");
    assert_eq!(profile(&stage, &sub).await, pair("Ada", ""));

    // It is told, and it is not taken for its owner's choice to have none.
    for _ in 0..2 {
        let (status, report) = stage.apply().await;
        let failed = report["failed"].to_string();
        assert_eq!(status, 1, "{report:#}");
        assert!(failed.contains("set_avatar") && failed.contains("This avatar is not allowed"), "{report:#}");
    }
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["profiles"]["pictures"]["to_give"], 1, "{plan:#}");
    assert_eq!(plan["profiles"]["names"]["right"], 1, "{plan:#}");
    stage.bed.synapse.configure(&[("/allowed_avatar_mimetypes", Value::Null)]).await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    assert_eq!(profile(&stage, &sub).await, pair("Ada", &picture));
    stage.nothing_left().await;
}

async fn on_observe_nothing_is_given_and_all_is_counted(version: SynapseVersion) {
    let stage = Stage::set(version, profiles("picture_hosts = [\"media.example.org\"]")).await;
    make_table(&stage).await;
    let people = subjects(4);
    let media = upload(&stage).await;
    let pictures =
        [&*media, "mxc://staging.example.org/gone", "https://media.example.org/a.png", "http://elsewhere.test/a"];
    for (sub, picture) in people.iter().zip(pictures) {
        Person::login(&stage.bed.synapse, sub).await.unwrap();
        say(&stage, sub, "Ada", picture).await;
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        assert_ne!(profile(&stage, sub).await.0, "Ada");
    }
    assert_eq!(stage.proxy.count(|request| !request.body["displayname"].is_null() || request.is("POST", "/upload")), 0);
    let output = stage.service.run_cli(&["plan"]).await.unwrap();
    let line = "profiles: names: 0 right, 4 to give, 0 chosen by their owners, 0 missing; pictures: 0 right, 1 to give, 1 https to \
                fetch, 0 chosen by their owners, 0 missing, 1 foreign (media of another server, which cannot be resolved here), 1 \
                refused (no media, and no https of profiles.picture_hosts)";
    assert!(output.stdout.contains(line), "{}", output.stdout);
    let (status, plan) = stage.plan().await;
    let observed = |kind: &str| {
        let actions = plan["actions"].as_array().unwrap().iter();
        actions.filter(|one| one["kind"] == kind && one["mode"] == "observe").count()
    };
    assert_eq!((status, observed("set_display_name"), observed("set_avatar")), (2, 4, 2), "{plan:#}");
    let given: i64 = sqlx::query_scalar("SELECT count(*) FROM provisioner.given_profiles")
        .fetch_one(&mut stage.connect().await)
        .await
        .unwrap();
    assert_eq!(given, 0);
}

async fn a_picture_host_on_loopback_is_refused_and_delays_nobody(version: SynapseVersion) {
    let mut stage = Stage::set(version, profiles("picture_hosts = [\"localhost\"]")).await;
    enforce(&mut stage).await;
    let sub = subject();
    say(&stage, &sub, "Ada", "https://localhost/a.png").await;
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!(status, 1, "{report:#}");
    let failed = report["failed"].to_string();
    assert!(failed.contains("set_avatar") && failed.contains("which is not a public address"), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &sub).await, "join");
    assert_eq!(profile(&stage, &sub).await, pair("Ada", ""));
    assert_eq!(stage.proxy.count(|request| request.is("POST", "/upload")), 0);
    // With the host taken out it is counted, and nothing is left to do.
    stage.edit(|config| enforced(config).replace("picture_hosts = [\"localhost\"]", ""));
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["profiles"]["pictures"]["refused"], 1, "{plan:#}");
    stage.nothing_left().await;
}

async fn names_and_pictures_cost_no_request_while_nothing_happens(version: SynapseVersion) {
    let (stage, sub, _) = with_ada(version).await;
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.quiet().await;
    stage.proxy.clear();
    stage.quiet().await;
    assert!(stage.proxy.requests().is_empty(), "{:#?}", stage.proxy.requests());
    stage.nothing_left().await;
}

async fn a_query_with_other_columns_is_refused_at_the_start(version: SynapseVersion) {
    let mut stage = Stage::set(version, profiles("")).await;
    enforce(&mut stage).await;
    stage.edit(|config| config.replace("display_name, avatar_url FROM profiles", "display_name FROM profiles"));
    stage.service.start_again().unwrap();
    let status = stage.service.ended().await.unwrap();
    assert_eq!(status.code(), Some(1), "{}", stage.service.log());
    stage.until_logged("profiles.query answers the columns (subject, display_name)").await;
    let output = stage.service.run_cli(&["doctor"]).await.unwrap();
    assert!(output.stdout.contains("must answer exactly (subject, display_name, avatar_url)"), "{output:?}");
}
