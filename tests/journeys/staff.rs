//! The Staff room: every command with its answer, in both forms.

use serde_json::json;
use testbed::SynapseVersion;

use crate::staff_support::{closed, open};
use crate::support::{SOON, Settings, subject};

crate::on_one_version!(
    every_reading_command_is_answered_in_a_thread,
    every_writing_command_does_what_it_says,
    what_cannot_be_read_is_answered_with_the_mend,
    the_user_of_a_command_is_named_in_any_way_that_clients_have,
);

async fn every_reading_command_is_answered_in_a_thread(version: SynapseVersion) {
    let staff = closed(version, Settings::default()).await;
    let intruder = subject();
    staff.stage.member(&staff.stage.staff, &intruder).await;
    staff.start().await;
    staff.stage.until(&staff.stage.staff, &intruder, "leave", SOON).await;
    staff.stage.quiet().await;
    let said = staff.say(&staff.lead, "!provisioner help").await;
    let answer = staff.answer(&said).await;
    let thread = json!({
        "rel_type": "m.thread", "event_id": said, "is_falling_back": true, "m.in_reply_to": {"event_id": said},
    });
    assert_eq!(answer["m.relates_to"], thread);
    insta::assert_snapshot!("help", staff.forms(&answer));
    for (name, command) in [
        ("help_with_one_command", "help rejoin"),
        ("status", "Status"),
        ("plan_of_nothing", "plan"),
        ("explain_a_member", &format!("explain {}", staff.member_sub)),
        ("explain_somebody_unlisted", &format!("explain {intruder}")),
        ("history", &format!("history {}", staff.stage.mxid(&intruder))),
        ("doctor", "doctor"),
    ] {
        let answer = staff.ask(&staff.lead, &format!("!Provisioner  {command}")).await;
        insta::assert_snapshot!(name, staff.forms(&answer));
    }
    let bot = staff.stage.admin.user(&staff.stage.slot.bot).await.unwrap().unwrap();
    assert_eq!(bot["displayname"], "Provisioner");
    assert!(bot["avatar_url"].as_str().unwrap().starts_with("mxc://"), "{bot:#}");
    let ledger = staff.ledger().await;
    let named = |name: &str| ledger.iter().any(|line| line["cause"].as_str().unwrap().starts_with(name));
    for name in ["help", "status", "plan", "explain", "history", "doctor"] {
        assert!(named(name), "{name} is in the ledger");
    }
    assert!(ledger.iter().all(|line| line["outcome"] == "done"), "{ledger:#?}");
    assert_eq!(staff.stage.metric("provisioner_commands_total").await, 8.0);
    let log = staff.stage.service.log();
    assert!(!log.contains("!provisioner") && !log.contains("wanted"), "no message gets into the log");
}

async fn every_writing_command_does_what_it_says(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    staff.stage.quiet().await;
    let newcomer = subject();
    staff.stage.hasura.add(&newcomer, "analysts", "member").await.unwrap();
    let ask = async |command: &str| staff.forms(&staff.ask(&staff.lead, &format!("!provisioner {command}")).await);
    insta::assert_snapshot!("pause", ask("pause").await);
    insta::assert_snapshot!("pause_again", ask("pause").await);
    insta::assert_snapshot!("plan", ask("plan").await);
    insta::assert_snapshot!("sync_while_paused", ask("sync").await);
    insta::assert_snapshot!("status_while_paused", ask("status").await);
    let explained = ask(&format!("explain {newcomer}")).await;
    assert!(explained.starts_with("Paused: nothing of this is done before !provisioner resume\n"), "{explained}");
    assert_eq!(staff.stage.membership(&staff.stage.analysts, &newcomer).await, "none");
    insta::assert_snapshot!("resume", ask("resume").await);
    staff.stage.until(&staff.stage.analysts, &newcomer, "join", SOON).await;
    insta::assert_snapshot!("resume_again", ask("resume").await);

    let another = subject();
    staff.stage.hasura.add(&another, "staff", "member").await.unwrap();
    let provisioned = ask(&format!("provision {another}")).await;
    insta::assert_snapshot!("provision", provisioned);
    assert_eq!(staff.stage.membership(&staff.stage.staff, &another).await, "join");
    let stranger = subject();
    let refused = ask(&format!("provision {stranger}")).await;
    insta::assert_snapshot!("provision_a_stranger", refused);
    assert_eq!(staff.stage.admin.user(&staff.stage.mxid(&stranger)).await.unwrap(), None, "no account was made");

    let third = subject();
    staff.stage.hasura.add(&third, "staff", "member").await.unwrap();
    insta::assert_snapshot!("sync", ask("sync").await);
    assert_eq!(staff.stage.membership(&staff.stage.staff, &third).await, "join");

    let rejoin = format!("rejoin {} staff", staff.member_sub);
    insta::assert_snapshot!("rejoin_who_is_there", ask(&rejoin).await);
    staff.member.leave(&staff.stage.staff).await.unwrap();
    staff.stage.until(&staff.stage.staff, &staff.member_sub, "leave", SOON).await;
    insta::assert_snapshot!("rejoin", ask(&rejoin).await);
    assert_eq!(staff.stage.membership(&staff.stage.staff, &staff.member_sub).await, "join");
    insta::assert_snapshot!("rejoin_who_does_not_belong", ask(&format!("rejoin {} analysts", staff.member_sub)).await);
    insta::assert_snapshot!("follow_what_was_not_replaced", ask("follow staff").await);
    insta::assert_snapshot!("apply_what_is_not_held", ask("apply 3f9c01ab").await);
    staff.stage.nothing_left().await;
    let ledger = staff.ledger().await;
    let of = |name: &str| ledger.iter().filter(|line| line["cause"].as_str().unwrap().starts_with(name)).count();
    assert_eq!((of("pause"), of("sync"), of("provision"), of("rejoin")), (2, 2, 2, 3), "{ledger:#?}");
}

async fn what_cannot_be_read_is_answered_with_the_mend(version: SynapseVersion) {
    let staff = open(version, Settings::default()).await;
    for (name, text) in [
        ("a_typo", "!provisioner stauts"),
        ("nonsense", "!provisioner <b>x</b> [x](javascript:1) \u{202e}"),
        ("no_user", "!provisioner explain"),
        ("nobody_by_that_name", "!provisioner explain <b>x</b>"),
        ("somebody_unknown", "!provisioner explain @nobody-at-all"),
        ("history_of_a_name", "!provisioner history Ada"),
        ("a_room_with_a_typo", "!provisioner rejoin @nobody-at-all staf"),
        ("no_such_room", "!provisioner follow !abc:elsewhere"),
        ("no_id", "!provisioner apply yes"),
        ("too_many_words", "!provisioner pause now please"),
        ("an_address_without_a_pool", "!provisioner explain somebody@example.org"),
    ] {
        let answer = staff.ask(&staff.lead, text).await;
        insta::assert_snapshot!(name, staff.forms(&answer));
    }
    let ledger = staff.ledger().await;
    assert_eq!(ledger.len(), 11, "refused ones too: {ledger:#?}");
    assert!(ledger.iter().all(|line| line["detail"].as_str().unwrap().starts_with("refused")), "{ledger:#?}");
    let everywhere = format!("{ledger:?}{}{:?}", staff.stage.service.log(), staff.said().await);
    assert!(!everywhere.contains("somebody@example.org"), "an address is never shown back, logged or kept");
    let mut database = staff.stage.connect().await;
    let kept: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM provisioner.inbox WHERE event LIKE '%somebody@%')
              + (SELECT count(*) FROM provisioner.commands WHERE event IS NOT NULL OR answer IS NOT NULL)",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    assert_eq!(kept, 0, "nor is the message that named it");
}

async fn the_user_of_a_command_is_named_in_any_way_that_clients_have(version: SynapseVersion) {
    let staff = closed(version, Settings::default()).await;
    let (sub, mxid) = (&staff.member_sub, &staff.member.mxid);
    staff.start().await;
    let pill = format!("<a href=\"https://matrix.to/#/{mxid}\">Somebody Else</a>");
    for content in [
        json!({"body": format!("!provisioner explain {sub}")}),
        json!({"body": format!("!provisioner explain “{mxid}”")}),
        json!({"body": format!("!provisioner explain https://matrix.to/#/{mxid}")}),
        json!({"body": format!("!provisioner\nexplain   {}", sub.to_uppercase())}),
        json!({
            "body": "!provisioner explain Somebody Else", "format": "org.matrix.custom.html",
            "formatted_body": format!("!provisioner explain {pill}"),
        }),
        json!({"body": "!provisioner explain Somebody Else", "m.mentions": {"user_ids": [mxid]}}),
    ] {
        let mut content = content;
        content["msgtype"] = json!("m.text");
        let said = staff.send(&staff.lead, "m.room.message", content.clone()).await;
        let answer = staff.answer(&said).await;
        let lead = format!("{mxid} — account: active");
        assert!(answer["body"].as_str().unwrap().starts_with(&lead), "{content:#} is answered by {answer:#}");
    }
}
