//! A pool that moved as a whole: everyone comes over at once, and what would be taken waits.

use std::sync::Arc;

use sqlx::AssertSqlSafe;
use testbed::{NewUser, Person, SynapseVersion, wait_until};

use crate::pool_support::{
    a_while_passes, cognito, listed_hours_ago, pool, settings, staff, until_listed, whole_listings,
};
use crate::staff_support::with_commands;
use crate::support::{SOON, Settings, Stage, newest_room_version, subjects};

crate::on_one_version!(
    a_pool_move_brings_everyone_over_and_waits_to_remove,
    another_pool_is_listed_at_the_start_and_what_the_former_one_said_is_forgotten,
);

async fn a_pool_move_brings_everyone_over_and_waits_to_remove(version: SynapseVersion) {
    let pool = pool().await;
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    // On a Synapse of its own: the admins of other stages must not be this one's business.
    let bed = Arc::new(testbed::own(version).await.unwrap());
    let mut stage = Stage::set_on(
        bed,
        Settings { guard, room_version: Some(newest_room_version(version)), ..settings(&pool, "remove") },
    )
    .await;
    let leads = r#"[{ team = "staff", role = "lead" }]"#;
    stage.edit(|config| {
        let power = format!("members = [{{ team = \"staff\" }}]\npower = [{{ level = 50, grant = {leads} }}]");
        let modes = "[modes]\npower_levels = \"enforce\"\nserver_admins = \"enforce\"";
        let config = config.replace("[modes]", modes).replace(r#"members = [{ team = "staff" }]"#, &power);
        with_commands(config.replace("[cognito]", &format!("[server_admins]\ngrant = {leads}\n[cognito]")))
    });
    let old = staff(&stage, &pool, 31).await;
    for lead in &old[..3] {
        stage.hasura.set_role(lead, "staff", "lead").await.unwrap();
    }
    stage.start().await;
    for sub in &old {
        stage.until(&stage.staff, sub, "join", SOON * 4).await;
    }
    until_leads(&stage, &old[..3], true).await;
    // Every subject is remapped in one transaction, as staging once was; the pool has the new people and not the old.
    let new = subjects(31);
    let users: Vec<NewUser> = new.iter().map(|sub| NewUser::with_sub(sub)).collect();
    pool.import(&users).await.unwrap();
    stage.hasura.execute(&remap(&old, &new)).await.unwrap();
    for sub in &old {
        pool.delete(sub).await.unwrap();
    }
    stage.hook().await;
    for sub in &new {
        stage.until(&stage.staff, sub, "join", SOON * 4).await;
        stage.until(&stage.red, sub, "join", SOON * 4).await;
    }
    // Those who led are given at once what they had, under their new names.
    until_leads(&stage, &new[..3], true).await;
    // Listed twice, with a while in between.
    until_listed(&stage, 2).await;
    a_while_passes(&stage).await;
    until_listed(&stage, 2).await;
    // Three levels of sixty people are within the limits, and three of six admins are not.
    for lead in &old[..3] {
        assert!(stage.admin.is_server_admin(&stage.mxid(lead)).await.unwrap());
    }
    let (_, plan) = stage.plan().await;
    let held = |kind: &str| {
        let actions = plan["actions"].as_array().unwrap().iter();
        actions.filter(|one| one["kind"] == kind && one["held"] == true).count()
    };
    assert_eq!(held("remove"), 62, "31 people of two rooms: {plan:#}");
    assert_eq!(held("revoke_server_admin"), 3, "{plan:#}");
    let notices = plan["notices"].to_string();
    assert!(notices.contains("looks like a pool move: 31 of the roster's 31 people"), "{notices}");
    let lead = Person::login(&stage.bed.synapse, &new[0]).await.unwrap();
    for command in ["plan", "status"] {
        let said = lead.send_text(&stage.staff, &format!("!provisioner {command}")).await.unwrap().to_string();
        wait_until(&format!("{command} says so in the Staff room"), SOON, async || {
            let events = stage.admin.messages(&stage.staff, 100).await.unwrap();
            events.iter().any(|event| {
                let content = &event["content"];
                content["m.relates_to"]["m.in_reply_to"]["event_id"] == said
                    && content["body"]
                        .as_str()
                        .unwrap()
                        .contains("looks like a pool move: 31 of the roster's 31 people")
            })
        })
        .await
        .unwrap();
    }
    let id = plan["held_id"].as_str().unwrap().to_owned();
    let output = stage.service.run_cli(&["apply", "--approve", &id, "--json"]).await.unwrap();
    assert_eq!(output.status, Some(0), "{output:?}");
    for sub in &old {
        assert_eq!(stage.membership(&stage.staff, sub).await, "leave");
        assert_eq!(stage.membership(&stage.red, sub).await, "leave");
    }
    for sub in &new {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join");
    }
    until_leads(&stage, &old[..3], false).await;
    until_leads(&stage, &new[..3], true).await;
    stage.nothing_left().await;
    for (kind, changes) in [
        ("create_account", 62),
        ("join", 4 * 31),
        ("remove", 2 * 31),
        ("grant_server_admin", 6),
        ("revoke_server_admin", 3),
        ("set_power_levels", 1),
    ] {
        assert_eq!(stage.ledger_done(kind).await, changes, "{kind}");
    }
}

async fn another_pool_is_listed_at_the_start_and_what_the_former_one_said_is_forgotten(version: SynapseVersion) {
    let (mut stage, _, people) = listed_hours_ago(version).await;
    // The other one has one of them, and somebody that no row names: only a listing finds them.
    let other = pool().await;
    other.import(&[NewUser::with_sub(&people[0])]).await.unwrap();
    let found = other.admin_create("maria@example.org", "Maria Example").await.unwrap();
    stage.change(|settings| settings.sections = cognito(&other, "6h", "remove"));
    let refused = stage.refused(&["plan"]).await;
    let mend = format!("UPDATE provisioner.stamp SET user_pool_id = '{}'", other.id);
    assert!(refused.stderr.contains(&mend), "{refused:?}");
    // Pasted while the service of the former pool still runs, as in a deployment.
    sqlx::query(AssertSqlSafe(mend)).execute(&mut stage.connect().await).await.unwrap();
    stage.until_logged("belongs to another user pool").await;
    assert_eq!(whole_listings(&stage).await, 0);
    stage.service.sigterm().await.unwrap();

    stage.start().await;
    stage.until(&stage.red, &found, "join", SOON).await;
    wait_until("the other pool is listed", SOON, async || whole_listings(&stage).await == 1).await.unwrap();
    for sub in &people {
        assert_eq!(stage.membership(&stage.staff, sub).await, "join", "missing from one listing is not gone");
    }
    stage.nothing_left().await;
}

/// Waits until all of these have, or have not, what a lead has: level 50 in Staff and the admin flag.
async fn until_leads(stage: &Stage, people: &[String], wanted: bool) {
    wait_until(&format!("{people:?} are leads: {wanted}"), SOON, async || {
        let Ok(Some(levels)) = stage.admin.state(&stage.staff, "m.room.power_levels", "").await else { return false };
        let mut so = true;
        for sub in people {
            let mxid = stage.mxid(sub);
            let admin = stage.admin.is_server_admin(&mxid).await.is_ok_and(|admin| admin);
            so &= admin == wanted && (levels["users"][&mxid] == 50) == wanted;
        }
        so
    })
    .await
    .unwrap();
}

fn remap(old: &[String], new: &[String]) -> String {
    let one = |(old, new): (&String, &String)| format!("UPDATE users SET id = '{new}' WHERE id = '{old}';");
    old.iter().zip(new).map(one).collect()
}
