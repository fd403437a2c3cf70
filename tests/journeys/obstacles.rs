//! What the bot's level keeps it from, on a real Synapse: blocked with its mend, and not tried.

use serde_json::{Value, json};
use testbed::{Admin, Person, SynapseVersion};

use crate::support::{SOON, Settings, Stage, subject};

crate::on_both_versions!(
    a_founder_who_is_not_listed_is_blocked_and_keeps_nobody_else_in,
    a_bot_without_the_power_to_invite_is_told_of_and_joins_once_it_has_it,
);

/// Changes the power levels of the staff room by hand.
async fn levels(stage: &Stage, by: &Admin, edit: impl FnOnce(&mut Value)) {
    let mut levels = stage.admin.state(&stage.staff, "m.room.power_levels", "").await.unwrap().unwrap();
    edit(&mut levels);
    by.send_state(&stage.staff, "m.room.power_levels", "", levels).await.unwrap();
}

async fn blocked(stage: &Stage) -> Vec<(String, String, String)> {
    let (_, plan) = stage.plan().await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let blocked = plan["blocked"].as_array().unwrap().iter();
    blocked.map(|one| (text(&one["kind"]), text(&one["user"]), text(&one["because"]))).collect()
}

async fn a_founder_who_is_not_listed_is_blocked_and_keeps_nobody_else_in(version: SynapseVersion) {
    let guard = "free_removals = 1\nmax_removals = 1\nmax_fraction = 0.1".to_owned();
    let stage = Stage::set_newest(version, Settings { guard, ..Settings::default() }).await;
    let (founder, ex_member) = (subject(), subject());
    stage.hasura.add(&subject(), "staff", "member").await.unwrap();
    let person = stage.member(&stage.staff, &founder).await;
    stage.member(&stage.staff, &ex_member).await;
    let id = stage.mxid(&founder);
    levels(&stage, &stage.admin, |levels| levels["users"][&id] = json!(100)).await;
    stage.start().await;
    stage.until(&stage.staff, &ex_member, "leave", SOON).await;
    stage.hook().await;
    assert_eq!(stage.membership(&stage.staff, &founder).await, "join");
    let kicked = stage.proxy.count(|request| request.is("POST", "/kick") && request.body["user_id"] == json!(id));
    assert_eq!(kicked, 0);
    let blocked = blocked(&stage).await;
    assert_eq!(blocked.len(), 1, "{blocked:?}");
    let (kind, user, because) = &blocked[0];
    assert!(kind == "remove" && *user == id && because.contains("has level 100"), "{blocked:?}");
    stage.nothing_left().await;
    // Mended by hand they are one more than the guard lets go. Only they can lower themselves.
    let own = stage.bot.with_token(&person.mxid, &person.client.access_token().unwrap());
    levels(&stage, &own, |levels| levels["users"][&id] = json!(0)).await;
    let (_, plan) = stage.plan().await;
    let actions = plan["actions"].as_array().unwrap();
    assert_eq!(actions.iter().map(|one| &one["held"]).collect::<Vec<_>>(), [true], "{plan:#}");
}

async fn a_bot_without_the_power_to_invite_is_told_of_and_joins_once_it_has_it(version: SynapseVersion) {
    let stage = Stage::set(version, Settings::default()).await;
    let sub = subject();
    Person::login(&stage.bed.synapse, &sub).await.unwrap();
    stage.hasura.add(&sub, "staff", "member").await.unwrap();
    let bot = stage.bot.mxid.clone();
    levels(&stage, &stage.bot, |levels| {
        levels["users"][&bot] = json!(10);
        levels["invite"] = json!(20);
    })
    .await;
    stage.start().await;
    stage.until(&stage.red, &sub, "join", SOON).await;
    stage.hook().await;
    assert_eq!(stage.joins_of(&stage.staff, std::slice::from_ref(&sub)), 0);
    let blocked = blocked(&stage).await;
    let told = |(kind, _, because): &&(String, String, String)| {
        kind == "join" && because.contains("the bot has level 10 in this room, and to join people takes 20")
    };
    assert_eq!(blocked.iter().filter(told).count(), 1, "{blocked:?}");
    levels(&stage, &stage.admin, |levels| levels["users"][&bot] = json!(100)).await;
    stage.until(&stage.staff, &sub, "join", SOON).await;
    stage.nothing_left().await;
}
