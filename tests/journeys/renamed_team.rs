//! A team that is renamed has nobody any more: what that takes is held, and said so, also by a service that was not there.

use std::sync::Arc;

use serde_json::{Value, json};
use testbed::{Effect, Matching, SynapseVersion, wait_until};

use crate::power::GRANTS;
use crate::support::{SOON, Settings, Stage, subject, subjects};

crate::on_one_version!(
    a_team_that_is_renamed_costs_nobody_anything_until_somebody_approves,
    an_approval_of_something_else_costs_a_renamed_team_nothing,
    an_approval_covers_nothing_of_a_renamed_team_that_could_not_be_seen,
);

/// The guard's own limits would let two of two go.
fn guard() -> String {
    "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned()
}

async fn rename(stage: &Stage, from: &str, to: &str) {
    stage.hasura.execute(&format!("UPDATE teams SET name = '{to}' WHERE name = '{from}'")).await.unwrap();
}

async fn is_admin(stage: &Stage, sub: &str) -> bool {
    stage.admin.user(&stage.mxid(sub)).await.unwrap().is_some_and(|account| account["admin"] == json!(true))
}

/// Nobody has lost anything, and the report says what is held and why.
async fn held(stage: &Stage, people: &[String], because: &str) -> Value {
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (3, &json!(0)), "{report:#}");
    assert!(
        report["held_because"].as_array().unwrap().iter().all(|why| why.as_str().unwrap().contains(because)),
        "{report:#}"
    );
    for sub in people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
    }
    assert_eq!(stage.level(&stage.mxid(&people[0])).await, json!(50));
    assert!(is_admin(stage, &people[0]).await);
    report
}

/// A stage in which a team of two gives places, a level and the flag.
async fn set(version: SynapseVersion) -> Stage {
    set_where(version, "[{ team = \"analysts\" }]").await
}

/// The same, with these members of the room of the analysts.
async fn set_where(version: SynapseVersion, analysts: &str) -> Stage {
    let bed = Arc::new(testbed::own(version).await.unwrap());
    let mut stage = Stage::set_on(bed, Settings { guard: guard(), ..Settings::default() }).await;
    stage.edit(|config| {
        let members = "members = [{ team = \"staff\" }]\n";
        let config = config.replace(members, &format!("{members}{GRANTS}\n"));
        let config = config.replace("[{ team = \"analysts\" }]", analysts);
        let config = config.replace("[modes]\n", "[modes]\nserver_admins = \"enforce\"\npower_levels = \"enforce\"\n");
        format!("{config}\n[server_admins]\ngrant = [{{ team = \"staff\" }}]\n")
    });
    stage
}

async fn an_approval_of_something_else_costs_a_renamed_team_nothing(version: SynapseVersion) {
    let stage = set(version).await;
    let people = stage.start_with_staff(2).await;
    stage.hasura.set_role(&people[0], "staff", "lead").await.unwrap();
    let analysts = subjects(4);
    for sub in &analysts {
        stage.hasura.add(sub, "analysts", "member").await.unwrap();
    }
    assert_eq!(stage.apply().await.0, 0);
    stage.until_level(&people[0], 50).await;
    for sub in &analysts[1..] {
        stage.hasura.remove(sub, "analysts").await.unwrap();
    }
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"]), (3, &json!(3)), "{report:#}");
    // Nothing tells the service of it: the pass that was asked for is the first to see it.
    rename(&stage, "staff", "Staff").await;
    let id = report["held_id"].as_str().unwrap();
    let output = stage.service.run_cli(&["apply", "--approve", id, "--json"]).await.unwrap();
    assert_eq!(output.json().unwrap()["done"], json!(3), "{output:?}");
    for sub in &analysts[1..] {
        assert_eq!(stage.membership(&stage.analysts, sub).await, "leave");
    }
    held(&stage, &people, "perhaps it is called").await;
}

/// One of the team's two rooms cannot be read when somebody approves what is seen of the other.
async fn an_approval_covers_nothing_of_a_renamed_team_that_could_not_be_seen(version: SynapseVersion) {
    let stage = set_where(version, "[{ team = \"analysts\" }, { team = \"staff\" }]").await;
    let people = stage.start_with_staff(2).await;
    stage.hasura.set_role(&people[0], "staff", "lead").await.unwrap();
    stage.hasura.add(&subject(), "analysts", "member").await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    stage.until_level(&people[0], 50).await;
    stage.service.sigterm().await.unwrap();

    let members = Matching::any().method("GET").path(&format!("/admin/v1/rooms/{}/members", stage.analysts));
    let unread = stage.proxy.fault(members, Effect::Answer(504, json!({})));
    stage.service.start_again().unwrap();
    rename(&stage, "staff", "Crew").await;
    stage.until_logged("perhaps it was renamed").await;
    let plan = stage.service.run_cli(&["plan", "--json"]).await.unwrap();
    assert_eq!(plan.status, Some(1), "a room cannot be read: {plan:?}");
    let plan = plan.json().unwrap();
    let id = plan["held_id"].as_str().unwrap_or_else(|| panic!("{plan:#}"));
    let output = stage.service.run_cli(&["apply", "--approve", id, "--json"]).await.unwrap();
    assert!(output.json().unwrap()["done"].as_u64().unwrap() > 0, "{output:?}");
    for sub in &people {
        stage.until(&stage.staff, sub, "leave", SOON).await;
    }
    unread.lift();
    wait_until("the room is read", SOON, async || stage.apply().await.1["held"] != json!(0)).await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"]), (3, &json!(2)), "{report:#}");
    for sub in &people {
        assert_eq!(stage.membership(&stage.analysts, sub).await, "join");
    }
    let id = report["held_id"].as_str().unwrap();
    let output = stage.service.run_cli(&["apply", "--approve", id, "--json"]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    stage.nothing_left().await;
}

async fn a_team_that_is_renamed_costs_nobody_anything_until_somebody_approves(version: SynapseVersion) {
    let stage = set(version).await;
    let people = stage.start_with_staff(2).await;
    stage.hasura.set_role(&people[0], "staff", "lead").await.unwrap();
    stage.hasura.add(&subject(), "analysts", "member").await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    stage.until_level(&people[0], 50).await;

    // Seen while it runs, and by one that starts later.
    let said = "team \"staff\" has nobody any more: perhaps it is called \"Staff\" now";
    rename(&stage, "staff", "Staff").await;
    stage.hook().await;
    stage.until_logged("perhaps it is called").await;
    held(&stage, &people, said).await;
    stage.service.sigterm().await.unwrap();
    held(&stage, &people, said).await;
    rename(&stage, "Staff", "staff ").await;
    held(&stage, &people, "perhaps it is called \"staff \" now").await;
    rename(&stage, "staff ", "staff").await;
    assert_eq!(stage.apply().await.0, 0);
    stage.nothing_left().await;

    // It is meant: approved, it is done, and the team may have nobody from then on.
    stage.start().await;
    rename(&stage, "staff", "Crew").await;
    let report = held(&stage, &people, "perhaps it was renamed").await;
    let id = report["held_id"].as_str().unwrap();
    let output = stage.service.run_cli(&["apply", "--approve", id, "--json"]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "leave");
        wait_until("the flag is taken", SOON, async || !is_admin(&stage, sub).await).await.unwrap();
    }
    stage.nothing_left().await;
    let known: Vec<String> = sqlx::query_scalar("SELECT team FROM provisioner.peopled_teams ORDER BY team")
        .fetch_all(&mut stage.connect().await)
        .await
        .unwrap();
    assert_eq!(known, ["analysts"]);
}
