//! Subjects that fold to one user: what is read of that user is said by the one that stands.

use phenom_provisioner::store::AccountsRead;
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
    let read = AccountsRead::default();
    let mut rows = store.accounts_since(&read, 10, false).await.unwrap();
    rows.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    let said: Vec<(&str, &str)> = rows.iter().map(|row| (&*row.subject, &*row.state)).collect();
    assert_eq!(said, [("aAa", "active"), ("AAB", "disabled")]);
}
