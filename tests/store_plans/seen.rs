//! Accounts are seen over and over: who is in a group every minute. A row is written when that says something.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use phenom_provisioner::store::{AccountSource, AccountsRead, SeenAccount, SeenIn, Store};
use sqlx::{Connection, PgConnection};

use crate::fill::{empty, run};

fn person(number: u32) -> SeenAccount {
    let user_id = format!("@{number}:example.org");
    SeenAccount { subject: number.to_string(), user_id, disabled: false, display_name: None }
}

/// The pool denied them just now.
async fn refuse(store: &Store, number: u32) {
    assert!(deny(store, number, store.now().await.unwrap()).await);
}

/// The pool denied them when it was asked then.
async fn deny(store: &Store, number: u32, asked: DateTime<Utc>) -> bool {
    let SeenAccount { subject, user_id, .. } = person(number);
    store.refuse_account(&subject, &user_id, AccountSource::Roster, asked).await.unwrap()
}

/// They are seen in the pool at this moment.
async fn see(store: &Store, seen: &[SeenAccount], listing: Option<i64>) -> u64 {
    let place = SeenIn { listing, ..SeenIn::default() };
    let asked = store.now().await.unwrap();
    store.record_accounts(seen, AccountSource::Pool, place, asked).await.unwrap()
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
    assert_eq!(see(&store, &people, None).await, 1, "a name is news: it may be given");
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
        a_while_passes(&mut connection).await;
        let listing = store.begin_listing().await.unwrap().id;
        see(&store, seen, None).await;
        assert_eq!(store.complete_listing(listing).await.unwrap(), missed);
    }
    written(&mut connection, &mut rows).await;
    assert_eq!(see(&store, &people, None).await, 2, "they are back");
    assert_eq!(written(&mut connection, &mut rows).await, 2, "and the third was not missed");
}

/// Misses are as old as if ten minutes had passed.
async fn a_while_passes(connection: &mut PgConnection) {
    let older = "UPDATE provisioner.accounts SET missed_at = missed_at - interval '10 minutes'";
    sqlx::query(older).execute(connection).await.unwrap();
}

/// Cognito's listings run late: two restarts, or two `backfill`s, ask a moment that is one and the same.
#[tokio::test]
async fn listings_that_follow_one_another_at_once_count_as_one_miss() {
    let (url, store) = empty("missed_at_once").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    see(&store, &(0..2).map(person).collect::<Vec<_>>(), None).await;
    let listed = async || {
        let listing = store.begin_listing().await.unwrap().id;
        store.complete_listing(listing).await.unwrap()
    };
    for _ in 0..3 {
        assert_eq!(listed().await, (2, 0));
    }
    assert_eq!(store.count_open_accounts().await.unwrap(), 2);
    // Noted by an older version, which did not say when.
    run(&mut connection, "UPDATE provisioner.accounts SET missed_at = NULL WHERE subject = '0'").await;
    a_while_passes(&mut connection).await;
    assert_eq!(listed().await, (2, 1), "the other one was missed for long enough");
    a_while_passes(&mut connection).await;
    assert_eq!(listed().await, (1, 1));
}

/// A user that the pool denied when the roster named them, and a message confirmed then; and one that somebody named by hand.
#[tokio::test]
async fn an_account_comes_from_the_source_that_confirmed_it() {
    let (_, store) = empty("origins").await;
    for number in 0..3 {
        refuse(&store, number).await;
    }
    let by_message = SeenIn { message_id: Some("m-1"), ..SeenIn::default() };
    let asked = store.now().await.unwrap();
    store.record_accounts(&[person(0)], AccountSource::Queue, by_message, asked).await.unwrap();
    store.record_accounts(&[person(1), person(3)], AccountSource::Command, SeenIn::default(), asked).await.unwrap();
    see(&store, &[person(2)], None).await;
    // Seen again elsewhere: it was made for the first.
    see(&store, &(0..4).map(person).collect::<Vec<_>>(), None).await;
    let users: Vec<String> = (0..4).map(|number| person(number).user_id).collect();
    let mut origins = store.origins(&users).await.unwrap();
    origins.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    let words: Vec<String> = origins.iter().map(|origin| origin.words()).collect();
    let by_hand = "named in the Staff room and confirmed by the pool";
    assert_eq!(words, ["confirmed by message m-1 of the queue", by_hand, "found by the pool's listing", by_hand]);
}

/// The reconciling replica takes nothing while a listing stumbles: it is told when that is over, too.
#[tokio::test]
async fn the_end_of_a_listing_s_trouble_wakes_as_its_beginning_does() {
    let (url, store) = empty("trouble").await;
    let mut listener = sqlx::postgres::PgListener::connect(&url).await.unwrap();
    listener.listen("provisioner_accounts").await.unwrap();
    let listing = store.begin_listing().await.unwrap().id;
    let mut woken = async || tokio::time::timeout(Duration::from_secs(1), listener.recv()).await.is_ok();
    let at = |users, trouble| store.advance_listing(listing, users, Some("next"), trouble);
    at(1, None).await.unwrap();
    assert!(!woken().await, "nothing is new for it");
    store.trouble_listing(listing, "throttled").await.unwrap();
    assert!(woken().await);
    at(1, Some("again and again")).await.unwrap();
    assert!(!woken().await, "it lasts");
    at(1, None).await.unwrap();
    assert!(woken().await);
    assert_eq!(store.last_listing().await.unwrap().unwrap().trouble, None);
}

/// A listing begins anew at every restart, also in the middle of an outage, and at every attempt after one that named nobody.
#[tokio::test]
async fn a_listing_that_begins_anew_is_in_the_trouble_of_the_one_before_it() {
    let (_, store) = empty("trouble_lasts").await;
    let trouble = async || store.last_listing().await.unwrap().unwrap().trouble;
    let troubled = store.begin_listing().await.unwrap();
    assert_eq!(troubled.trouble, None);
    store.trouble_listing(troubled.id, "silent").await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.begin_listing().await.unwrap().trouble.as_deref(), Some("silent"));
        assert_eq!(trouble().await.as_deref(), Some("silent"), "as whoever takes something away sees it");
    }
    let anew = store.begin_listing().await.unwrap().id;
    store.advance_listing(anew, 0, None, None).await.unwrap();
    assert_eq!(trouble().await.as_deref(), Some("silent"), "the last page may be the only one, and name nobody");
    store.complete_listing(anew).await.unwrap();
    assert_eq!(trouble().await, None);
    assert_eq!(store.begin_listing().await.unwrap().trouble, None, "it is over");
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

/// It lost the right to list while it was frozen, say, and its own page fails then.
#[tokio::test]
async fn a_listing_that_another_process_has_ended_or_given_up_has_no_trouble_any_more() {
    let (_, store) = empty("trouble_too_late").await;
    let trouble = async || store.last_listing().await.unwrap().unwrap().trouble;
    let ended = store.begin_listing().await.unwrap().id;
    store.complete_listing(ended).await.unwrap();
    store.trouble_listing(ended, "throttled").await.unwrap();
    assert_eq!(trouble().await, None, "the pool is not failing until the next listing, hours later");
    let given_up = store.begin_listing().await.unwrap().id;
    let anew = store.begin_listing().await.unwrap().id;
    store.trouble_listing(given_up, "throttled").await.unwrap();
    assert_eq!(trouble().await, None);
    store.trouble_listing(anew, "throttled").await.unwrap();
    assert_eq!(trouble().await.as_deref(), Some("throttled"));
}

/// The state and the name of person 0.
async fn known(store: &Store) -> (String, Option<String>) {
    let rows = store.accounts_since(&AccountsRead::default(), 1, true).await.unwrap();
    (rows[0].state.clone(), rows[0].display_name.clone())
}

/// What the pool said of person 0 when it was asked then.
async fn hear(store: &Store, disabled: bool, source: AccountSource, asked: DateTime<Utc>) -> u64 {
    let name = if disabled { "Disabled" } else { "Active" };
    let seen = [SeenAccount { disabled, display_name: Some(name.to_owned()), ..person(0) }];
    let listing = match source {
        AccountSource::Pool => store.last_listing().await.unwrap().map(|listing| listing.id),
        _ => None,
    };
    store.record_accounts(&seen, source, SeenIn { listing, ..SeenIn::default() }, asked).await.unwrap()
}

/// A page of the listing says that somebody is disabled, and is slow; they are enabled, and asked for alone.
#[tokio::test]
async fn of_two_answers_about_an_account_the_one_that_was_asked_for_last_counts() {
    let (_, store) = empty("asked_last").await;
    let state = |name: &str| (name.to_lowercase(), Some(name.to_owned()));
    let now = async || store.now().await.unwrap();
    assert_eq!(hear(&store, false, AccountSource::Queue, now().await).await, 1);
    let listing = store.begin_listing().await.unwrap().id;
    let (older, newer) = (now().await, now().await);
    assert_eq!(hear(&store, false, AccountSource::Command, newer).await, 0, "it says nothing new");
    assert_eq!(hear(&store, true, AccountSource::Pool, older).await, 0);
    assert_eq!(known(&store).await, state("Active"));
    assert_eq!(store.complete_listing(listing).await.unwrap(), (0, 0), "they were seen since it began");
    // In the other order.
    let (older, newer) = (now().await, now().await);
    assert_eq!(hear(&store, true, AccountSource::Pool, newer).await, 1);
    assert_eq!(hear(&store, false, AccountSource::Queue, older).await, 0);
    assert_eq!(known(&store).await, state("Disabled"));
    assert_eq!(hear(&store, false, AccountSource::Queue, now().await).await, 1);
    assert_eq!(known(&store).await, state("Active"));
    // The clock was set back: what was asked in the future is no newer than now.
    let future = now().await + TimeDelta::hours(1);
    assert_eq!(hear(&store, true, AccountSource::Queue, future).await, 1);
    assert_eq!(hear(&store, false, AccountSource::Queue, now().await).await, 1);
    assert_eq!(known(&store).await, state("Active"));
}

/// A process that was frozen for as long as two listings take still has an answer from before them.
#[tokio::test]
async fn an_answer_from_before_a_deletion_brings_nobody_back_and_a_newer_one_does() {
    let (url, store) = empty("asked_before_deletion").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    see(&store, &[person(0)], None).await;
    let before = store.now().await.unwrap();
    for missed in [(1, 0), (1, 1)] {
        a_while_passes(&mut connection).await;
        let listing = store.begin_listing().await.unwrap().id;
        assert_eq!(store.complete_listing(listing).await.unwrap(), missed);
    }
    assert_eq!(hear(&store, false, AccountSource::Queue, before).await, 0);
    assert_eq!(known(&store).await.0, "deleted");
    assert_eq!(hear(&store, false, AccountSource::Queue, store.now().await.unwrap()).await, 1);
    assert_eq!(known(&store).await.0, "active");
}

/// The roster named them, and the pool denied them three times; the answer that has them was asked for before that was written.
#[tokio::test]
async fn a_subject_that_was_refused_is_confirmed_by_any_answer() {
    let (_, store) = empty("asked_before_refusal").await;
    let asked = store.now().await.unwrap();
    refuse(&store, 0).await;
    assert_eq!(hear(&store, false, AccountSource::Queue, asked).await, 1);
    assert_eq!(known(&store).await.0, "active");
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

#[tokio::test]
async fn a_denial_again_is_news_and_one_of_somebody_who_is_known_is_none() {
    let (url, store) = empty("denied").await;
    let revision = "SELECT revision FROM provisioner.accounts_revision";
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut last = 0_i64;
    for number in [1, 1] {
        refuse(&store, number).await;
        let now: i64 = sqlx::query_scalar(revision).fetch_one(&mut connection).await.unwrap();
        assert!(now > last, "{now}");
        last = now;
    }
    see(&store, &[person(2)], None).await;
    let before: i64 = sqlx::query_scalar(revision).fetch_one(&mut connection).await.unwrap();
    refuse(&store, 2).await;
    let after: i64 = sqlx::query_scalar(revision).fetch_one(&mut connection).await.unwrap();
    assert_eq!(after, before);
}

/// A leader that was frozen with the pool's answer in its hands, or that waited for a lock: who got something meanwhile is asked for
/// again by the next leader, and this is no answer to that.
#[tokio::test]
async fn a_denial_that_comes_late_is_not_written() {
    let (url, store) = empty("denied_late").await;
    let asked = store.now().await.unwrap();
    assert!(!deny(&store, 1, asked - TimeDelta::seconds(11)).await);
    let rows = async || store.accounts_since(&AccountsRead::default(), 2, true).await.unwrap();
    assert!(rows().await.is_empty());
    assert!(deny(&store, 1, asked).await);
    let revision = rows().await[0].revision;

    let mut other = PgConnection::connect(&url).await.unwrap();
    run(&mut other, "BEGIN").await;
    run(&mut other, "SELECT FROM provisioner.accounts_revision FOR UPDATE").await;
    let waits = deny(&store, 1, asked - TimeDelta::seconds(9));
    let goes_on = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        run(&mut other, "COMMIT").await;
    };
    assert!(!tokio::join!(waits, goes_on).0);
    assert_eq!(rows().await[0].revision, revision);
    // Of somebody who is known nothing is late: nothing is to be written.
    see(&store, &[person(2)], None).await;
    assert!(deny(&store, 2, asked - TimeDelta::seconds(11)).await);
}
