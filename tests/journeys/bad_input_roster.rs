//! A roster that is wrong, unreadable or emptied: each gets a clear message and removes nobody by mistake.

use serde_json::{Value, json};
use testbed::{SynapseVersion, wait_until};

use crate::bad_input::printed;
use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    a_roster_with_wrong_columns_is_refused_at_the_start,
    an_unreadable_roster_removes_nobody_and_is_waited_for,
    rows_that_name_nobody_clearly_cost_nobody_their_place,
    an_emptied_or_vanished_roster_removes_nobody_and_stops_nobody_else,
    values_of_megabytes_fill_no_memory_and_remove_nobody,
    more_rows_than_may_be_are_no_reading,
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

    // One row alone is no better; the user that it names is joined all the same.
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

async fn values_of_megabytes_fill_no_memory_and_remove_nobody(version: SynapseVersion) {
    let (member, outsider) = (subject(), subject());
    let long = "repeat('x', 10000000)";
    let query = format!(
        "SELECT '{member}' AS subject, 'staff' AS team, 'member' AS role
         UNION ALL SELECT {long}, 'staff', {long} FROM generate_series(1, 100)"
    );
    let stage = Stage::set(version, Settings { query: Some(query), ..Settings::default() }).await;
    stage.member(&stage.staff, &outsider).await;
    stage.start().await;
    stage.until(&stage.staff, &member, "join", SOON).await;
    let (_, report) = stage.apply().await;
    assert_eq!(report["done"], json!(0), "{report:#}");
    assert_eq!(stage.membership(&stage.staff, &outsider).await, "join");
    let peak = stage.service.peak_memory().unwrap();
    assert!(peak < 200_000_000, "{peak} bytes were resident");
    let (_, plan) = stage.plan().await;
    assert_eq!(blocked(&plan, "remove"), [of(&stage, "staff", &outsider)], "{plan:#}");
    assert!(plan["blocked"].to_string().contains("a subject of more than 255 bytes"), "{plan:#}");
}

async fn more_rows_than_may_be_are_no_reading(version: SynapseVersion) {
    let mut stage = Stage::set(version, Settings::default()).await;
    stage.edit(|config| config.replace("[roster]\n", "[roster]\nmax_rows = 3\n"));
    let people = subjects(3);
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.start().await;
    for sub in &people {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.hasura.add(&people[0], "analysts", "member").await.unwrap();
    stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    stage.hook().await;
    stage.until_not_ready(&["roster", "more than roster.max_rows = 3 rows"]).await;
    assert_eq!(stage.membership(&stage.staff, &people[0]).await, "join");
    let output = stage.refused(&["plan"]).await;
    assert!(output.stderr.contains("raise roster.max_rows"), "{output:?}");
    stage.hasura.remove(&people[1], "staff").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    stage.service.wait_ready().await.unwrap();
}
