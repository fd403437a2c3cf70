//! What everybody may do in a room, and what acts take there: a raised default is lowered, and the levels of the file stand.

use serde_json::{Value, json};
use testbed::{Admin, Person, SynapseVersion, wait_until};

use crate::doctor_support::{fails, sound};
use crate::power::{self, GRANTS, configured, room_versions};
use crate::support::{SOON, Settings, Stage, subject};

crate::on_both_versions!(
    a_default_raised_by_hand_is_lowered_and_the_bot_goes_on_repairing,
    nobody_but_the_service_lets_anybody_in_where_the_file_says_so,
    the_doctor_finds_what_the_highest_grant_reaches_and_its_mend_mends_it,
    a_creator_above_all_levels_is_never_granted_one_whatever_the_version_is_called,
);

/// What closes a room: nobody but the bot lets people in, or gives it another name.
const CLOSED: &str = r#"levels = { invite = 100, events = { "m.room.name" = 100 } }"#;

impl Stage {
    async fn until_room_level(&self, pointer: &str, level: i64) {
        let there = async || self.levels().await.pointer(pointer) == Some(&json!(level));
        wait_until(&format!("{pointer} is {level}"), SOON, there).await.unwrap();
    }

    /// The newest line of the ledger about something of the room itself: before, after, and why.
    async fn newest_of(&self, name: &str) -> (Value, Value, String) {
        let lines = self.history_of_levels().await;
        let line = lines.iter().find(|line| line["after"].get(name).is_some()).unwrap_or(&Value::Null);
        (
            line["before"][name].clone(),
            line["after"][name].clone(),
            line["cause"].as_str().unwrap_or_default().to_owned(),
        )
    }

    /// Somebody of the roster, to act in their own name.
    async fn acting(&self, sub: &str) -> Admin {
        let person = Person::login(&self.bed.synapse, sub).await.unwrap();
        self.admin.with_token(&person.mxid, &person.client.access_token().unwrap())
    }
}

async fn a_default_raised_by_hand_is_lowered_and_the_bot_goes_on_repairing(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let stage = power::stage(version, room_version, Settings::default(), "enforce", GRANTS).await;
        let (lead, other, member) = (subject(), subject(), subject());
        for (sub, role) in [(&lead, "lead"), (&other, "member"), (&member, "member")] {
            stage.hasura.add(sub, "staff", role).await.unwrap();
        }
        stage.start().await;
        stage.until_level(&lead, 50).await;
        stage.until(&stage.staff, &member, "join", SOON).await;
        stage.quiet().await;
        let writes = stage.level_writes();
        stage.edit_levels(|levels| levels["users_default"] = json!(75)).await;
        stage.until_room_level("/users_default", 0).await;
        stage.quiet().await;
        assert_eq!((stage.level_writes() - writes, stage.level(&stage.mxid(&lead)).await), (1, json!(50)));
        let (before, after, cause) = stage.newest_of("users_default").await;
        assert_eq!((before, after), (json!(75), json!(0)));
        let words = format!("users_default: 75 → 0 (the levels were last set by {})", stage.admin.mxid);
        assert!(cause.contains(&words), "{cause}");

        // Everybody at the bot's own level: it lowers them all the same, gives what is granted, and takes what was made by hand.
        stage.hasura.set_role(&other, "staff", "lead").await.unwrap();
        stage.until_level(&other, 50).await;
        let mxid = |sub: &str| stage.mxid(sub);
        stage
            .edit_levels(|levels| {
                levels["users_default"] = json!(100);
                levels["users"][mxid(&member)] = json!(80);
                levels["users"].as_object_mut().unwrap().remove(&mxid(&other));
            })
            .await;
        stage.until_room_level("/users_default", 0).await;
        stage.until_level(&other, 50).await;
        wait_until("what was made by hand is taken", SOON, async || {
            let level = stage.level(&mxid(&member)).await;
            level.is_null() || level == 0
        })
        .await
        .unwrap();
        stage.nothing_left().await;
    }
}

async fn nobody_but_the_service_lets_anybody_in_where_the_file_says_so(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let lines = format!("{GRANTS}\n{CLOSED}");
        let stage = power::stage(version, room_version, Settings::default(), "enforce", &lines).await;
        // As many rooms are: moderators bring others in.
        stage.edit_levels(|levels| levels["invite"] = json!(50)).await;
        let (lead, friend, newcomer) = (subject(), subject(), subject());
        stage.hasura.add(&lead, "staff", "lead").await.unwrap();
        let friend = Person::login(&stage.bed.synapse, &friend).await.unwrap();
        let (_, plan) = stage.plan().await;
        let levels = plan["actions"].as_array().unwrap().iter().find(|one| one["kind"] == "set_power_levels").unwrap();
        assert_eq!((&levels["before"]["invite"], &levels["after"]["invite"]), (&json!(50), &json!(100)), "{plan:#}");
        assert!(levels["because"].as_str().unwrap().contains("invite: 50 → 100"), "{plan:#}");
        stage.start().await;
        stage.until_level(&lead, 50).await;
        stage.until_room_level("/invite", 100).await;
        stage.until_room_level("/events/m.room.name", 100).await;
        assert_eq!(stage.level_writes(), 1, "one event with the grants");

        let by_lead = stage.acting(&lead).await;
        let refused = by_lead.invite(&stage.staff, &friend.mxid).await.unwrap_err();
        assert!(format!("{refused:#}").contains("403"), "{refused:#}");
        assert!(by_lead.send_state(&stage.staff, "m.room.name", "", json!({"name": "Mine"})).await.is_err());
        stage.hasura.add(&newcomer, "staff", "member").await.unwrap();
        stage.until(&stage.staff, &newcomer, "join", SOON).await;

        // Set otherwise it is drift.
        stage.edit_levels(|levels| levels["invite"] = json!(0)).await;
        stage.until_room_level("/invite", 100).await;
        let (before, after, cause) = stage.newest_of("invite").await;
        assert_eq!((before, after), (json!(0), json!(100)));
        assert!(
            cause.contains(&format!("invite: 0 → 100 (the levels were last set by {})", stage.admin.mxid)),
            "{cause}"
        );
        stage.nothing_left().await;
    }
}

async fn the_doctor_finds_what_the_highest_grant_reaches_and_its_mend_mends_it(version: SynapseVersion) {
    for room_version in room_versions(version) {
        let mut stage = power::stage(version, room_version, Settings::default(), "enforce", GRANTS).await;
        for (team, role) in [("staff", "lead"), ("analysts", "member")] {
            stage.hasura.add(&subject(), team, role).await.unwrap();
        }
        assert_eq!(stage.apply().await.0, 0);
        sound(&stage).await;
        stage.edit_levels(|levels| levels["events"]["m.room.tombstone"] = json!(50)).await;
        let mend = r#"levels = { events = { "m.room.tombstone" = 100 } }"#;
        let said = mend.replace('"', "\\\"");
        fails(&stage, "levels", &["staff: level 50, which power grants, reaches events.m.room.tombstone (50)", &said])
            .await;
        stage.edit(|config| configured(&config, "enforce", &format!("{GRANTS}\n{mend}")));
        assert_eq!(stage.apply().await.0, 0);
        sound(&stage).await;
        stage.edit_levels(|levels| levels["users_default"] = json!(100)).await;
        fails(&stage, "levels", &["everybody has level 100 (users_default)", "m.room.power_levels (100)", "kick"])
            .await;
        assert_eq!(stage.apply().await.0, 0);
        sound(&stage).await;
        stage.nothing_left().await;
    }
}

async fn a_creator_above_all_levels_is_never_granted_one_whatever_the_version_is_called(version: SynapseVersion) {
    let SynapseVersion::V1_163 = version else { return };
    let mut stage = power::stage(version, "org.matrix.hydra.11", Settings::default(), "enforce", GRANTS).await;
    // The creator leads, and is not exempt.
    let (creator, lead) = (subject(), subject());
    let by_creator = stage.acting(&creator).await;
    let room = testbed::NewRoom { version: Some("org.matrix.hydra.11".to_owned()), ..testbed::NewRoom::default() };
    stage.staff = by_creator.create_room_with(&stage.bot, room).await.unwrap();
    stage.edit(|config| configured(&config, "enforce", GRANTS));
    for sub in [&creator, &lead] {
        stage.hasura.add(sub, "staff", "lead").await.unwrap();
    }
    stage.start().await;
    stage.until_level(&lead, 50).await;
    stage.quiet().await;
    let report = stage.apply().await;
    assert_eq!((report.0, &report.1["failed"]), (0, &json!([])), "{report:#?}");
    assert_eq!(stage.levels().await["users"].get(&by_creator.mxid), None);
    assert_eq!(stage.level_writes(), 1);
    stage.nothing_left().await;
}
