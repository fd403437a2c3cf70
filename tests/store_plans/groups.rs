//! Groups are read every minute, and their members when somebody came or went.

use std::collections::BTreeMap;

use chrono::DateTime;
use phenom_provisioner::homeserver::{Homeserver, Timeouts};
use phenom_provisioner::reconcile::Reconciler;
use phenom_provisioner::store::{GroupRow, Leavers, Store};
use provisioner_policy::{AccountsFrom, Policy, SourceState};
use sqlx::{Connection, PgConnection};

use crate::fill::{empty, filled, run};
use crate::plan::{Choice, explain, rows_looked_at};
use crate::plans::committed;
use crate::wire::counted;

const SERVER: &str = "example.org";
const BOT: &str = "@bot:example.org";

type Known = BTreeMap<String, i64>;

fn people(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("@{number}:{SERVER}")).collect()
}

/// Records a group that was asked for just now, by the members that it has.
async fn record(store: &Store, name: &str, members: &[String]) {
    record_but(store, name, members, Leavers::AllBut(&[])).await;
}

/// The same where not every member goes that the reading lacks.
async fn record_but(store: &Store, name: &str, members: &[String], leavers: Leavers<'_>) {
    let asked = store.now().await.unwrap();
    store.record_group(name, members, leavers, asked).await.unwrap();
}

/// The groups, in the order of their names.
async fn groups(store: &Store, known: &Known) -> Vec<GroupRow> {
    let mut groups = store.groups(DateTime::UNIX_EPOCH, known).await.unwrap();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups
}

async fn known(store: &Store) -> Known {
    groups(store, &Known::new()).await.into_iter().map(|group| (group.name, group.revision)).collect()
}

/// How many members are read of each group.
async fn read(store: &Store, known: &Known) -> Vec<Option<usize>> {
    groups(store, known).await.into_iter().map(|group| group.user_ids.map(|members| members.len())).collect()
}

#[tokio::test]
async fn members_are_read_again_where_they_came_or_went_and_nowhere_else() {
    let (_, store) = empty("groups").await;
    record(&store, "admins", &people(0..3)).await;
    record(&store, "others", &people(0..100)).await;
    assert_eq!(read(&store, &Known::new()).await, [Some(3), Some(100)]);

    let mut at = known(&store).await;
    record(&store, "admins", &people(0..3)).await;
    store.trouble_group("others", "throttled").await.unwrap();
    assert_eq!(read(&store, &at).await, [None, None], "read again, and read in vain");
    for (members, others) in [(people(0..101), 101), (people(1..101), 100), (people(2..102), 100), (Vec::new(), 0)] {
        record(&store, "others", &members).await;
        assert_eq!(read(&store, &at).await, [None, Some(others)]);
        at = known(&store).await;
    }
}

/// The keeper of the pool and the Staff room read a group at once, and the one that asked first is the slower.
#[tokio::test]
async fn of_two_readings_at_once_the_one_that_was_asked_for_last_counts() {
    let (_, store) = empty("groups_at_once").await;
    let older = store.now().await.unwrap();
    let newer = store.now().await.unwrap();
    let everybody = Leavers::AllBut(&[]);
    assert!(store.record_group("admins", &people(0..2), everybody, newer).await.unwrap());
    assert!(!store.record_group("admins", &people(0..3), everybody, older).await.unwrap(), "whoever has it is told");
    assert_eq!(read(&store, &Known::new()).await, [Some(2)], "who was taken out meanwhile stays out");
    assert!(store.record_group("admins", &people(0..2), everybody, newer).await.unwrap(), "the same again");
    record(&store, "admins", &people(0..4)).await;
    assert_eq!(read(&store, &Known::new()).await, [Some(4)]);
}

#[tokio::test]
async fn trouble_is_not_over_by_a_reading_that_was_begun_before_it() {
    let (_, store) = empty("groups_trouble").await;
    let trouble = async || groups(&store, &Known::new()).await.remove(0).trouble;
    // Before it was ever read, and after.
    for _ in 0..2 {
        let asked = store.now().await.unwrap();
        store.trouble_group("admins", "throttled").await.unwrap();
        assert!(!store.record_group("admins", &people(0..2), Leavers::AllBut(&[]), asked).await.unwrap());
        assert_eq!(trouble().await.as_deref(), Some("throttled"));
        // Nor by one that keeps a member that it lacks.
        let asked = store.now().await.unwrap();
        assert!(store.record_group("admins", &people(0..1), Leavers::AllBut(&people(1..2)), asked).await.unwrap());
        assert_eq!(trouble().await.as_deref(), Some("throttled"));
        record(&store, "admins", &people(0..2)).await;
        assert_eq!(trouble().await, None);
    }
}

#[tokio::test]
async fn a_reading_takes_out_whom_the_one_before_lacks_too_or_these_users_alone() {
    let (_, store) = empty("groups_leavers").await;
    let members = async || {
        let mut members = groups(&store, &Known::new()).await.remove(0).user_ids.unwrap();
        members.sort();
        members
    };
    record(&store, "admins", &people(0..4)).await;
    // The reading before had 1, 2 and 6, this one has 0, 1 and 4: 3 is missing from both.
    let (before, now) = ([people(1..3), people(6..7)].concat(), [people(0..2), people(4..5)].concat());
    record_but(&store, "admins", &now, Leavers::AllBut(&before)).await;
    assert_eq!(members().await, [people(0..3), people(4..5)].concat());

    record_but(&store, "admins", &people(4..6), Leavers::Only(&people(1..2))).await;
    assert_eq!(members().await, [people(0..1), people(2..3), people(4..6)].concat());
    // Nothing where the reading has them, or where they were not in the group, or where nobody is named.
    let before = known(&store).await;
    for users in [people(5..6), people(6..7), people(5..7), Vec::new()] {
        record_but(&store, "admins", &people(5..6), Leavers::Only(&users)).await;
        assert_eq!(members().await, [people(0..1), people(2..3), people(4..6)].concat());
    }
    assert_eq!(known(&store).await, before, "nobody came or went");
    // Several at once, and of them those alone that the reading lacks.
    let several = [people(0..1), people(4..7), people(4..5)].concat();
    record_but(&store, "admins", &people(5..6), Leavers::Only(&several)).await;
    assert_eq!(members().await, [people(2..3), people(5..6)].concat());
}

#[tokio::test]
async fn a_group_that_was_made_again_is_another() {
    let (_, store) = empty("groups_again").await;
    let mut at = Known::new();
    for members in [people(0..3), people(0..3), Vec::new(), people(0..2)] {
        record(&store, "admins", &members).await;
        assert_eq!(read(&store, &at).await, [Some(members.len())]);
        at.append(&mut known(&store).await);
        store.keep_groups(&[]).await.unwrap();
        store.trouble_group("admins", "throttled").await.unwrap();
        assert_eq!(read(&store, &at).await, [Some(0)], "made by trouble, with nobody in it");
        store.keep_groups(&[]).await.unwrap();
    }
}

#[tokio::test]
async fn whose_members_are_known_costs_a_row() {
    let mut connection = PgConnection::connect(filled().await).await.unwrap();
    let committed = committed();
    let query = &committed.iter().find(|one| one.query.contains("AS known (name, revision)")).unwrap().query;
    let names: Vec<String> = (1..=20).map(|number| format!("'group-{number}'")).collect();
    let names = format!("ARRAY[{}]", names.join(", "));
    let at = |numbers: &[u32]| format!("'{{{}}}'", numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
    let all: Vec<u32> = (1..=20).collect();
    let mut but_one = all.clone();
    but_one[6] = 1000;
    for choice in [Choice::Custom, Choice::Generic] {
        for (revisions, rows) in [(&all, 20.0), (&but_one, 10_020.0)] {
            let values = ["now()", &names, &at(revisions)];
            let plan = explain(&mut connection, query, "ANALYZE, FORMAT JSON", &values, choice).await;
            assert_eq!(rows_looked_at(&plan), rows, "{choice:?}:\n{plan:#}");
        }
    }
}

/// What the world has of the group of admins.
fn admins(reconciler: &Reconciler) -> (Option<&SourceState>, usize) {
    let world = reconciler.world();
    let facts = &world.facts;
    let group = facts.group_states.keys().copied().find(|group| world.names.text(*group) == "admins");
    let group = group.unwrap();
    (facts.group_states.get(&group), facts.groups[&group].len())
}

#[tokio::test]
async fn a_wake_for_one_account_reads_no_members() {
    let (wire, url, store) = counted("groups_wake").await;
    let homeserver = Homeserver::connect("http://127.0.0.1:9", BOT, "token", Timeouts::default()).await.unwrap();
    let policy = Policy { server_name: SERVER.to_owned(), bot: BOT.to_owned(), ..Policy::default() };
    let mut reconciler = Reconciler::new(policy, AccountsFrom::Pool, store.clone(), homeserver, None);
    record(&store, "admins", &people(0..3)).await;
    reconciler.read_accounts().await.unwrap();
    assert_eq!(admins(&reconciler), (Some(&SourceState::Good), 3));

    // A deletion without a revision number: the reader does not look.
    let mut connection = PgConnection::connect(&url).await.unwrap();
    run(&mut connection, "DELETE FROM provisioner.group_members WHERE user_id <> '@1:example.org'").await;
    wire.statements();
    reconciler.read_accounts().await.unwrap();
    assert_eq!(wire.statements(), 5, "accounts, two listings, the clock that a command asks, and groups");
    assert_eq!(admins(&reconciler), (Some(&SourceState::Good), 3));
    // It cannot be read now, or the store was made to forget it: nobody goes for that.
    store.trouble_group("admins", "throttled").await.unwrap();
    reconciler.read_accounts().await.unwrap();
    assert_eq!(admins(&reconciler), (Some(&SourceState::Failing("throttled".to_owned())), 3));
    record(&store, "admins", &people(1..2)).await;
    reconciler.read_accounts().await.unwrap();
    assert_eq!(admins(&reconciler), (Some(&SourceState::Good), 3), "the same rows as they are by now");
    store.keep_groups(&[]).await.unwrap();
    reconciler.read_accounts().await.unwrap();
    assert_eq!(admins(&reconciler), (Some(&SourceState::Unread), 3));
    // At a resync everything is read again.
    record(&store, "admins", &people(4..9)).await;
    reconciler.read_accounts().await.unwrap();
    assert_eq!(admins(&reconciler), (Some(&SourceState::Good), 5));
    run(&mut connection, "DELETE FROM provisioner.group_members WHERE user_id = '@4:example.org'").await;
    reconciler.resync();
    reconciler.read_accounts().await.unwrap();
    assert_eq!(admins(&reconciler), (Some(&SourceState::Good), 4));
}
