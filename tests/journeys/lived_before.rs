//! A server with a history gets its first application service, without the precaution of `docs/cut-over.md`: Synapse pushes
//! everything that ever happened in the rooms, beside what is so now. Nothing is done because of it.

use std::sync::Arc;

use serde_json::json;
use sqlx::{Connection, PgConnection};
use testbed::{Person, SynapseVersion, own, wait_until};

use crate::support::{SOON, Settings, Stage, subjects};

crate::on_both_versions!(a_history_that_is_pushed_afterwards_changes_nothing);

/// What is said between two changes: more than Synapse pushes at once.
const TALK: i64 = 120;

/// So many events Synapse has not offered to its application services yet.
async fn behind(stage: &Stage) -> i64 {
    let asked = "SELECT (SELECT max(stream_ordering) FROM events) - stream_ordering FROM appservice_stream_position";
    let mut synapse = PgConnection::connect(&stage.bed.synapse.database_url()).await.unwrap();
    sqlx::query_scalar(asked).fetch_one(&mut synapse).await.unwrap()
}

async fn a_history_that_is_pushed_afterwards_changes_nothing(version: SynapseVersion) {
    let bed = Arc::new(own(version).await.unwrap());
    let stage = Stage::set_on(bed, Settings::default()).await;
    stage.bed.synapse.forget_services().await.unwrap();
    let bot = Person::login(&stage.bed.synapse, &stage.slot.sender_localpart).await.unwrap();
    let by_hand = stage.admin.with_token(&bot.mxid, &bot.client.access_token().unwrap());

    let people = subjects(4);
    let [left, kicked, banned, gone] = &people[..] else { panic!("four people") };
    for sub in &people {
        stage.admin.put_user(&stage.mxid(sub), json!({})).await.unwrap();
        for room in [&stage.staff, &stage.red] {
            by_hand.force_join(room, &stage.mxid(sub)).await.unwrap();
        }
    }
    for sub in [left, kicked, banned] {
        stage.hasura.add(sub, "staff", "member").await.unwrap();
    }
    let room = &stage.staff;
    Person::login(&stage.bed.synapse, left).await.unwrap().leave(room).await.unwrap();
    by_hand.kick(room, &stage.mxid(kicked)).await.unwrap();
    by_hand.ban(room, &stage.mxid(banned)).await.unwrap();
    by_hand.unban(room, &stage.mxid(banned)).await.unwrap();
    // Synapse pushes a hundred events at a time: what undoes this comes in a later transaction.
    for number in 0..TALK {
        by_hand.send_text(room, &format!("old-{number}"), "words").await.unwrap();
    }
    for sub in [left, kicked, banned] {
        by_hand.force_join(room, &stage.mxid(sub)).await.unwrap();
    }
    by_hand.kick(room, &stage.mxid(gone)).await.unwrap();

    stage.bed.synapse.load_registration(&stage.slot.registration).await.unwrap();
    stage.start().await;
    stage.nothing_left().await;
    assert!(behind(&stage).await > TALK, "nothing was pushed yet");
    assert_eq!(stage.metric("provisioner_events_total").await, 0.0);
    by_hand.send_text(room, "new", "and now it walks").await.unwrap();
    wait_until("Synapse has walked its history", SOON, async || behind(&stage).await == 0).await.unwrap();
    wait_until("and pushed it", SOON, async || stage.metric("provisioner_events_total").await > 30.0).await.unwrap();
    stage.quiet().await;

    assert_eq!(stage.writes(), 0, "{:#?}", stage.proxy.requests());
    for (sub, membership) in [(left, "join"), (kicked, "join"), (banned, "join"), (gone, "leave")] {
        assert_eq!(stage.membership(room, sub).await, membership, "{sub}");
        assert_eq!(stage.membership(&stage.red, sub).await, "join", "{sub}");
    }
    stage.nothing_left().await;
    // And it is heard now like anywhere.
    by_hand.kick(room, &stage.mxid(left)).await.unwrap();
    stage.until(room, left, "join", SOON).await;
}
