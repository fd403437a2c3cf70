//! Fighting: what somebody keeps undoing is done again a few times, then no longer, and a person is told who it is.

use serde_json::{Value, json};
use testbed::{SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject};

crate::on_one_version!(who_is_kicked_again_and_again_is_joined_five_times_and_staff_is_told_who_kicks,);

fn blocked(plan: &Value, user: &str) -> Option<String> {
    let blocked = plan["blocked"].as_array().unwrap();
    blocked.iter().find(|one| one["user"] == user).map(|one| one["because"].as_str().unwrap().to_owned())
}

/// Waits until the plan says of `sub` that it is no longer tried, and answers with its words.
async fn until_stopped(stage: &Stage, sub: &str) -> String {
    let user = stage.mxid(sub);
    let mut because = None;
    wait_until("the plan says that it is no longer repeated", SOON, async || {
        because = blocked(&stage.plan().await.1, &user).filter(|because| because.starts_with("undone"));
        because.is_some()
    })
    .await
    .unwrap();
    because.unwrap()
}

async fn done_in_staff(stage: &Stage, sub: &str) -> usize {
    let output = stage.service.run_cli(&["history", sub, "--room", "staff", "--json"]).await.unwrap().json().unwrap();
    output.as_array().unwrap().iter().filter(|line| line["outcome"] == "done").count()
}

async fn who_is_kicked_again_and_again_is_joined_five_times_and_staff_is_told_who_kicks(version: SynapseVersion) {
    let stage = Stage::set_newest(version, Settings { notify: true, ..Settings::default() }).await;
    let (sub, other) = (subject(), subject());
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    stage.start().await;
    for time in 1..=5 {
        stage.until(&stage.staff, &sub, "join", SOON).await;
        if time == 3 {
            // The count is in the ledger: a kill before the third line has its end would find it closed otherwise.
            wait_until("the ledger has three", SOON, async || done_in_staff(&stage, &sub).await == 3).await.unwrap();
            stage.service.sigkill().await.unwrap();
            stage.start().await;
        }
        stage.admin.kick(&stage.staff, &stage.mxid(&sub)).await.unwrap();
    }
    let because = until_stopped(&stage, &sub).await;
    assert!(because.contains(&format!("undone 5 times in 10 minutes by {}", stage.admin.mxid)), "{because}");
    assert!(because.contains("tried again at"), "{because}");
    stage.until_logged("join is no longer repeated: undone 5 times").await;
    assert!(stage.service.log().contains("\"level\":\"ERROR\""));
    stage.nothing_left().await;
    let explained = stage.service.run_cli(&["explain", &sub]).await.unwrap();
    assert!(explained.stdout.contains("staff: belongs and is not there: undone 5 times"), "{explained:?}");

    // Everything else goes on, and so does the restraint over a restart and when somebody asks for a pass.
    stage.hasura.add(&other, "staff", "member").await.unwrap();
    stage.until(&stage.staff, &other, "join", SOON).await;
    stage.service.sigkill().await.unwrap();
    stage.start().await;
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"], &report["blocked"]), (0, &json!(0), &json!(1)), "{report:#}");
    assert!(report["notices"].to_string().contains("undone 5 times"), "{report:#}");
    assert_eq!(stage.joins_of(&stage.staff, std::slice::from_ref(&sub)), 5);
    assert_eq!(stage.membership(&stage.staff, &sub).await, "leave");
    let history = stage.service.run_cli(&["history", &sub, "--room", "staff", "--json"]).await.unwrap().json().unwrap();
    let outcomes: Vec<&str> =
        history.as_array().unwrap().iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["held", "done", "done", "done", "done", "done"], "{history:#}");
    assert!(history[0]["detail"].as_str().unwrap().contains(&stage.admin.mxid), "{history:#}");
}
