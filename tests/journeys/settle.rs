//! Settling: what takes something away waits until the roster has said so for a while, and said so again after that. The roster
//! is read at hooks alone here, and by the service itself before it takes anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use testbed::{Effect, Matching, Person, SynapseVersion, wait_until};

use crate::power::GRANTS;
use crate::support::{SOON, Settings, Stage, subject};

crate::on_one_version!(
    rows_that_are_rewritten_cost_nobody_anything,
    what_takes_waits_and_what_gives_does_not,
    an_apply_waits_for_what_settles,
    what_was_kept_back_after_that_is_asked_about_again,
);

const SETTLE: Duration = Duration::from_secs(3);

fn settles() -> Settings {
    Settings { settle: "3s", ..Settings::default() }
}

/// Three of staff, the first of them its lead with a level and the admin flag, on a Synapse of their own: the admins of other
/// stages must not be this one's business.
async fn staffed(version: SynapseVersion) -> (Stage, Vec<String>) {
    let mut stage = Stage::set_on(Arc::new(testbed::own(version).await.unwrap()), settles()).await;
    stage.edit(|config| {
        let members = "members = [{ team = \"staff\" }]\n";
        let config = config.replace(members, &format!("{members}{GRANTS}\n"));
        let config = config.replace("[modes]\n", "[modes]\nserver_admins = \"enforce\"\npower_levels = \"enforce\"\n");
        format!("{config}\n[server_admins]\ngrant = [{{ team = \"staff\", role = \"lead\" }}]\n")
    });
    let people = stage.start_with_staff(3).await;
    // Somebody else keeps the roster from being empty.
    stage.hasura.add(&subject(), "analysts", "member").await.unwrap();
    stage.hasura.set_role(&people[0], "staff", "lead").await.unwrap();
    stage.hook().await;
    stage.until_level(&people[0], 50).await;
    until_admin(&stage, &people[0], true).await;
    (stage, people)
}

async fn until_admin(stage: &Stage, sub: &str, wanted: bool) {
    wait_until(&format!("{sub} is an admin: {wanted}"), SOON, async || {
        stage.admin.user(&stage.mxid(sub)).await.unwrap().is_some_and(|account| account["admin"] == json!(wanted))
    })
    .await
    .unwrap();
}

/// Takes a row out and puts it back after a moment.
async fn rewrite(stage: &Stage, sub: &str, role: &str, hook: bool) {
    stage.hasura.remove(sub, "staff").await.unwrap();
    stage.hook().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.hasura.add(sub, "staff", role).await.unwrap();
    if hook {
        stage.hook().await;
    }
}

/// What would have been taken by now was not: no kick, no levels, no flag, nothing at all.
async fn nothing_is_written(stage: &Stage) {
    tokio::time::sleep(SETTLE + Duration::from_secs(2)).await;
    let writes = stage.proxy.requests().into_iter().filter(|request| request.method != "GET");
    let writes: Vec<String> = writes.map(|request| format!("{} {}", request.method, request.path)).collect();
    assert_eq!(writes, Vec::<String>::new());
}

async fn rows_that_are_rewritten_cost_nobody_anything(version: SynapseVersion) {
    let (stage, people) = staffed(version).await;
    stage.quiet().await;
    stage.proxy.clear();
    rewrite(&stage, &people[0], "lead", true).await;
    nothing_is_written(&stage).await;
    // Nobody says that the row is there again: the roster is asked before anything is taken.
    rewrite(&stage, &people[0], "lead", false).await;
    nothing_is_written(&stage).await;
    // A job that writes the team row by row.
    stage
        .hasura
        .execute("DELETE FROM team_members USING teams WHERE team_id = teams.id AND name = 'staff'")
        .await
        .unwrap();
    stage.hook().await;
    for (sub, role) in people.iter().zip(["lead", "member", "member"]) {
        tokio::time::sleep(SETTLE / 4).await;
        stage.hasura.add(sub, "staff", role).await.unwrap();
        stage.hook().await;
    }
    nothing_is_written(&stage).await;
    // Who left by choice has lost nothing by it that would bring them back.
    let person = Person::login(&stage.bed.synapse, &people[2]).await.unwrap();
    person.leave(&stage.staff).await.unwrap();
    stage.quiet().await;
    stage.proxy.clear();
    rewrite(&stage, &people[2], "member", true).await;
    nothing_is_written(&stage).await;
    assert_eq!(stage.membership(&stage.staff, &people[2]).await, "leave");
    stage.nothing_left().await;
}

async fn what_takes_waits_and_what_gives_does_not(version: SynapseVersion) {
    let (stage, people) = staffed(version).await;
    stage.quiet().await;
    let (newcomer, began) = (subject(), Instant::now());
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.hasura.add(&newcomer, "staff", "lead").await.unwrap();
    stage.hook().await;
    stage.until(&stage.staff, &newcomer, "join", SOON).await;
    stage.until_level(&newcomer, 50).await;
    let given = began.elapsed();
    stage.until(&stage.staff, &people[0], "leave", SOON).await;
    let taken = began.elapsed();
    assert!(taken >= SETTLE, "{taken:?}");
    assert!(stage.is_in_time(given, SETTLE, 1).await, "{given:?}");
    assert!(stage.is_in_time(taken, SETTLE + Duration::from_secs(1), 1).await, "{taken:?}");
    stage.until_level(&people[0], json!(null)).await;
    until_admin(&stage, &people[0], false).await;
    stage.nothing_left().await;
}

async fn an_apply_waits_for_what_settles(version: SynapseVersion) {
    let stage = Stage::set_newest(version, settles()).await;
    let people: Vec<String> = (0..4).map(|_| subject()).collect();
    for sub in &people {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    assert_eq!(stage.apply().await.0, 0);
    for running in [false, true] {
        if running {
            stage.start().await;
        }
        let (gone, back) = (&people[usize::from(running)], &people[2]);
        stage.hasura.remove(gone, "staff").await.unwrap();
        stage.hasura.remove(back, "staff").await.unwrap();
        let put_back = async {
            tokio::time::sleep(SETTLE / 2).await;
            stage.hasura.add(back, "staff", "member").await.unwrap();
        };
        let ((status, report), ()) = tokio::join!(stage.apply(), put_back);
        assert_eq!((status, &report["done"], &report["settling"]), (0, &json!(1), &json!(0)), "{running}: {report:#}");
        assert_eq!(stage.membership(&stage.staff, gone).await, "leave");
        assert_eq!(stage.memberships(&stage.staff, back).await.last().map(String::as_str), Some("join"));
        assert!(!stage.memberships(&stage.staff, back).await.contains(&"leave".to_owned()));
    }
    stage.nothing_left().await;
}

/// Their row is back before what kept the removal back is over, and nobody says so.
async fn what_was_kept_back_after_that_is_asked_about_again(version: SynapseVersion) {
    let stage = Stage::set(version, settles()).await;
    let people = stage.start_with_staff(2).await;
    let kicks = Matching::any().method("POST").path("/kick").times(1);
    let kick = stage.proxy.fault(kicks, Effect::Answer(500, json!({"errcode": "M_UNKNOWN", "error": "no"})));
    stage.hasura.remove(&people[0], "staff").await.unwrap();
    stage.hook().await;
    wait_until("a removal failed", SOON, async || kick.hits() > 0).await.unwrap();
    stage.hasura.add(&people[0], "staff", "member").await.unwrap();
    stage.proxy.clear();
    nothing_is_written(&stage).await;
    // It settles in a pause, which ends after the row is back.
    assert_eq!(stage.service.run_cli(&["pause"]).await.unwrap().status, Some(0));
    stage.hasura.remove(&people[1], "staff").await.unwrap();
    stage.hook().await;
    tokio::time::sleep(SETTLE + Duration::from_secs(1)).await;
    stage.hasura.add(&people[1], "staff", "member").await.unwrap();
    assert_eq!(stage.service.run_cli(&["resume"]).await.unwrap().status, Some(0));
    nothing_is_written(&stage).await;
    // What is not put back is taken, once it may be.
    assert_eq!(stage.service.run_cli(&["pause"]).await.unwrap().status, Some(0));
    stage.hasura.remove(&people[1], "staff").await.unwrap();
    stage.hook().await;
    tokio::time::sleep(SETTLE + Duration::from_secs(1)).await;
    assert_eq!(stage.service.run_cli(&["resume"]).await.unwrap().status, Some(0));
    stage.until(&stage.staff, &people[1], "leave", SOON).await;
    stage.nothing_left().await;
}
