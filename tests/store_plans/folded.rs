//! Subjects that fold to one user: what is read of that user is said by the one that stands.

use phenom_provisioner::store::{AccountsRead, Store};
use sqlx::{Connection, PgConnection};

use crate::fill::{empty, run};

#[tokio::test]
async fn of_two_subjects_of_one_user_the_one_that_is_gone_closes_no_account() {
    let (url, store) = empty("folded").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    // In every collation one of them is read after the one that is active.
    for (subject, state) in
        [("AAA", "deleted"), ("aAa", "active"), ("aaa", "disabled"), ("aab", "deleted"), ("AAB", "disabled")]
    {
        let row = format!(
            "INSERT INTO provisioner.accounts (subject, user_id, state, source, revision)
             VALUES ('{subject}', '@' || lower('{subject}') || ':a', '{state}', 'pool', 7)"
        );
        run(&mut connection, &row).await;
    }
    let first = [("@aaa:a", "active"), ("@aab:a", "deleted"), ("@aab:a", "disabled")];
    assert_eq!(said(&store, 0).await, first.map(|(user, state)| (user.to_owned(), state.to_owned())));
    // The one that stood goes as well, and nobody stands any more.
    run(&mut connection, "UPDATE provisioner.accounts SET state = 'deleted', revision = 8 WHERE subject = 'aAa'").await;
    assert_eq!(said(&store, 7).await, [("@aaa:a".to_owned(), "deleted".to_owned())]);
}

/// What is read after this revision of each user, in order.
async fn said(store: &Store, revision: i64) -> Vec<(String, String)> {
    let read = AccountsRead { revision, subject: "~".to_owned() };
    let rows = store.accounts_since(&read, 10, false).await.unwrap();
    let mut said: Vec<(String, String)> = rows.into_iter().map(|row| (row.user_id, row.state)).collect();
    said.sort();
    said
}
