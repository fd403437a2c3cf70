//! Accounts are seen over and over: who is in a group every minute. A row is written when that says something.

use phenom_provisioner::store::{AccountSource, SeenAccount, SeenIn, Store};
use sqlx::{Connection, PgConnection};

use crate::fill::empty;

fn person(number: u32) -> SeenAccount {
    let user_id = format!("@{number}:example.org");
    SeenAccount { subject: number.to_string(), user_id, disabled: false, display_name: None }
}

async fn see(store: &Store, seen: &[SeenAccount], listing: Option<i64>) -> u64 {
    let place = SeenIn { listing, ..SeenIn::default() };
    store.record_accounts(seen, AccountSource::Pool, place).await.unwrap()
}

/// Who wrote each row last: a transaction for each.
async fn versions(connection: &mut PgConnection) -> Vec<String> {
    let versions = "SELECT xmin::text FROM provisioner.accounts ORDER BY subject";
    sqlx::query_scalar(versions).fetch_all(connection).await.unwrap()
}

/// How many rows were written since.
async fn written(connection: &mut PgConnection, before: &mut Vec<String>) -> usize {
    let now = versions(connection).await;
    let before = std::mem::replace(before, now.clone());
    now.iter().zip(before).filter(|(now, before)| *now != before).count()
}

#[tokio::test]
async fn who_is_seen_again_as_they_were_is_written_once_a_listing() {
    let (url, store) = empty("seen").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut people: Vec<SeenAccount> = (0..3).map(person).collect();
    assert_eq!(see(&store, &people, None).await, 3);
    let mut rows = versions(&mut connection).await;

    let listing = store.begin_listing().await.unwrap().id;
    assert_eq!(see(&store, &people, None).await, 0);
    assert_eq!(written(&mut connection, &mut rows).await, 3, "the listing asks who was seen since it began");
    assert_eq!(see(&store, &people, None).await, 0);
    assert_eq!(written(&mut connection, &mut rows).await, 0);
    people[0].display_name = Some("Somebody".to_owned());
    assert_eq!(see(&store, &people, None).await, 0);
    assert_eq!(written(&mut connection, &mut rows).await, 1);
    people[0].display_name = None;
    people[1].disabled = true;
    assert_eq!(see(&store, &people, None).await, 1);
    assert_eq!(written(&mut connection, &mut rows).await, 1, "a name that is not told is kept");
    assert_eq!(see(&store, &people[..1], Some(listing)).await, 0);
    assert_eq!(written(&mut connection, &mut rows).await, 1, "the listing marks whom it names");
    assert_eq!(store.complete_listing(listing).await.unwrap(), (0, 0), "all were seen while it was made");

    // Two whole listings in a row name nobody, and one person is seen beside the second.
    for (seen, missed) in [(&people[..0], (3, 0)), (&people[..1], (2, 2))] {
        let listing = store.begin_listing().await.unwrap().id;
        see(&store, seen, None).await;
        assert_eq!(store.complete_listing(listing).await.unwrap(), missed);
    }
    written(&mut connection, &mut rows).await;
    assert_eq!(see(&store, &people, None).await, 2, "they are back");
    assert_eq!(written(&mut connection, &mut rows).await, 2, "and the third was not missed");
}

/// Two processes may end one listing: its lock goes with its connection, and the second goes on where the first was.
#[tokio::test]
async fn a_listing_that_two_processes_end_counts_once() {
    let (_, store) = empty("ended_twice").await;
    see(&store, &(0..3).map(person).collect::<Vec<_>>(), None).await;
    let listing = store.begin_listing().await.unwrap().id;
    assert_eq!(store.complete_listing(listing).await.unwrap(), (3, 0));
    assert_eq!(store.complete_listing(listing).await.unwrap(), (0, 0), "nobody is deleted by one listing");
    assert_eq!(store.count_open_accounts().await.unwrap(), 3);
}

#[tokio::test]
async fn whoever_was_missed_once_and_is_seen_again_was_never_missed() {
    let (_, store) = empty("seen_again").await;
    let people: Vec<SeenAccount> = (0..2).map(person).collect();
    see(&store, &people, None).await;
    for _ in 0..3 {
        let listing = store.begin_listing().await.unwrap().id;
        assert_eq!(store.complete_listing(listing).await.unwrap(), (2, 0));
        assert_eq!(see(&store, &people, None).await, 0);
    }
}
