//! The name that was first shown of each user: kept for as long as it is worth comparing with, in one statement for an answer.

use phenom_provisioner::store::{FormerNameRow, Store};
use sqlx::{Connection, PgConnection};

use crate::fill::run;
use crate::wire::counted;

const PEOPLE: [&str; 3] = ["@a", "@b", "@c"];
const NOBODY: [FormerNameRow; 0] = [];

fn owned(texts: [&str; 3]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

/// What these three were called before, as an answer of the leader learns it.
async fn shown(store: &Store, names: [&str; 3]) -> Vec<FormerNameRow> {
    store.note_shown_names(&owned(PEOPLE), &owned(names)).await.unwrap()
}

/// Every version of every row: one that is written has another, also where it says the same.
async fn versions(connection: &mut PgConnection) -> Vec<String> {
    let rows =
        "SELECT CONCAT_WS(' ', ctid, xmin, xmax, names::text) FROM provisioner.shown_names AS names ORDER BY user_id";
    sqlx::query_scalar(rows).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn names_are_noted_in_one_statement_and_only_where_something_is_new() {
    let (wire, url, store) = counted("shown_names").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    assert_eq!(shown(&store, ["Ada", "Ben", "Cyd"]).await, NOBODY);
    assert_eq!(wire.statements(), 1, "three names that are new");
    let noted = versions(&mut connection).await;
    assert_eq!((shown(&store, ["Ada", "Ben", "Cyd"]).await, wire.statements()), (vec![], 1));
    assert_eq!(versions(&mut connection).await, noted, "nothing is new");

    let changed = shown(&store, ["Ada", "Ada", "Cyd"]).await;
    let [FormerNameRow { user_id, name, until }] = &changed[..] else { panic!("{changed:?}") };
    assert_eq!((&**user_id, &**name), ("@b", "Ben"));
    let now = versions(&mut connection).await;
    assert!(now[0] == noted[0] && now[1] != noted[1] && now[2] == noted[2], "{noted:?} {now:?}");
    wire.statements();
    let other_name = shown(&store, ["Ada", "Eve", "Cyd"]).await;
    assert_eq!((other_name[0].until, wire.statements()), (*until, 1), "since then they are not called Ben");
    assert_eq!(versions(&mut connection).await, now, "nothing is new");
    assert_eq!(shown(&store, ["Ada", "Ben", "Cyd"]).await, NOBODY, "it is the first again");
    assert!(shown(&store, ["Ada", "Ada", "Cyd"]).await[0].until > *until);
}

#[tokio::test]
async fn a_command_reads_what_the_leader_noted_and_writes_nothing() {
    let (wire, url, store) = counted("former_names").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    shown(&store, ["Ada", "Ben", "Cyd"]).await;
    let until = shown(&store, ["Ada", "Eve", "Cyd"]).await[0].until;
    let noted = versions(&mut connection).await;
    wire.statements();
    let people = owned(["@b", "@c", "@unknown"]);
    let mut former = store.former_names(&people, &owned(["Ada", "Dan", "Ada"])).await.unwrap();
    former.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    assert_eq!(wire.statements(), 1);
    assert_eq!((former.len(), &former[0].name, former[0].until), (2, &"Ben".to_owned(), until));
    assert!(former[1].name == "Cyd" && former[1].until > until, "until now: {former:?}");
    assert_eq!(versions(&mut connection).await, noted);
}

#[tokio::test]
async fn a_name_that_is_shown_again_stays() {
    let (_, url, store) = counted("names_shown_again").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    shown(&store, ["Ada", "Ben", "Cyd"]).await;
    run(
        &mut connection,
        "UPDATE provisioner.shown_names SET shown_at = now() - interval '31 days' WHERE user_id <> '@c'",
    )
    .await;
    shown(&store, ["Ada", "Ben", "Cyd"]).await;
    let old = "SELECT count(*) FROM provisioner.shown_names WHERE shown_at < now() - interval '1 day'";
    assert_eq!(sqlx::query_scalar::<_, i64>(old).fetch_one(&mut connection).await.unwrap(), 0);
}
