//! Power levels: given, taken, kept, and never fought over with those who write the same event. In rooms of version 10, and
//! of version 12 where the server has it.

use serde_json::{Value, json};
use testbed::{Effect, Matching, NewRoom, SynapseVersion, wait_until};

use crate::support::{SOON, Settings, Stage, subject, subjects};
use crate::{on_both_versions, on_one_version};

on_both_versions!(
    the_highest_grant_wins_and_a_lead_who_stops_being_one_goes_back_to_the_default,
    power_made_by_hand_is_taken_back_and_what_is_exempt_or_out_of_reach_is_not,
    what_eight_others_lose_to_our_write_is_told,
    a_write_that_somebody_overwrote_is_made_again,
    what_the_bot_may_not_do_is_said_with_its_mend,
);

on_one_version!(
    what_another_loses_to_a_write_whose_answer_was_lost_is_told,
    a_mass_lowering_is_held_and_raises_go_on,
    observed_levels_are_counted_and_never_written,
    nobody_is_lowered_while_the_roster_cannot_be_read,
);

const LEVELS: &str = "m.room.power_levels";

/// Leads have 50, members who are both have more.
pub(crate) const GRANTS: &str = r#"power = [{ level = 50, grant = [{ team = "staff", role = "lead" }] }]"#;

pub(crate) fn room_versions(version: SynapseVersion) -> &'static [&'static str] {
    match version {
        SynapseVersion::V1_105 => &["10"],
        SynapseVersion::V1_163 => &["10", "12"],
    }
}

/// A stage whose Staff room has this version and these lines in the file.
pub(crate) async fn stage(
    version: SynapseVersion,
    room_version: &str,
    settings: Settings,
    mode: &str,
    lines: &str,
) -> Stage {
    let mut stage = Stage::set(version, Settings { notify: true, ..settings }).await;
    let room = NewRoom { version: Some(room_version.to_owned()), ..NewRoom::default() };
    stage.staff = stage.admin.create_room_with(&stage.bot, room).await.unwrap();
    stage.edit(|config| configured(&config, mode, lines));
    stage
}

/// The file with these lines in its Staff room.
pub(crate) fn configured(config: &str, mode: &str, lines: &str) -> String {
    let (removals, members) = ("removals = \"enforce\"\n", "members = [{ team = \"staff\" }]\n");
    let config = config.replace(removals, &format!("{removals}power_levels = \"{mode}\"\n"));
    config.replace(members, &format!("{members}{lines}\n"))
}

impl Stage {
    pub(crate) async fn levels(&self) -> Value {
        self.admin.state(&self.staff, LEVELS, "").await.unwrap().unwrap()
    }

    pub(crate) async fn level(&self, mxid: &str) -> Value {
        self.levels().await["users"][mxid].clone()
    }

    pub(crate) async fn until_level(&self, sub: &str, level: impl Into<Value>) {
        let (level, mxid) = (level.into(), self.mxid(sub));
        wait_until(&format!("{sub} has level {level}"), SOON, async || self.level(&mxid).await == level).await.unwrap();
    }

    /// Somebody else edits the room's power levels.
    pub(crate) async fn edit_levels(&self, edit: impl FnOnce(&mut Value)) {
        let mut levels = self.levels().await;
        edit(&mut levels);
        self.admin.send_state(&self.staff, LEVELS, "", levels).await.unwrap();
    }

    pub(crate) fn level_writes(&self) -> usize {
        self.proxy.count(|request| request.is("PUT", "/state/m.room.power_levels"))
    }

    pub(crate) async fn history_of_levels(&self) -> Vec<Value> {
        let history = self.service.run_cli(&["history", "--room", "staff", "--json"]).await.unwrap().json().unwrap();
        let lines = history.as_array().unwrap().iter();
        lines.filter(|line| line["kind"] == "set_power_levels").cloned().collect()
    }
}

async fn the_highest_grant_wins_and_a_lead_who_stops_being_one_goes_back_to_the_default(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let (lead, chief, member) = (subject(), subject(), subject());
        let grants = format!(
            r#"power = [{{ level = 50, grant = [{{ team = "staff", role = "lead" }}] }}, {{ level = 75, grant = [{{ subject = "{chief}" }}] }}]"#
        );
        let stage = stage(version, room_version, Settings::default(), "enforce", &grants).await;
        // What others keep in the same event is none of ours.
        stage
            .edit_levels(|levels| {
                levels["events"]["org.example.x"] = json!(42);
                levels["notifications"] = json!({"room": 20});
                levels["org.example.unknown"] = json!({"deep": [1, {"a": null}]});
            })
            .await;
        let others = |mut levels: Value| {
            levels.as_object_mut().unwrap().remove("users");
            levels
        };
        let before = others(stage.levels().await);
        stage.hasura.add(&lead, "staff", "lead").await.unwrap();
        stage.hasura.add(&chief, "staff", "lead").await.unwrap();
        stage.hasura.add(&member, "staff", "member").await.unwrap();
        stage.start().await;
        stage.until_level(&lead, 50).await;
        stage.until_level(&chief, 75).await;
        assert_eq!(stage.level(&stage.mxid(&member)).await, Value::Null);
        assert_eq!(others(stage.levels().await), before);
        assert_eq!(stage.level_writes(), 1, "one event a room and pass");

        // A change costs one read and one write, and its echo nothing.
        stage.quiet().await;
        stage.proxy.clear();
        stage.hasura.set_role(&lead, "staff", "member").await.unwrap();
        stage.until_level(&lead, Value::Null).await;
        stage.quiet().await;
        let requests: Vec<String> =
            stage.proxy.requests().iter().map(|one| format!("{} {}", one.method, one.path)).collect();
        let path = format!("/_matrix/client/v3/rooms/{}/state/{LEVELS}/", stage.staff);
        assert_eq!(requests, [format!("GET {path}"), format!("PUT {path}")]);
        assert_eq!(stage.level(&stage.mxid(&chief)).await, 75);

        // Nothing changes, nothing is sent.
        let report = stage.apply().await;
        assert_eq!((report.0, &report.1["done"]), (0, &json!(0)), "{report:#?}");
        assert_eq!(stage.level_writes(), 1);

        let lines = stage.history_of_levels().await;
        let (newest, user) = (&lines[0], stage.mxid(&lead));
        assert_eq!((&newest["before"][&user], &newest["after"][&user]), (&json!(50), &Value::Null), "{newest:#}");
        let granted = lines.last().unwrap()["cause"].as_str().unwrap();
        assert!(granted.contains(r#"level 50 by { team = "staff", role = "lead" } of power 50"#), "{granted}");
        let explained = stage.service.run_cli(&["explain", &chief, "--json"]).await.unwrap().json().unwrap();
        let power = &explained["rooms"][1]["power"];
        assert_eq!((&power["desired"], &power["observed"]), (&json!(75), &json!(75)), "{explained:#}");
        assert!(power["because"].as_str().unwrap().contains("of power 75"), "{explained:#}");
        if *room_version == "12" {
            let creator =
                stage.service.run_cli(&["explain", &stage.admin.mxid, "--json"]).await.unwrap().json().unwrap();
            let power = &creator["rooms"][1]["power"];
            assert_eq!(power["desired"], power["observed"]);
            assert_eq!(power["because"], "a creator of the room, above all levels");
        }
        stage.nothing_left().await;
    }
}

async fn power_made_by_hand_is_taken_back_and_what_is_exempt_or_out_of_reach_is_not(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let exempt = "@integration:elsewhere.test".to_owned();
        let settings = Settings { exempt: vec![exempt.clone()], ..Settings::default() };
        let stage = stage(version, room_version, settings, "enforce", GRANTS).await;
        let (hand, boss, gone, muted) = (subject(), subject(), subject(), subject());
        for sub in [&hand, &boss, &muted] {
            stage.hasura.add(sub, "staff", "member").await.unwrap();
        }
        stage.start().await;
        stage.until(&stage.staff, &boss, "join", SOON).await;
        let mxid = |sub: &str| stage.mxid(sub);
        stage
            .edit_levels(|levels| {
                let users = levels["users"].as_object_mut().unwrap();
                users.insert(mxid(&hand), json!(60));
                users.insert(mxid(&boss), json!(100));
                users.insert(mxid(&gone), json!(70));
                users.insert(mxid(&muted), json!(-1));
                users.insert("@stranger:elsewhere.test".to_owned(), json!(40));
                users.insert(exempt.clone(), json!(80));
            })
            .await;
        stage.until_level(&hand, Value::Null).await;
        let levels = stage.levels().await;
        let level = |mxid: &str| levels["users"][mxid].clone();
        assert_eq!([level(&mxid(&gone)), level("@stranger:elsewhere.test")], [Value::Null, Value::Null]);
        assert_eq!([level(&exempt), level(&mxid(&boss)), level(&mxid(&muted))], [json!(80), json!(100), json!(-1)]);
        let (_, plan) = stage.plan().await;
        let blocked = plan["blocked"].as_array().unwrap();
        assert_eq!(blocked.len(), 1, "{plan:#}");
        assert_eq!((&blocked[0]["kind"], &blocked[0]["user"]), (&json!("set_power_levels"), &json!(mxid(&boss))));
        assert!(blocked[0]["because"].as_str().unwrap().contains("lower them yourself"), "{plan:#}");
        stage.quiet().await;
        assert_eq!(stage.level_writes(), 1, "what is blocked is not tried");
        let cause = stage.history_of_levels().await[0]["cause"].as_str().unwrap().to_owned();
        assert!(cause.contains(&format!("the levels were last set by {}", stage.admin.mxid)), "{cause}");
        stage.nothing_left().await;
    }
}

async fn what_eight_others_lose_to_our_write_is_told(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let exempt: Vec<String> = (0..8).map(|number| format!("@integration-{number}:elsewhere.test")).collect();
        let settings = Settings { exempt: exempt.clone(), ..Settings::default() };
        let stage = stage(version, room_version, settings, "enforce", GRANTS).await;
        let lead = subject();
        stage.hasura.add(&lead, "staff", "member").await.unwrap();
        stage.start().await;
        stage.until(&stage.staff, &lead, "join", SOON).await;
        // Between the service's read and its write.
        let write = Matching::any().method("PUT").path("/state/m.room.power_levels");
        let fault = stage.proxy.fault(write, Effect::Hold);
        stage.hasura.set_role(&lead, "staff", "lead").await.unwrap();
        wait_until("a write is under way", SOON, async || stage.level_writes() > 0).await.unwrap();
        let edit = |levels: &mut Value, number: usize| {
            levels["events"][format!("org.example.{number}")] = json!(number);
            levels["users"][&exempt[number]] = json!(10);
        };
        for number in 0..exempt.len() {
            stage.edit_levels(|levels| edit(levels, number)).await;
        }
        fault.lift();
        stage.until_level(&lead, 50).await;
        let told = async || {
            let lines = stage.history_of_levels().await;
            lines.into_iter().find(|line| line["cause"].as_str().unwrap().contains("in the moment of our own write"))
        };
        wait_until("what was lost is in the ledger", SOON, async || told().await.is_some()).await.unwrap();
        let line = told().await.unwrap();
        assert_eq!(line["outcome"], "failed", "{line:#}");
        assert!(line["cause"].as_str().unwrap().contains(&stage.admin.mxid), "{line:#}");
        for (number, user) in exempt.iter().enumerate() {
            let (act, level) = (format!("events.org.example.{number}"), format!("users.{user}"));
            assert_eq!((&line["before"][&act], &line["before"][&level]), (&json!(number), &json!(10)), "{line:#}");
            assert_eq!((&line["after"][&act], &line["after"][&level]), (&Value::Null, &Value::Null), "{line:#}");
        }
        // They make it again, and it stays.
        stage.edit_levels(|levels| (0..exempt.len()).for_each(|number| edit(levels, number))).await;
        stage.quiet().await;
        let levels = stage.levels().await;
        assert_eq!(levels["users"][stage.mxid(&lead)], 50, "{levels:#}");
        for (number, user) in exempt.iter().enumerate() {
            assert_eq!(levels["events"][format!("org.example.{number}")], number, "{levels:#}");
            assert_eq!(levels["users"][user], 10, "{levels:#}");
        }
        assert_eq!(stage.level_writes(), 1);
        stage.nothing_left().await;
    }
}

async fn what_another_loses_to_a_write_whose_answer_was_lost_is_told(version: SynapseVersion) {
    let stage = stage(version, "10", Settings::default(), "enforce", GRANTS).await;
    let lead = subject();
    stage.hasura.add(&lead, "staff", "member").await.unwrap();
    stage.start().await;
    stage.until(&stage.staff, &lead, "join", SOON).await;
    stage.quiet().await;
    let levels = |method| Matching::any().method(method).path("/state/m.room.power_levels").times(1);
    let read = stage.proxy.fault(levels("GET"), Effect::HoldAnswer);
    let lost = stage.proxy.fault(levels("PUT"), Effect::LoseAnswer);
    stage.hasura.set_role(&lead, "staff", "lead").await.unwrap();
    wait_until("the levels are read to be written", SOON, async || read.hits() > 0).await.unwrap();
    stage.edit_levels(|levels| levels["events_default"] = json!(10)).await;
    read.lift();
    stage.until_level(&lead, 50).await;
    assert_eq!((lost.hits(), stage.levels().await.get("events_default").cloned()), (1, Some(json!(0))), "it is lost");
    let told = async || {
        let lines = stage.history_of_levels().await;
        lines.into_iter().find(|line| line["cause"].as_str().unwrap().contains("in the moment of our own write"))
    };
    wait_until("what was lost is in the ledger", SOON, async || told().await.is_some()).await.unwrap();
    let line = told().await.unwrap();
    assert_eq!((&line["outcome"], &line["before"]), (&json!("failed"), &json!({"events_default": 10})), "{line:#}");
    assert!(line["cause"].as_str().unwrap().contains(&stage.admin.mxid), "{line:#}");
    stage.nothing_left().await;
}

async fn a_write_that_somebody_overwrote_is_made_again(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let stage = stage(version, room_version, Settings::default(), "enforce", GRANTS).await;
        let lead = subject();
        stage.start().await;
        let stale = stage.levels().await;
        stage.hasura.add(&lead, "staff", "lead").await.unwrap();
        stage.until_level(&lead, 50).await;
        // Somebody writes what they read before.
        let mut theirs = stale;
        theirs["events"]["org.example.theirs"] = json!(1);
        stage.admin.send_state(&stage.staff, LEVELS, "", theirs).await.unwrap();
        stage.until_level(&lead, 50).await;
        wait_until("the grant is made again", SOON, async || stage.level_writes() == 2).await.unwrap();
        assert_eq!(stage.levels().await["events"]["org.example.theirs"], 1);
        stage.nothing_left().await;
    }
}

async fn a_mass_lowering_is_held_and_raises_go_on(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
        let stage = stage(version, room_version, Settings { guard, ..Settings::default() }, "enforce", GRANTS).await;
        let leads = subjects(6);
        let newcomer = subject();
        for lead in &leads {
            stage.hasura.add(lead, "staff", "lead").await.unwrap();
        }
        stage.hasura.add(&newcomer, "staff", "member").await.unwrap();
        assert_eq!(stage.apply().await.0, 0);
        for lead in &leads[..4] {
            stage.hasura.set_role(lead, "staff", "member").await.unwrap();
        }
        stage.hasura.set_role(&newcomer, "staff", "lead").await.unwrap();
        let (status, report) = stage.apply().await;
        assert_eq!((status, &report["held"]), (3, &json!(4)), "{report:#}");
        assert!(report["held_because"][0].as_str().unwrap().contains("4 lowered power levels"), "{report:#}");
        let status = stage.service.run_cli(&["status"]).await.unwrap().stdout;
        assert!(status.contains("Held by the guard: 4. See phenom-provisioner plan"), "{status}");
        let plan = stage.service.run_cli(&["plan"]).await.unwrap().stdout;
        assert!(plan.contains("\nHeld: 4 because ") && plan.contains("4 set_power_levels held"), "{plan}");
        assert_eq!(stage.level(&stage.mxid(&newcomer)).await, 50);
        for lead in &leads {
            assert_eq!(stage.level(&stage.mxid(lead)).await, 50);
        }
        // A user is raised while others are lowered: the room gets one event.
        let late = subject();
        stage.hasura.add(&late, "staff", "lead").await.unwrap();
        let writes = stage.level_writes();
        let id = report["held_id"].as_str().unwrap();
        let approved = stage.service.run_cli(&["apply", "--approve", id, "--json"]).await.unwrap();
        assert_eq!(approved.status, Some(0), "{approved:?}");
        assert_eq!((stage.level_writes() - writes, stage.level(&stage.mxid(&late)).await), (1, json!(50)));
        let cause = stage.history_of_levels().await[0]["cause"].as_str().unwrap().to_owned();
        assert!(cause.contains("approved by"), "{cause}");
        for (number, lead) in leads.iter().enumerate() {
            assert_eq!(stage.level(&stage.mxid(lead)).await, if number < 4 { Value::Null } else { json!(50) });
        }
        stage.nothing_left().await;
    }
}

async fn observed_levels_are_counted_and_never_written(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let stage = stage(version, room_version, Settings::default(), "observe", GRANTS).await;
        let lead = subject();
        stage.hasura.add(&lead, "staff", "lead").await.unwrap();
        stage.start().await;
        stage.until(&stage.staff, &lead, "join", SOON).await;
        let drift = r#"provisioner_drift{kind="set_power_levels",room="staff"}"#;
        wait_until("the drift is counted", SOON, async || stage.metric(drift).await == 1.0).await.unwrap();
        stage.apply().await;
        assert_eq!(stage.level_writes(), 0);
        let lines = stage.history_of_levels().await;
        assert_eq!(lines.len(), 1, "one line a change, not one a pass: {lines:#?}");
        assert_eq!((&lines[0]["outcome"], &lines[0]["mode"]), (&json!("observed"), &json!("observe")));
        let (status, plan) = stage.plan().await;
        assert_eq!((status, &plan["actions"][0]["after"][stage.mxid(&lead)]), (2, &json!(50)), "{plan:#}");
    }
}

async fn nobody_is_lowered_while_the_roster_cannot_be_read(version: SynapseVersion) {
    let chief = subject();
    let grants = format!(
        r#"power = [{{ level = 50, grant = [{{ team = "staff", role = "lead" }}] }}, {{ level = 75, grant = [{{ subject = "{chief}" }}] }}]"#
    );
    let stage = stage(version, "10", Settings::default(), "enforce", &grants).await;
    let lead = subject();
    stage.hasura.add(&lead, "staff", "lead").await.unwrap();
    stage.hasura.add(&chief, "staff", "member").await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    stage.hasura.execute("ALTER TABLE team_members RENAME TO away").await.unwrap();
    let (chief_mxid, lead_mxid) = (stage.mxid(&chief), stage.mxid(&lead));
    stage
        .edit_levels(|levels| {
            levels["users"][&chief_mxid] = json!(1);
            levels["users"]["@stranger:elsewhere.test"] = json!(40);
        })
        .await;
    stage.apply().await;
    let levels = stage.levels().await;
    assert_eq!(levels["users"][&chief_mxid], 75, "a grant that needs no roster is given");
    assert_eq!([&levels["users"][&lead_mxid], &levels["users"]["@stranger:elsewhere.test"]], [&json!(50), &json!(40)]);
    stage.hasura.execute("ALTER TABLE away RENAME TO team_members").await.unwrap();
    assert_eq!(stage.apply().await.0, 0);
    let levels = stage.levels().await;
    assert_eq!(
        [&levels["users"][&lead_mxid], &levels["users"]["@stranger:elsewhere.test"]],
        [&json!(50), &Value::Null]
    );
    stage.nothing_left().await;
}

async fn what_the_bot_may_not_do_is_said_with_its_mend(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let grants = r#"power = [{ level = 60, grant = [{ team = "staff", role = "lead" }] }]"#;
        let stage = stage(version, room_version, Settings::default(), "enforce", grants).await;
        let lead = subject();
        stage.hasura.add(&lead, "staff", "lead").await.unwrap();
        let bot = stage.bot.mxid.clone();
        let blocked = async |needle: &str| {
            let (_, plan) = stage.plan().await;
            let blocked = plan["blocked"].as_array().unwrap().clone();
            assert!(blocked.iter().any(|one| one["because"].as_str().unwrap().contains(needle)), "{plan:#}");
            assert!(plan["actions"].as_array().unwrap().iter().all(|one| one["kind"] != "set_power_levels"));
        };
        stage.edit_levels(|levels| levels["events"][LEVELS] = json!(50)).await;
        // Nobody at its own level can lower the bot but itself.
        let mut levels = stage.levels().await;
        levels["users"][&bot] = json!(60);
        stage.bot.send_state(&stage.staff, LEVELS, "", levels).await.unwrap();
        blocked("a grant of level 60 is not below the bot's own level 60").await;
        stage
            .edit_levels(|levels| {
                levels["users"][&bot] = json!(70);
                levels["events"][LEVELS] = json!(100);
            })
            .await;
        blocked("the bot has level 70 in this room, and m.room.power_levels takes 100").await;
        let (status, report) = stage.apply().await;
        assert_eq!((status, &report["failed"]), (0, &json!([])), "{report:#}");
        assert_eq!(stage.level_writes(), 0, "what is blocked is not tried");
        stage.edit_levels(|levels| levels["users"][&bot] = json!(100)).await;
        assert_eq!(stage.apply().await.0, 0);
        assert_eq!(stage.level(&stage.mxid(&lead)).await, 60);
        stage.nothing_left().await;
    }
}
