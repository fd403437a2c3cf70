//! What is withheld is said once, and what the guard holds is kept: across restarts, until it changes, is decided, or is gone.

use phenom_provisioner::store::Store;
use serde_json::json;
use testbed::{SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subjects};

crate::on_one_version!(
    a_withheld_change_has_one_line_also_across_restarts_and_another_when_it_comes_back,
    a_held_plan_survives_a_restart_and_expires_when_the_rows_come_back,
    a_held_plan_that_changes_is_replaced_and_carried_out_as_it_was_shown,
    nothing_is_approved_while_everything_is_paused,
    what_is_held_outlasts_a_row_that_cannot_be_read,
    what_was_held_a_week_ago_can_be_approved,
);

fn guarded() -> Settings {
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    Settings { guard, notify: true, ..Settings::default() }
}

/// Lines of the ledger with this outcome.
async fn lines(stage: &Stage, outcome: &str) -> i64 {
    let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM provisioner.ledger WHERE outcome = $1")
        .bind(outcome)
        .fetch_one(&mut stage.connect().await)
        .await
        .unwrap();
    count
}

/// The number of the last pass that wrote anything.
async fn pass_number(stage: &Stage) -> i64 {
    let (number,): (i64,) =
        sqlx::query_as("SELECT last_value FROM provisioner.pass").fetch_one(&mut stage.connect().await).await.unwrap();
    number
}

/// Held plans so far, oldest first: id and state.
async fn held_plans(stage: &Stage) -> Vec<(String, String)> {
    sqlx::query_as("SELECT id, state FROM provisioner.held_plans ORDER BY seq")
        .fetch_all(&mut stage.connect().await)
        .await
        .unwrap()
}

async fn store(stage: &Stage) -> Store {
    Store::open(&stage.database).await.unwrap()
}

async fn until_held(stage: &Stage, states: &[&str]) -> Vec<(String, String)> {
    wait_until(&format!("held plans are {states:?}"), SOON, async || {
        held_plans(stage).await.iter().map(|(_, state)| state.as_str()).eq(states.iter().copied())
    })
    .await
    .unwrap();
    held_plans(stage).await
}

/// Staff of so many, all joined, with the service running.
async fn staffed(stage: &Stage, people: &[String]) {
    for sub in people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    stage.start().await;
    for sub in people {
        stage.until(&stage.staff, sub, "join", SOON).await;
        stage.until(&stage.red, sub, "join", SOON).await;
    }
}

/// Several rows in one statement, so that no pass comes between them.
async fn dismiss_from_staff(stage: &Stage, people: &[String]) {
    let listed = people.iter().map(|sub| format!("'{sub}'")).collect::<Vec<_>>().join(", ");
    stage.hasura.execute(&format!("DELETE FROM team_members WHERE user_id::text IN ({listed})")).await.unwrap();
}

async fn restart(stage: &Stage) {
    stage.service.sigkill().await.unwrap();
    stage.start().await;
}

async fn a_withheld_change_has_one_line_also_across_restarts_and_another_when_it_comes_back(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { mode: "observe", ..Settings::default() }).await;
    let people = subjects(2);
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    for _ in 0..2 {
        let (status, report) = stage.apply().await;
        assert_eq!((status, &report["observed"]), (0, &json!(6)), "an account and two joins each: {report:#}");
    }
    assert_eq!(lines(&stage, "observed").await, 6);
    stage.start().await;
    stage.apply().await;
    restart(&stage).await;
    stage.apply().await;
    assert_eq!(lines(&stage, "observed").await, 6);
    // A roster that cannot be read for a while ends nothing.
    stage.hasura.execute("ALTER TABLE team_members RENAME TO elsewhere").await.unwrap();
    stage.apply().await;
    restart_without_waiting(&stage).await;
    stage.apply().await;
    stage.hasura.execute("ALTER TABLE elsewhere RENAME TO team_members").await.unwrap();
    stage.apply().await;
    assert_eq!(lines(&stage, "observed").await, 6);
    // What goes and comes back is another change.
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.apply().await;
    stage.hasura.add(&people[0], "staff", "member").await.unwrap();
    stage.apply().await;
    assert_eq!(lines(&stage, "observed").await, 9);
    stage.apply().await;
    assert_eq!(lines(&stage, "observed").await, 9);
    // Enforced, it is done, and withheld no longer.
    let mut stage = stage;
    stage.service.sigterm().await.unwrap();
    stage.change(|settings| settings.mode = "enforce");
    assert_eq!(stage.apply().await.0, 0);
    stage.nothing_left().await;
    let (left,): (i64,) = sqlx::query_as("SELECT count(*) FROM provisioner.withheld")
        .fetch_one(&mut stage.connect().await)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

async fn restart_without_waiting(stage: &Stage) {
    stage.service.sigkill().await.unwrap();
    stage.service.start_again().unwrap();
    stage.until_not_ready(&["roster"]).await;
}

async fn a_held_plan_survives_a_restart_and_expires_when_the_rows_come_back(version: SynapseVersion) {
    let stage = Stage::set_newest(version, guarded()).await;
    let people = subjects(8);
    staffed(&stage, &people).await;
    dismiss_from_staff(&stage, &people[..4]).await;
    let held = until_held(&stage, &["open"]).await;
    let stored = store(&stage).await.held_plan().await.unwrap().unwrap();
    assert_eq!(stored.counts, json!([{"class": "removals", "room": "staff", "count": 4, "of": 10}]));
    assert!(stored.reasons[0].starts_with("staff: 4 removals, of 10 members"), "{:?}", stored.reasons);
    assert_eq!(stage.metric("provisioner_held_plans").await, 1.0);
    // A pass in which nothing changed writes nothing.
    let (passes, numbered) = (stage.metric("provisioner_passes_total").await, pass_number(&stage).await);
    stage.hook().await;
    wait_until("another pass", SOON, async || stage.metric("provisioner_passes_total").await > passes).await.unwrap();
    assert_eq!(pass_number(&stage).await, numbered);
    let (_, plan) = stage.plan().await;
    assert_eq!(plan["held_id"], json!(held[0].0), "{plan:#}");
    assert!(plan["notices"].to_string().contains("open since"), "{plan:#}");

    restart(&stage).await;
    stage.apply().await;
    assert_eq!(held_plans(&stage).await, held, "the same one, not another");
    assert_eq!(lines(&stage, "held").await, 4);
    assert_eq!(stage.metric("provisioner_held_plans").await, 1.0);

    // In one statement, so that no plan in between is another.
    let listed = people[..4].iter().map(|sub| format!("'{sub}'::uuid")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "INSERT INTO team_members (team_id, user_id) SELECT id, UNNEST(ARRAY[{listed}]) FROM teams WHERE name = 'staff'"
    );
    stage.hasura.execute(&sql).await.unwrap();
    until_held(&stage, &["expired"]).await;
    wait_until("no plan is held", SOON, async || stage.metric("provisioner_held_plans").await == 0.0).await.unwrap();
    stage.nothing_left().await;
    for sub in &people {
        assert_eq!(stage.memberships(&stage.staff, sub).await, ["invite", "join"], "nobody went and came back");
    }
}

async fn a_held_plan_that_changes_is_replaced_and_carried_out_as_it_was_shown(version: SynapseVersion) {
    let stage = Stage::set_newest(version, guarded()).await;
    let people = subjects(8);
    staffed(&stage, &people).await;
    dismiss_from_staff(&stage, &people[..3]).await;
    let first = until_held(&stage, &["open"]).await[0].0.clone();
    let store = store(&stage).await;
    assert!(!store.dismiss_held_plan("00000000", "@lead:x").await.unwrap());
    assert!(store.dismiss_held_plan(&first, "@lead:x").await.unwrap());
    assert!(!store.dismiss_held_plan(&first, "@lead:x").await.unwrap(), "once");
    wait_until("it waits for nobody", SOON, async || stage.metric("provisioner_held_plans").await == 0.0)
        .await
        .unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"]), (3, &json!(3)), "it stays held: {report:#}");
    restart(&stage).await;
    stage.apply().await;
    assert_eq!(held_plans(&stage).await, [(first.clone(), "dismissed".to_owned())]);

    dismiss_from_staff(&stage, &people[3..4]).await;
    let second = until_held(&stage, &["superseded", "open"]).await[1].0.clone();
    assert_ne!(first, second);
    assert_eq!(stage.metric("provisioner_held_plans").await, 1.0);
    let approve = async |id: &str| {
        let output = stage.service.run_cli(&["apply", "--approve", id, "--json"]).await.unwrap();
        (output.status.unwrap(), output.json().unwrap())
    };
    // The one that was shown first is carried out as it was shown, and no more than that.
    let (status, report) = approve(&first[..8]).await;
    assert_eq!((status, &report["done"], &report["held"]), (3, &json!(3), &json!(1)), "{report:#}");
    until_held(&stage, &["approved", "superseded", "open"]).await;
    let stored = store.held_plan_called(&first).await.unwrap().unwrap();
    assert!(stored.decided_by.unwrap().contains("on the command line"));
    // What of the second is no longer due is said.
    let (status, report) = approve(&second).await;
    assert_eq!((status, &report["done"], &report["not_due"]), (0, &json!(1), &json!(3)), "{report:#}");
    let (status, report) = approve(&second).await;
    assert_eq!((status, &report["done"]), (1, &json!(0)), "{report:#}");
    assert!(report["errors"][0].as_str().unwrap().contains("nothing is held"), "{report:#}");
    stage.nothing_left().await;
    let history = stage.service.run_cli(&["history", "--json"]).await.unwrap().json().unwrap();
    for (kind, cause) in [("dismiss", "command of @lead:x"), ("approve", "on the command line")] {
        let line = history.as_array().unwrap().iter().find(|line| line["kind"] == kind).unwrap();
        assert!(line["cause"].as_str().unwrap().contains(cause), "{line:#}");
        assert_ne!((&line["before"], &line["after"]), (&json!(null), &json!(null)), "{line:#}");
    }
}

async fn nothing_is_approved_while_everything_is_paused(version: SynapseVersion) {
    let stage = Stage::set_newest(version, guarded()).await;
    let people = subjects(8);
    staffed(&stage, &people).await;
    dismiss_from_staff(&stage, &people[..3]).await;
    let id = until_held(&stage, &["open"]).await[0].0.clone();
    assert_eq!(stage.service.run_cli(&["pause"]).await.unwrap().status, Some(0));
    let refused = stage.service.run_cli(&["apply", "--approve", &id, "--json"]).await.unwrap();
    assert_eq!(refused.status, Some(1));
    assert!(refused.json().unwrap()["errors"][0].as_str().unwrap().contains("resume"), "{refused:?}");
    assert_eq!(held_plans(&stage).await, [(id.clone(), "open".to_owned())], "it still waits");
    assert_eq!(stage.service.run_cli(&["resume"]).await.unwrap().status, Some(0));
    let approved = stage.service.run_cli(&["apply", "--approve", &id]).await.unwrap();
    assert_eq!(approved.status, Some(0), "{approved:?}");
    stage.nothing_left().await;
}

async fn what_is_held_outlasts_a_row_that_cannot_be_read(version: SynapseVersion) {
    let rows = "SELECT tm.user_id::text AS subject, t.name AS team, tm.role FROM team_members tm JOIN teams t ON t.id = tm.team_id";
    let query = Some(format!("{rows} UNION ALL SELECT NULL, team, NULL FROM odd"));
    let stage = Stage::set(version, Settings { query, ..guarded() }).await;
    stage.hasura.execute("CREATE TABLE odd (team text)").await.unwrap();
    let people = subjects(10);
    staffed(&stage, &people).await;
    dismiss_from_staff(&stage, &people[..3]).await;
    stage.hook().await;
    let open = until_held(&stage, &["open"]).await;
    store(&stage).await.dismiss_held_plan(&open[0].0, "@somebody:phenom.test").await.unwrap();
    let dismissed = until_held(&stage, &["dismissed"]).await;
    for change in ["INSERT INTO odd VALUES ('staff')", "DELETE FROM odd"] {
        let passes = stage.metric("provisioner_passes_total").await;
        stage.hasura.execute(change).await.unwrap();
        stage.hook().await;
        wait_until("some passes", SOON, async || stage.metric("provisioner_passes_total").await >= passes + 2.0)
            .await
            .unwrap();
        let (_, plan) = stage.plan().await;
        let is_frozen = plan["actions"] == json!([]);
        assert_eq!(is_frozen, change.starts_with("INSERT"), "{plan:#}");
        assert_eq!(held_plans(&stage).await, dismissed, "what somebody dismissed is what is held");
    }
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
    }
}

async fn what_was_held_a_week_ago_can_be_approved(version: SynapseVersion) {
    let stage = Stage::set(version, guarded()).await;
    let people = subjects(10);
    staffed(&stage, &people).await;
    dismiss_from_staff(&stage, &people[..3]).await;
    stage.hook().await;
    let held = until_held(&stage, &["open"]).await;
    sqlx::query("UPDATE provisioner.held_plans SET created_at = now() - interval '8 days'")
        .execute(&mut stage.connect().await)
        .await
        .unwrap();
    let output = stage.service.run_cli(&["apply", "--approve", &held[0].0[..8], "--json"]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    for sub in &people[..3] {
        assert_eq!(stage.membership(&stage.staff, sub).await, "leave");
    }
    stage.nothing_left().await;
}
