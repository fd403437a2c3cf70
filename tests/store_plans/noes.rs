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
