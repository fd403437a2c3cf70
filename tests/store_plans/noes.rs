//! A no counts by when it was heard, in whatever process.

use phenom_provisioner::store::{CommandEntry, RefusedCommand, Store};

use sqlx::{Connection, PgConnection};

use crate::fill::{empty, run};

async fn begin(store: &Store, event_id: &str, command: &'static str) {
    let (event_id, sender, cause) = (event_id.to_owned(), "@ada:a".to_owned(), command.to_owned());
    let entry = CommandEntry { event_id, sender, command, cause, user_id: None, room_key: None };
    assert!(store.claim_command(&entry).await.unwrap());
}

#[tokio::test]
async fn a_no_is_said_since_where_somebody_who_may_was_heard_saying_it_later() {
    let (url, store) = empty("noes").await;
    let heard = "INSERT INTO provisioner.commands (event_id, room_id, event, received_at)
                 SELECT '$' || n, '!staff:a', '{}', now() FROM generate_series(1, 4) AS n";
    let mut connection = PgConnection::connect(&url).await.unwrap();
    run(&mut connection, heard).await;
    let ids = sqlx::query_scalar("SELECT id FROM provisioner.commands ORDER BY id");
    let ids: Vec<i64> = ids.fetch_all(&mut connection).await.unwrap();
    let since = async || {
        let mut said = Vec::new();
        for id in &ids {
            said.push(store.is_no_said_since(*id).await.unwrap());
        }
        said
    };
    assert_eq!(since().await, [false; 4]);
    let refused = RefusedCommand {
        event_id: "$4",
        sender: "@eve:a",
        command: "dismiss",
        cause: "dismiss",
        detail: "refused: commands.allow does not match the sender",
        answer: None,
    };
    assert!(store.refuse_command(&refused).await.unwrap());
    begin(&store, "$2", "approve").await;
    assert_eq!(since().await, [false; 4], "nobody who may said no");
    begin(&store, "$3", "dismiss").await;
    assert_eq!(since().await, [true, true, false, false]);
    store.end_command("$3", "done", None, None).await.unwrap();
    assert_eq!(since().await, [true, true, false, false], "an answer ends nothing of it");
}

/// Another process has said no before the request was there to be found; and what was said to a leader of before nobody hears of.
#[tokio::test]
async fn an_approval_of_the_staff_room_is_over_with_a_later_no_and_with_the_leader_that_it_was_said_to() {
    let (url, store) = empty("over").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let heard = "INSERT INTO provisioner.commands (event_id, room_id, event, received_at)
                 SELECT '$' || n, '!staff:a', '{}', now() FROM generate_series(1, 3) AS n";
    run(&mut connection, heard).await;
    let ids = sqlx::query_scalar("SELECT id FROM provisioner.commands ORDER BY id");
    let ids: Vec<i64> = ids.fetch_all(&mut connection).await.unwrap();
    let before = store.now().await.unwrap();
    let mut asked = Vec::new();
    for heard in [Some(ids[0]), Some(ids[2]), None] {
        asked.push(store.request_pass(Some(("3f9c01ab77", None)), "@ada:a", heard).await.unwrap());
    }
    assert_eq!(store.ended_among(&asked).await.unwrap(), []);
    begin(&store, "$2", "dismiss").await;
    assert_eq!(store.ended_among(&asked).await.unwrap(), [(asked[0], Some("somebody".to_owned()))]);

    let fresh = async |since| {
        run(&mut PgConnection::connect(&url).await.unwrap(), "UPDATE provisioner.pass_requests SET taken_at = NULL")
            .await;
        let mut claimed = store.claim_pass_requests(since).await.unwrap();
        claimed.sort_by_key(|one| one.id);
        claimed.iter().map(|one| one.is_fresh).collect::<Vec<_>>()
    };
    assert_eq!(fresh(before).await, [true; 3]);
    // What the command line asks for waits for whoever leads.
    assert_eq!(fresh(store.now().await.unwrap()).await, [false, false, true]);
}

/// Others redact as much as they like: what somebody took back is found below it.
#[tokio::test]
async fn no_flood_of_redactions_hides_what_somebody_took_back() {
    let (_, store) = empty("taken_back").await;
    let redaction = |sender: &str, of: &str| format!(r#"{{"sender":"{sender}","redacts":"{of}"}}"#);
    let mut events = vec![redaction("@ada:a", "$slip")];
    events.extend((0..1500).map(|n| redaction("@eve:a", &format!("$eves-{n}"))));
    events.extend((0..1500).map(|_| redaction("@eve:a", "$slip")));
    events.extend((0..1500).map(|n| redaction("@ada:a", &format!("$adas-{n}"))));
    let ids: Vec<String> = (0..events.len()).map(|n| format!("$redaction-{n}")).collect();
    let column = |value: &str| vec![value.to_owned(); events.len()];
    store.append_inbox(&ids, &column("!staff:a"), &column("m.room.redaction"), &events).await.unwrap();
    assert_eq!(store.redactions_lately("!staff:a", "$slip", "@ada:a", 660.0).await.unwrap(), events[..1]);
}
