//! Bad input: each gets a clear message, loses nothing, and removes nobody by mistake.

use reqwest::Method;
use serde_json::{Value, json};
use testbed::{
    Effect, Matching, Output, Person, Service, ServiceSpec, SynapseVersion, free_port, shared_postgres, wait_until,
};

use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_both_versions!(
    a_roster_with_wrong_columns_is_refused_at_the_start,
    an_unreadable_roster_removes_nobody_and_is_waited_for,
    rows_that_name_nobody_clearly_cost_nobody_their_place,
    an_emptied_or_vanished_roster_removes_nobody_and_stops_nobody_else,
    a_room_without_the_bot_is_reported_and_the_others_go_on,
    an_empty_list_of_members_is_not_believed,
    an_unreadable_event_does_not_cost_the_others_in_its_transaction,
    a_homeserver_of_another_deployment_is_refused,
);

async fn a_roster_with_wrong_columns_is_refused_at_the_start(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings::default()).await;
    let (member, outsider) = (subject(), subject());
    stage.hasura.add(&member, "staff", "member").await.unwrap();
    stage.member(&stage.staff, &outsider).await;
    for (columns, found) in [
        ("'a' AS subject, 'b' AS team", "(subject, team)"),
        ("'a' AS subject, 'b' AS team, 'c' AS role, 'd' AS since", "(subject, team, role, since)"),
        ("'a' AS user_id, 'b' AS team, 'c' AS role", "(user_id, team, role)"),
    ] {
        stage.change(|settings| settings.query = Some(format!("SELECT {columns}")));
        let said = [found, "roster.query", "exactly (subject, team, role)"];
        stage.service.start_again().unwrap();
        assert_eq!(stage.service.ended().await.unwrap().code(), Some(1));
        let log = stage.service.log();
        assert!(said.iter().all(|text| log.contains(text)), "{said:?} in {log}");
        for args in [["plan"].as_slice(), &["plan", "--json"], &["apply"]] {
            let output = stage.service.run_cli(args).await.unwrap();
            assert_eq!(output.status, Some(1), "{output:?}");
            let all = printed(&output);
            assert!(said.iter().all(|text| all.contains(text)), "{said:?} in {output:?}");
        }
    }
    assert_eq!(stage.writes(), 0, "{:#?}", stage.proxy.requests());
    assert_eq!(stage.membership(&stage.staff, &outsider).await, "join");
}

async fn an_unreadable_roster_removes_nobody_and_is_waited_for(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings { poll_interval: "1s", ..Settings::default() }).await;
    let (member, outsider) = (subject(), subject());
    stage.member(&stage.staff, &outsider).await;

    // No SQL at all, and tables that the role may not read.
    stage.change(|settings| settings.query = Some("everybody, please".to_owned()));
    let output = stage.refused(&["plan"]).await;
    assert!(output.stderr.contains("roster.query") && output.stderr.contains("syntax error"), "{output:?}");
    stage.change(|settings| settings.query = None);
    let role = format!("reader_{}", subject().replace('-', "_"));
    stage.hasura.execute(&format!("CREATE ROLE {role} LOGIN")).await.unwrap();
    let url = stage.hasura.url().replace("//postgres@", &format!("//{role}@"));
    let roster = stage.hasura.url().to_owned();
    stage.edit(|config| config.replace(&roster, &url));
    let output = stage.refused(&["plan"]).await;
    for text in ["roster.query", "grant SELECT", "permission denied"] {
        assert!(output.stderr.contains(text), "{text} in {output:?}");
    }

    // A table that comes later.
    stage.change(|settings| settings.query = Some("SELECT subject, team, role FROM staffing".to_owned()));
    stage.service.start_again().unwrap();
    stage.until_not_ready(&["roster", "roster.query", "staffing"]).await;
    let output = stage.refused(&["plan", "--json"]).await;
    assert!(output.stderr.contains("roster.query") && output.stderr.contains("staffing"), "{output:?}");
    let (status, report) = stage.apply().await;
    assert_eq!(status, 1, "{report:#}");
    assert!(report["errors"].to_string().contains("roster.query"), "{report:#}");
    assert!(stage.service.running());
    assert_eq!(stage.membership(&stage.staff, &outsider).await, "join");
    assert_eq!(stage.writes(), 0);
    stage
        .hasura
        .execute(&format!(
            "CREATE TABLE staffing AS SELECT '{member}'::uuid AS subject, 'staff' AS team, 'member' AS role"
        ))
        .await
        .unwrap();
    stage.service.wait_ready().await.unwrap();
    stage.until(&stage.staff, &member, "join", SOON).await;
    stage.until(&stage.staff, &outsider, "leave", SOON).await;
    stage.nothing_left().await;
}

async fn rows_that_name_nobody_clearly_cost_nobody_their_place(version: SynapseVersion) {
    const SECRET: &str = "someone.private";
    let query = Some("SELECT subject, team, role FROM rows".to_owned());
    let stage = Stage::set(version, Settings { query, ..Settings::default() }).await;
    let (twice, roleless, folded) = (subject(), subject(), format!("x-{}", subject()));
    let (of_staff, of_analysts) = (subject(), subject());
    stage.member(&stage.staff, &of_staff).await;
    stage.member(&stage.staff, &folded).await;
    stage.member(&stage.analysts, &of_analysts).await;
    let other_case = folded.to_uppercase();
    stage
        .hasura
        .execute(&format!(
            "CREATE TABLE rows (id serial, subject text, team text, role text);
             INSERT INTO rows (subject, team, role) VALUES
                ('{twice}', 'staff', 'member'), ('{twice}', 'staff', 'member'), ('{twice}', 'staff', 'lead'),
                ('{roleless}', 'staff', NULL),
                ('{folded}', 'staff', 'member'), ('{other_case}', 'staff', 'member'),
                (NULL, 'analysts', 'member'),
                ('{SECRET}@example.com', 'analysts', 'lead'), ('_hidden', 'analysts', 'lead'), ('', 'analysts', 'lead'),
                ('{roleless}', NULL, 'member')"
        ))
        .await
        .unwrap();
    stage.start().await;
    for sub in [&twice, &roleless] {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
    // A row without a team may mean any room.
    let (status, report) = stage.apply().await;
    assert_eq!(status, 0, "{report:#}");
    let (status, plan) = stage.plan().await;
    assert_eq!((status, &plan["actions"]), (0, &json!([])), "{plan:#}");
    let removals = blocked(&plan, "remove");
    assert_eq!(removals, [of(&stage, "staff", &of_staff), of(&stage, "analysts", &of_analysts)], "{plan:#}");
    let notices = plan["notices"].to_string();
    for text in ["has no team", "has no subject", "has no role", "fold to one MXID", "underscore", "it is empty"] {
        assert!(notices.contains(text), "{text} in {plan:#}");
    }

    // Without it, only the rooms of the unreadable rows' team are spared.
    stage.hasura.execute("DELETE FROM rows WHERE team IS NULL").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &of_staff, "leave", SOON).await;
    let (status, report) = stage.apply().await;
    assert_eq!(status, 0, "{report:#}");
    let (_, plan) = stage.plan().await;
    assert_eq!(blocked(&plan, "remove"), [of(&stage, "analysts", &of_analysts)], "{plan:#}");
    assert_eq!(stage.membership(&stage.analysts, &of_analysts).await, "join");
    // Neither of two that fold together is believed: who is in stays, and gets nothing new.
    assert_eq!(stage.membership(&stage.staff, &folded).await, "join");
    assert_eq!(stage.membership(&stage.red, &folded).await, "none");

    // An e-mail address given for a subject is nowhere to be read.
    let mut said = stage.service.log();
    for args in [["plan"].as_slice(), &["plan", "--json"], &["apply"], &["history"], &["history", "--json"]] {
        let output = stage.service.run_cli(args).await.unwrap();
        said.push_str(&printed(&output));
    }
    assert!(said.contains("it may say more than an id"));
    assert!(!said.contains(SECRET) && !said.contains("example.com"), "{said}");

    // Mended, everything is as it should be.
    let mended = format!("DELETE FROM rows WHERE team = 'analysts' OR subject = '{other_case}'");
    stage.hasura.execute(&mended).await.unwrap();
    stage.hook().await;
    stage.until(&stage.analysts, &of_analysts, "leave", SOON).await;
    stage.until(&stage.red, &folded, "join", SOON).await;
    assert_eq!(stage.membership(&stage.staff, &folded).await, "join");
    for sub in [&twice, &roleless] {
        assert_eq!(stage.memberships(&stage.staff, sub).await, ["invite", "join"]);
    }
    stage.nothing_left().await;
}

/// All that a command printed.
fn printed(output: &Output) -> String {
    format!("{}{}", output.stdout, output.stderr)
}

/// Room and user of everything of one kind that is blocked.
fn blocked(plan: &Value, kind: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_kind = plan["blocked"].as_array().unwrap().iter().filter(|one| one["kind"] == kind);
    of_kind.map(|one| (text(&one["room"]), text(&one["user"]))).collect()
}

fn of(stage: &Stage, room: &str, sub: &str) -> (String, String) {
    (room.to_owned(), stage.mxid(sub))
}

async fn an_emptied_or_vanished_roster_removes_nobody_and_stops_nobody_else(version: SynapseVersion) {
    let guard = "free_removals = 1\nmax_removals = 3\nmax_fraction = 0.2".to_owned();
    let stage = Stage::set(version, Settings { guard, ..Settings::default() }).await;
    let people = subjects(4);
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    let all_there = async || {
        for sub in &people {
            assert_eq!(stage.memberships(&stage.staff, sub).await, ["invite", "join"], "{sub}");
        }
    };

    stage.hasura.empty().await.unwrap();
    stage.hook().await;
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"], &report["done"]), (3, &json!(4), &json!(0)), "{report:#}");
    assert!(report["held_because"].to_string().contains("no row at all"), "{report:#}");
    stage.until_logged("answered no row at all").await;
    all_there().await;

    // One row alone is no better; whom it names is joined all the same.
    let newcomer = subject();
    stage.hasura.add(&newcomer, "staff", "lead").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"], &report["done"]), (3, &json!(4), &json!(3)), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &newcomer).await, "join");
    assert_eq!(stage.membership(&stage.red, &newcomer).await, "join");
    all_there().await;
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"]), (0, &json!(0)), "{report:#}");

    // The table is gone: what was read before stands, also for those who have to be joined again.
    stage.hasura.execute("ALTER TABLE team_members RENAME TO team_members_of_old").await.unwrap();
    stage.hook().await;
    stage.until_not_ready(&["roster", "team_members"]).await;
    stage.admin.kick(&stage.staff, &stage.mxid(&newcomer)).await.unwrap();
    let asked = [newcomer.clone()];
    wait_until("the kick is repaired", SOON, async || stage.joins_of(&stage.staff, &asked) == 2).await.unwrap();
    stage.until(&stage.staff, &newcomer, "join", SOON).await;
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"]), (1, &json!(0)), "{report:#}");
    let errors = report["errors"].to_string();
    assert!(errors.contains("roster.query") && errors.contains("team_members"), "{report:#}");
    all_there().await;
    stage.hasura.execute("ALTER TABLE team_members_of_old RENAME TO team_members").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!(status, 0, "{report:#}");
    all_there().await;
    stage.nothing_left().await;
    stage.service.wait_ready().await.unwrap();
}

async fn a_room_without_the_bot_is_reported_and_the_others_go_on(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let (member, outsider) = (subject(), subject());
    stage.hasura.add(&member, "staff", "member").await.unwrap();
    stage.hasura.add(&member, "analysts", "member").await.unwrap();
    stage.member(&stage.staff, &outsider).await;
    let path = format!("/_matrix/client/v3/rooms/{}/leave", stage.staff.replace('!', "%21").replace(':', "%3A"));
    stage.bot.call(Method::POST, &path, Some(json!({}))).await.unwrap();

    let output = stage.refused(&["plan"]).await;
    for text in ["staff", &stage.bot.mxid, "is not in the room", "bootstrap"] {
        assert!(output.stderr.contains(text), "{text} in {output:?}");
    }
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (1, &json!(3)), "{report:#}");
    let errors = report["errors"].to_string();
    assert!(errors.contains("room staff") && errors.contains("is not in the room"), "{report:#}");
    assert_eq!(stage.membership(&stage.red, &member).await, "join");
    assert_eq!(stage.membership(&stage.analysts, &member).await, "join");
    assert_eq!(stage.membership(&stage.staff, &outsider).await, "join");

    // The service says so too, works on elsewhere, and goes on by itself once the bot is let in.
    stage.service.start_again().unwrap();
    stage.until_not_ready(&["homeserver", "staff", "is not in the room", "bootstrap"]).await;
    let late = subject();
    stage.hasura.add(&late, "analysts", "member").await.unwrap();
    stage.hook().await;
    stage.until(&stage.analysts, &late, "join", SOON).await;
    let output = stage.service.run_cli(&["bootstrap"]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(output.stdout.contains(&format!("staff: {} joined", stage.bot.mxid)), "{output:?}");
    let (status, report) = stage.apply().await;
    assert_eq!(status, 0, "{report:#}");
    stage.until(&stage.staff, &member, "join", SOON).await;
    stage.until(&stage.staff, &outsider, "leave", SOON).await;
    stage.service.wait_ready().await.unwrap();
    stage.nothing_left().await;
}

async fn an_empty_list_of_members_is_not_believed(version: SynapseVersion) {
    let stage = Stage::set(version, Settings { resync_interval: "2s", ..Settings::default() }).await;
    let (member, left) = (subject(), subject());
    for sub in [&member, &left] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.start().await;
    for sub in [&member, &left] {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    Person::login(&stage.bed.synapse, &left).await.unwrap().leave(&stage.staff).await.unwrap();
    let mut database = stage.connect().await;
    wait_until("the leave was taken in", SOON, async || {
        let handled: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM provisioner.inbox WHERE handled_at IS NOT NULL
               AND event::jsonb ->> 'state_key' = $1 AND event::jsonb -> 'content' ->> 'membership' = 'leave'",
        )
        .bind(stage.mxid(&left))
        .fetch_one(&mut database)
        .await
        .unwrap();
        handled == 1
    })
    .await
    .unwrap();
    let writes = stage.writes();
    let emptied = |answer: Value| match &answer {
        answer if answer["members"].is_array() => json!({"members": [], "total": 0}),
        answer if answer["chunk"].is_array() => json!({"chunk": []}),
        _ => answer,
    };
    let fault = stage.proxy.fault(Matching::any().method("GET").path("/members"), Effect::rewrite(emptied));
    stage.until_not_ready(&["homeserver", "is not in the room"]).await;
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"], &report["held"]), (1, &json!(0), &json!(0)), "{report:#}");
    // Also when nothing better was ever read.
    stage.service.sigkill().await.unwrap();
    stage.service.start_again().unwrap();
    stage.until_not_ready(&["homeserver", "is not in the room"]).await;
    let output = stage.refused(&["plan"]).await;
    for text in ["red-room", "staff", "analysts", "is not in the room", "Nothing to do"] {
        assert!(printed(&output).contains(text), "{text} in {output:?}");
    }
    assert_eq!(stage.writes(), writes);
    assert!(fault.hits() > 0);

    fault.lift();
    stage.service.wait_ready().await.unwrap();
    stage.nothing_left().await;
    assert_eq!(stage.writes(), writes);
    assert_eq!(stage.memberships(&stage.staff, &member).await, ["invite", "join"]);
    assert_eq!(stage.memberships(&stage.staff, &left).await, ["invite", "join", "leave"]);
}

async fn an_unreadable_event_does_not_cost_the_others_in_its_transaction(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let sub = subject();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.quiet().await;
    let (joins, reads) = (stage.joins(), member_lists(&stage));
    // Somebody who only claims to be Synapse, were it not for the token: a removal that never happened.
    let (staff, admin) = (&stage.staff, &stage.admin.mxid);
    let event = |id: &str, content: Value| {
        json!({
            "type": "m.room.member", "event_id": format!("${id}-{sub}"), "room_id": staff, "sender": admin,
            "state_key": stage.mxid(&sub), "content": content, "origin_server_ts": 1,
            "unsigned": {"age": 10},
        })
    };
    let events = json!([
        42,
        null,
        {"type": "m.room.member"},
        {"type": "m.room.member", "room_id": staff, "event_id": 7, "state_key": "x", "sender": admin, "content": {}},
        {"type": "m.room.member", "room_id": staff, "event_id": "$\u{0}", "state_key": "x", "sender": admin},
        event("kick", json!({"membership": "leave", "reason": "\u{0}"})),
        {"type": ["m.room.member"], "room_id": staff},
    ]);
    assert_eq!(push(&stage, "made-up-1", events.clone(), "not the token").await, 403);
    assert_eq!(push(&stage, "made-up-1", events.clone(), &stage.slot.hs_token).await, 200);
    // What it says is acted upon, found to be untrue, and the room is read again.
    wait_until("the service joins them", SOON, async || stage.joins() == joins + 1).await.unwrap();
    wait_until("the room is read again", SOON, async || member_lists(&stage) > reads).await.unwrap();
    // The same event again is nothing new, whatever the transaction's name.
    assert_eq!(push(&stage, "made-up-2", events, &stage.slot.hs_token).await, 200);
    // One that matters, with content that cannot be read, makes its room be read.
    stage.quiet().await;
    let reads = member_lists(&stage);
    let unreadable = json!([event("strange", json!("out of town"))]);
    assert_eq!(push(&stage, "made-up-3", unreadable, &stage.slot.hs_token).await, 200);
    wait_until("the room is read again", SOON, async || member_lists(&stage) > reads).await.unwrap();
    stage.quiet().await;
    assert_eq!(stage.joins(), joins + 1);
    assert_eq!(stage.memberships(&stage.staff, &sub).await, ["invite", "join"]);
    stage.nothing_left().await;
}

async fn a_homeserver_of_another_deployment_is_refused(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings::default()).await;
    let outsider = subject();
    stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    stage.member(&stage.staff, &outsider).await;
    // The rooms and the token are right, the name of the homeserver is not.
    let registration = std::fs::read_to_string(&stage.slot.registration).unwrap().replace("phenom.test", "other.test");
    let other = stage.service.directory().join("other.yaml");
    std::fs::write(&other, registration).unwrap();
    let ours = stage.slot.registration.display().to_string();
    stage.edit(|config| {
        config.replace(&ours, &other.display().to_string()).replace(r#""phenom.test""#, r#""other.test""#)
    });
    for args in [["plan"], ["apply"]] {
        let output = stage.refused(&args).await;
        let said = printed(&output);
        let names = [stage.bot.mxid.replace("phenom.test", "other.test"), stage.bot.mxid.clone()];
        assert!(names.iter().all(|name| said.contains(name)), "{said}");
        assert!(said.contains("another deployment"), "{said}");
    }
    assert_eq!(stage.writes(), 0, "{:#?}", stage.proxy.requests());
    assert_eq!(stage.membership(&stage.staff, &outsider).await, "join");
}

/// How often the list of those who are joined to the staff room was read.
fn member_lists(stage: &Stage) -> usize {
    stage.proxy.count(|request| request.is("GET", &format!("/_synapse/admin/v1/rooms/{}/members", stage.staff)))
}

/// Sends a transaction as Synapse does.
async fn push(stage: &Stage, name: &str, events: Value, token: &str) -> u16 {
    let url = format!("http://{}/_matrix/app/v1/transactions/{name}", stage.slot.listen());
    let request = reqwest::Client::new().put(url).bearer_auth(token).json(&json!({"events": events}));
    request.send().await.unwrap().status().as_u16()
}

/// A configuration of its own, for what is refused before anything is asked of Synapse.
async fn alone(rooms: &str) -> Service {
    let postgres = shared_postgres().await;
    let name = format!("provisioner_{}", subject().replace('-', "_"));
    let database = postgres.create_database(&name).await.unwrap();
    let [synapse, listen, admin] = [(); 3].map(|()| format!("127.0.0.1:{}", free_port().unwrap()));
    let config = format!(
        r#"environment = "staging"
[homeserver]
url = "http://{synapse}"
server_name = "phenom.test"
[appservice]
registration = "registration.yaml"
listen = "{listen}"
[admin]
listen = "{admin}"
[database]
url = "{database}"
[roster]
query = "SELECT NULL AS subject, NULL AS team, NULL AS role LIMIT 0"
{rooms}"#
    );
    let binary = env!("CARGO_BIN_EXE_phenom-provisioner").into();
    let service = Service::install(ServiceSpec { binary, config, env: vec![], admin }).unwrap();
    let registration = format!(
        "id: provisioner\nurl: http://{listen}\nas_token: as-token-of-sixteen-or-more\n\
         hs_token: hs-token-of-sixteen-or-more\nsender_localpart: phenom-provisioner-bot\nrate_limited: false\n\
         namespaces:\n  users:\n    - exclusive: true\n      regex: '^@phenom-provisioner-bot:phenom\\.test$'\n  \
         aliases: []\n  rooms: []\n"
    );
    std::fs::write(service.directory().join("registration.yaml"), registration).unwrap();
    service
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_ids_that_are_none_are_refused_all_at_once() {
    let room = |key: &str, id: &str| format!("[[rooms]]\nkey = \"{key}\"\nid = \"{id}\"\nmembers = [\"everyone\"]\n");
    let rooms = [
        room("red-room", "!jFXGFANpXTXXgNkdNi"),
        room("staff", "#internal:phenom.test"),
        room("analysts", "!NvNAXrFhqFBZXUtEkU:phenom.test"),
        room("experiencers", "!NvNAXrFhqFBZXUtEkU:phenom.test"),
    ];
    let service = alone(&rooms.concat()).await;
    let said = [
        "3 errors",
        "rooms[red-room].id",
        "\"!jFXGFANpXTXXgNkdNi:phenom.test\"",
        "rooms[staff].id",
        "is an alias",
        "rooms[experiencers].id",
        "is the same as in line",
    ];
    for args in [["config", "check"].as_slice(), &["plan"], &["apply"]] {
        let output = service.run_cli(args).await.unwrap();
        assert_eq!(output.status, Some(1), "{args:?}: {output:?}");
        assert!(said.iter().all(|text| output.stderr.contains(text)), "{said:?} in {output:?}");
    }
    service.start_again().unwrap();
    assert_eq!(service.ended().await.unwrap().code(), Some(1));
    assert!(said.iter().all(|text| service.log().contains(text)), "{said:?} in {}", service.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_another_deployment_is_refused() {
    let room = "[[rooms]]\nkey = \"red-room\"\nid = \"!abc:phenom.test\"\nmembers = [\"everyone\"]\n";
    let mut service = alone(room).await;
    let config = std::fs::read_to_string(service.directory().join("provisioner.toml")).unwrap();
    // The first to come stamps it, though it gets no further than that here.
    let output = service.run_cli(&["plan"]).await.unwrap();
    assert!(output.stderr.contains("Synapse cannot be reached"), "{output:?}");
    for (key, ours, theirs, changed) in [
        ("environment", "production", "staging", config.replace("\"staging\"", "\"production\"")),
        ("server_name", "phenom.other", "phenom.test", config.replace("phenom.test", "phenom.other")),
    ] {
        service.set_config(&changed).unwrap();
        let registration = service.directory().join("registration.yaml");
        let registered = std::fs::read_to_string(&registration).unwrap();
        if key == "server_name" {
            std::fs::write(&registration, registered.replace("phenom\\.test", "phenom\\.other")).unwrap();
        }
        let said = [
            format!("this database belongs to {key} \"{theirs}\""),
            format!("the configuration says \"{ours}\""),
            "set database.url".to_owned(),
        ];
        // A log in JSON has its quotes escaped.
        let says = |text: &str| said.iter().all(|part| text.replace('\\', "").contains(part));
        for args in [["plan"].as_slice(), &["apply"]] {
            let output = service.run_cli(args).await.unwrap();
            assert_eq!(output.status, Some(1), "{output:?}");
            assert!(says(&output.stderr), "{said:?} in {output:?}");
        }
        service.start_again().unwrap();
        assert_eq!(service.ended().await.unwrap().code(), Some(1));
        assert!(says(&service.log()), "{said:?} in {}", service.log());
    }
    // Back in its own place, it works on.
    let registration = service.directory().join("registration.yaml");
    let registered = std::fs::read_to_string(&registration).unwrap();
    std::fs::write(&registration, registered.replace("phenom\\.other", "phenom\\.test")).unwrap();
    service.set_config(&config).unwrap();
    let output = service.run_cli(&["plan"]).await.unwrap();
    assert!(output.stderr.contains("Synapse cannot be reached"), "{output:?}");
}
