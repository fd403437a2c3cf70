//! Server admins: granted and revoked by selector, made by hand and noticed, and never by a source that cannot be read.

use std::sync::Arc;

use serde_json::{Value, json};
use testbed::{Effect, Matching, Person, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject};

crate::on_both_versions!(
    the_flag_comes_and_goes_with_the_row,
    an_admin_made_by_hand_is_noticed_and_revoked_and_the_bot_and_exempt_ids_are_not,
);

crate::on_one_version!(
    a_roster_that_cannot_be_read_takes_no_flag_and_grants_only_by_other_selectors,
    revoking_many_is_held_while_granting_goes_on,
    an_empty_list_of_admins_is_not_believed,
);

/// A stage whose leads of staff, and `also`, are server admins.
fn with_admins(stage: &mut Stage, also: &str) {
    stage.edit(|config| {
        let config = config.replace("[modes]\n", "[modes]\nserver_admins = \"enforce\"\n");
        format!("{config}\n[server_admins]\ngrant = [{{ team = \"staff\", role = \"lead\" }}{also}]\n")
    });
}

async fn is_admin(stage: &Stage, sub: &str) -> bool {
    let account = stage.admin.user(&stage.mxid(sub)).await.unwrap();
    account.is_some_and(|account| account["admin"].as_bool().unwrap_or_else(|| account["admin"] == 1))
}

async fn until_admin(stage: &Stage, sub: &str, wanted: bool) {
    let what = format!("{sub} is an admin: {wanted}");
    wait_until(&what, SOON, async || is_admin(stage, sub).await == wanted).await.unwrap();
}

/// On a Synapse of its own: the admins of other stages must not be this one's business.
async fn stage(version: SynapseVersion, settings: Settings) -> Stage {
    let bed = testbed::own(version).await.unwrap();
    Stage::set_on(Arc::new(bed), settings).await
}

async fn the_flag_comes_and_goes_with_the_row(version: SynapseVersion) {
    let mut stage = stage(version, Settings { notify: true, ..Settings::default() }).await;
    with_admins(&mut stage, "");
    let (lead, member) = (subject(), subject());
    stage.start().await;
    stage.hasura.add(&lead, "staff", "lead").await.unwrap();
    stage.hasura.add(&member, "staff", "member").await.unwrap();
    until_admin(&stage, &lead, true).await;
    stage.until(&stage.staff, &member, "join", SOON).await;
    assert!(!is_admin(&stage, &member).await);
    stage.nothing_left().await;

    let explain = async |sub: &str| {
        let output = stage.service.run_cli(&["explain", sub, "--json"]).await.unwrap();
        output.json().unwrap()["server_admin"].clone()
    };
    let explained = explain(&lead).await;
    assert_eq!((&explained["desired"], &explained["observed"]), (&json!(true), &json!(true)), "{explained:#}");
    let because = explained["because"].as_str().unwrap();
    assert!(because.contains("lead of staff; server admins are members of team staff with role lead"), "{because}");
    let explained = explain(&member).await;
    assert_eq!((&explained["desired"], &explained["observed"]), (&json!(false), &json!(false)), "{explained:#}");

    stage.hasura.set_role(&lead, "staff", "member").await.unwrap();
    until_admin(&stage, &lead, false).await;
    stage.nothing_left().await;
    let history = stage.service.run_cli(&["history", &lead, "--json"]).await.unwrap().json().unwrap();
    let flags: Vec<&Value> =
        history.as_array().unwrap().iter().filter(|line| line["kind"].as_str().unwrap().ends_with("admin")).collect();
    assert_eq!(flags.len(), 2, "{history:#}");
    let (revoked, granted) = (flags[0], flags[1]);
    assert_eq!((&revoked["before"], &revoked["after"]), (&json!(true), &json!(false)), "{revoked:#}");
    assert_eq!((&granted["before"], &granted["after"]), (&json!(false), &json!(true)), "{granted:#}");
    assert!(revoked["cause"].as_str().unwrap().contains("was lead of staff until "), "{revoked:#}");
}

async fn an_admin_made_by_hand_is_noticed_and_revoked_and_the_bot_and_exempt_ids_are_not(version: SynapseVersion) {
    let mut stage = stage(version, Settings { resync_interval: "2s", ..Settings::default() }).await;
    let (by_hand, gone, exempt) = (subject(), subject(), subject());
    for sub in [&by_hand, &gone, &exempt] {
        Person::login(&stage.bed.synapse, sub).await.unwrap();
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let id = stage.mxid(&exempt);
    stage.change(|settings| settings.exempt.push(id));
    with_admins(&mut stage, "");
    stage.start().await;
    for sub in [&by_hand, &gone] {
        stage.until(&stage.staff, sub, "join", SOON).await;
    }
    // No account is new and nothing is pushed: only a resync can tell.
    stage.admin.set_server_admin(&stage.mxid(&exempt), true).await.unwrap();
    stage.admin.set_server_admin(&stage.mxid(&by_hand), true).await.unwrap();
    until_admin(&stage, &by_hand, false).await;
    stage.admin.set_server_admin(&stage.mxid(&gone), true).await.unwrap();
    let path = format!("/_synapse/admin/v1/deactivate/{}", stage.mxid(&gone));
    stage.admin.call(reqwest::Method::POST, &path, Some(json!({"erase": false}))).await.unwrap();
    until_admin(&stage, &gone, false).await;
    assert!(is_admin(&stage, &exempt).await);
    assert!(stage.admin.is_server_admin(&stage.bot.mxid).await.unwrap());
    stage.nothing_left().await;
}

async fn a_roster_that_cannot_be_read_takes_no_flag_and_grants_only_by_other_selectors(version: SynapseVersion) {
    let mut stage = stage(version, Settings::default()).await;
    let (lead, former, named) = (subject(), subject(), subject());
    stage.hasura.add(&lead, "staff", "lead").await.unwrap();
    stage.hasura.add(&former, "staff", "lead").await.unwrap();
    with_admins(&mut stage, "");
    assert_eq!(stage.apply().await.0, 0);
    assert!(is_admin(&stage, &lead).await && is_admin(&stage, &former).await);
    stage.hasura.set_role(&former, "staff", "member").await.unwrap();
    Person::login(&stage.bed.synapse, &named).await.unwrap();
    with_admins(&mut stage, &format!(", {{ subject = \"{named}\" }}"));
    stage.hasura.execute("ALTER TABLE team_members RENAME TO elsewhere").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["done"]), (1, &json!(1)), "{report:#}");
    assert!(is_admin(&stage, &named).await, "a selector that needs no roster goes on");
    assert!(is_admin(&stage, &lead).await && is_admin(&stage, &former).await);
    let output = stage.service.run_cli(&["plan", "--json"]).await.unwrap();
    let plan = output.json().unwrap();
    assert_eq!((output.status, &plan["actions"]), (Some(1), &json!([])), "{plan:#}");
    let blocked: Vec<&Value> =
        plan["blocked"].as_array().unwrap().iter().filter(|one| one["kind"] == "revoke_server_admin").collect();
    assert_eq!(blocked.len(), 2, "{plan:#}");
    assert!(blocked[0]["because"].as_str().unwrap().contains("the roster"), "{plan:#}");
    stage.hasura.execute("ALTER TABLE elsewhere RENAME TO team_members").await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    assert!(is_admin(&stage, &lead).await && !is_admin(&stage, &former).await);
    stage.nothing_left().await;
}

async fn revoking_many_is_held_while_granting_goes_on(version: SynapseVersion) {
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    let mut stage = stage(version, Settings { guard, ..Settings::default() }).await;
    with_admins(&mut stage, "");
    let leads: Vec<String> = (0..4).map(|_| subject()).collect();
    for sub in &leads {
        stage.hasura.add(sub, "staff", "lead").await.unwrap();
    }
    assert_eq!(stage.apply().await.0, 0);
    for sub in &leads[..3] {
        stage.hasura.set_role(sub, "staff", "member").await.unwrap();
    }
    let newcomer = subject();
    stage.hasura.add(&newcomer, "staff", "lead").await.unwrap();
    let (status, report) = stage.apply().await;
    assert_eq!((status, &report["held"]), (3, &json!(3)), "{report:#}");
    assert!(report["held_because"][0].as_str().unwrap().contains("3 admins revoked, of 6 admins"), "{report:#}");
    for sub in leads.iter().chain([&newcomer]) {
        assert!(is_admin(&stage, sub).await, "{sub}");
    }
    let id = report["held_id"].as_str().unwrap();
    let approved = stage.service.run_cli(&["apply", "--approve", id, "--json"]).await.unwrap();
    assert_eq!(approved.status, Some(0), "{approved:?}");
    for sub in &leads[..3] {
        assert!(!is_admin(&stage, sub).await, "{sub}");
    }
    stage.nothing_left().await;
}

/// An empty answer with 200 must not make the service believe that a real admin is none: it would forget to revoke.
async fn an_empty_list_of_admins_is_not_believed(version: SynapseVersion) {
    let mut stage = stage(version, Settings { resync_interval: "2s", notify: true, ..Settings::default() }).await;
    with_admins(&mut stage, "");
    let lead = subject();
    stage.hasura.add(&lead, "staff", "lead").await.unwrap();
    stage.start().await;
    until_admin(&stage, &lead, true).await;
    let empty = stage.proxy.fault(
        Matching::any().method("GET").path("/_synapse/admin/v2/users").times(2),
        Effect::rewrite(|mut answer| {
            answer["users"] = json!([]);
            answer
        }),
    );
    wait_until("a resync got the empty answer", SOON, async || empty.hits() >= 2).await.unwrap();
    stage.until_logged("nobody counts as no admin for its sake").await;
    stage.hasura.set_role(&lead, "staff", "member").await.unwrap();
    until_admin(&stage, &lead, false).await;
    stage.nothing_left().await;
}
