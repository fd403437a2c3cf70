//! The Staff room: what people cost who may not command.

use sqlx::postgres::PgListener;
use testbed::SynapseVersion;

use crate::staff_support::{A_WHILE, open};
use crate::support::{Settings, subject};

crate::on_both_versions!(a_sender_who_is_not_of_the_room_costs_no_reading_of_the_roster);

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
