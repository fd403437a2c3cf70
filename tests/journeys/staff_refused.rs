//! The Staff room: what people cost who may not command.

use serde_json::Value;
use sqlx::postgres::PgListener;
use testbed::{SynapseVersion, wait_until};

use crate::staff_support::{A_WHILE, StaffStage, open};
use crate::support::{SOON, Settings, subject};

crate::on_one_version!(
    a_thousand_refused_commands_are_one_line_of_the_ledger_and_one_more_at_the_end_of_the_hour,
    a_sender_who_is_not_of_the_room_costs_no_reading_of_the_roster,
);

/// Lines about refused commands, newest first.
async fn refused(staff: &StaffStage) -> Vec<Value> {
    let mut lines = staff.ledger().await;
    lines.retain(|line| line["detail"].as_str().is_some_and(|detail| detail.starts_with("refused")));
    lines
}

async fn a_thousand_refused_commands_are_one_line_of_the_ledger_and_one_more_at_the_end_of_the_hour(
    version: SynapseVersion,
) {
    let staff = open(version, Settings::default()).await;
    staff.ask(&staff.lead, "!provisioner status").await;
    for _ in 0..10 {
        staff.push_many(100, &staff.member.mxid, "!provisioner pause").await;
    }
    let mut database = staff.stage.connect().await;
    let open = "SELECT count(*) FROM provisioner.commands WHERE sender = $1 AND state = 'answered'";
    wait_until("all of them are refused", SOON, async || {
        let answered = sqlx::query_scalar::<_, i64>(open).bind(&staff.member.mxid);
        answered.fetch_one(&mut database).await.unwrap() == 1000
    })
    .await
    .unwrap();
    let lines = refused(&staff).await;
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0]["cause"].as_str().unwrap().contains(&staff.member.mxid), "{lines:#?}");
    let ended = "SELECT count(*) FROM provisioner.ledger WHERE kind = 'command'";
    let ended: i64 = sqlx::query_scalar(ended).fetch_one(&mut database).await.unwrap();
    assert_eq!(ended, 3, "two of the status and one of all that was refused");
    let shown = staff.stage.service.run_cli(&["history", "--all", "--limit", "15"]).await.unwrap().stdout;
    assert!(shown.contains("status"), "what was done is still to be seen: {shown}");

    // The hour is over, and nobody was refused since.
    let later = "UPDATE provisioner.refused_commands SET since = since - interval '1 hour'";
    sqlx::query(later).execute(&mut database).await.unwrap();
    staff.stage.service.sigterm().await.unwrap();
    staff.stage.start().await;
    let lines = refused(&staff).await;
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0]["detail"].as_str().unwrap().starts_with("refused: 999 more since"), "{lines:#?}");
    assert!(lines[0]["cause"].as_str().unwrap().contains(&staff.member.mxid), "{lines:#?}");
}

async fn a_sender_who_is_not_of_the_room_costs_no_reading_of_the_roster(version: SynapseVersion) {
    // Each reading of the roster tells of itself.
    let query = "SELECT u.id::text AS subject, t.name AS team, tm.role AS role
                 FROM team_members tm JOIN teams t ON t.id = tm.team_id JOIN users u ON u.id = tm.user_id
                 WHERE pg_notify('roster_was_read', '') IS NOT NULL";
    let staff = open(version, Settings { query: Some(query.to_owned()), ..Settings::default() }).await;
    staff.stage.quiet().await;
    let mut readings = PgListener::connect(staff.stage.hasura.url()).await.unwrap();
    readings.listen("roster_was_read").await.unwrap();
    let outside = subject();
    let senders = ["@somebody:elsewhere.org".to_owned(), staff.stage.mxid(&outside)];
    for sender in &senders {
        for _ in 0..5 {
            let event_id = format!("${}", subject());
            staff.push(&event_id, sender, "!provisioner status", 0).await;
            assert_eq!(staff.ended(&event_id).await, "answered");
        }
    }
    assert!(tokio::time::timeout(A_WHILE, readings.recv()).await.is_err(), "the roster was read");
    // Who is in the room is judged by what the roster says now.
    staff.ask(&staff.member, "!provisioner status").await;
    readings.recv().await.unwrap();
}
