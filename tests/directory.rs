//! The user pool: against moto, and against a mock for what moto does not do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use phenom_provisioner::accounts::{Confirmed, Confirmer, ListingError, Server, list_pool};
use phenom_provisioner::sources::{Directory, DirectoryError, PoolUser};
use phenom_provisioner::store::{AccountSource, AccountsRead, SeenIn, Store};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testbed::{Moto, free_port, shared_postgres, wait_until};
use tokio_util::sync::CancellationToken;
use wiremock::matchers::{body_partial_json, header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

const REGION: &str = "us-east-1";
const SUB: &str = "0a1b2c3d-4e5f-4678-9abc-def012345678";
const LIST_USERS: &str = "AWSCognitoIdentityProviderService.ListUsers";

/// A pool at moto.
struct Pool {
    moto: Moto,
    http: reqwest::Client,
    id: String,
}

impl Pool {
    async fn start() -> Self {
        let mut pool = Self { moto: Moto::start().await.unwrap(), http: reqwest::Client::new(), id: String::new() };
        let made = pool.call("CreateUserPool", json!({"PoolName": "people"})).await;
        pool.id = made["UserPool"]["Id"].as_str().unwrap().to_owned();
        pool
    }

    async fn directory(&self) -> Directory {
        Directory::connect(REGION, &self.id, Some(&self.moto.url())).await
    }

    async fn call(&self, action: &str, mut body: Value) -> Value {
        if !self.id.is_empty() {
            body["UserPoolId"] = self.id.as_str().into();
        }
        let request = self.http.post(self.moto.url()).body(body.to_string());
        let request = request.header("x-amz-target", format!("AWSCognitoIdentityProviderService.{action}"));
        let answer = request.header("content-type", "application/x-amz-json-1.1").send().await.unwrap();
        serde_json::from_str(&answer.error_for_status().unwrap().text().await.unwrap()).unwrap_or_default()
    }

    /// Makes a user as an administrator does, and answers the `sub`.
    async fn add(&self, username: &str, attributes: &[(&str, &str)]) -> String {
        let attributes: Vec<Value> =
            attributes.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let made = self.call("AdminCreateUser", json!({"Username": username, "UserAttributes": attributes})).await;
        let attributes = made["User"]["Attributes"].as_array().unwrap();
        attributes.iter().find(|each| each["Name"] == "sub").unwrap()["Value"].as_str().unwrap().to_owned()
    }
}

/// Everybody, page by page, and how many pages it took.
async fn everybody(directory: &Directory, group: Option<&str>) -> (Vec<PoolUser>, usize) {
    let (mut users, mut pages, mut next) = (Vec::new(), 0, None);
    loop {
        let page = match group {
            Some(group) => directory.group_page(group, next.as_deref()).await.unwrap(),
            None => directory.page(next.as_deref()).await.unwrap(),
        };
        assert_eq!(page.unreadable, 0);
        pages += 1;
        users.extend(page.users);
        next = page.next;
        if next.is_none() {
            return (users, pages);
        }
    }
}

/// Asks for somebody at this moment.
async fn find(directory: &Directory, subject: &str) -> Result<Option<PoolUser>, DirectoryError> {
    Ok(directory.find(subject, Utc::now()).await?.user)
}

fn subjects(users: &[PoolUser]) -> BTreeSet<String> {
    users.iter().map(|user| user.subject.clone()).collect()
}

#[tokio::test]
async fn a_pool_of_130_users_is_listed_in_three_pages_at_the_pace() {
    let pool = Pool::start().await;
    let mut made = BTreeSet::new();
    for n in 0..130 {
        made.insert(pool.add(&format!("user-{n}"), &[("email", &format!("user-{n}@example.org"))]).await);
    }
    let directory = pool.directory().await;
    let begun = Instant::now();
    let (users, pages) = everybody(&directory, None).await;
    assert_eq!((users.len(), pages), (130, 3));
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?} for three requests", begun.elapsed());
    assert_eq!(subjects(&users), made);
    assert!(users.iter().all(|user| user.enabled && user.confirmed && user.display_name.is_none()));
}

#[tokio::test]
async fn disabled_users_names_and_groups_are_read() {
    let pool = Pool::start().await;
    let named = pool.add("named", &[("email", "jo@example.org"), ("name", "Jo Doe")]).await;
    let addressed = pool.add("addressed", &[("name", "jo@example.org"), ("nickname", "jojo")]).await;
    let disabled = pool.add("disabled", &[]).await;
    pool.call("AdminDisableUser", json!({"Username": "disabled"})).await;
    pool.call("CreateGroup", json!({"GroupName": "nest-admin"})).await;
    pool.call("CreateGroup", json!({"GroupName": "empty"})).await;
    for username in ["named", "disabled"] {
        pool.call("AdminAddUserToGroup", json!({"Username": username, "GroupName": "nest-admin"})).await;
    }
    let directory = pool.directory().await;
    let name = async |subject: &str| find(&directory, subject).await.unwrap().unwrap().display_name;
    assert_eq!(name(&named).await.as_deref(), Some("Jo Doe"));
    assert_eq!(name(&addressed).await.as_deref(), Some("jojo"));
    assert!(!find(&directory, &disabled).await.unwrap().unwrap().enabled);
    let (admins, _) = everybody(&directory, Some("nest-admin")).await;
    assert_eq!(subjects(&admins), [named.clone(), disabled].into());
    assert_eq!(everybody(&directory, Some("empty")).await.0, []);
    assert_eq!(subjects(&directory.find_by_email("jo@example.org").await.unwrap()), [named].into());
    assert_eq!(directory.find_by_email("nobody@example.org").await.unwrap(), []);
}

#[tokio::test]
async fn who_appears_later_is_found_then_and_a_quote_finds_nobody() {
    let pool = Pool::start().await;
    let directory = pool.directory().await;
    assert_eq!(find(&directory, SUB).await.unwrap(), None);
    assert_eq!(find(&directory, "\" or sub = \"").await.unwrap(), None);
    let subject = pool.add("somebody", &[]).await;
    assert_eq!(find(&directory, &subject).await.unwrap().unwrap().subject, subject);
}

#[tokio::test]
async fn a_missing_pool_and_a_missing_group_are_told_apart() {
    let pool = Pool::start().await;
    let directory = pool.directory().await;
    let group = directory.group_page("nobodies", None).await.unwrap_err();
    assert!(matches!(&group, DirectoryError::NoSuchGroup { group, .. } if group == "nobodies"), "{group:?}");
    let elsewhere = Directory::connect(REGION, "us-east-1_elsewhere", Some(&pool.moto.url())).await;
    for error in [
        elsewhere.page(None).await.unwrap_err(),
        elsewhere.group_page("nobodies", None).await.unwrap_err(),
        find(&elsewhere, SUB).await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, DirectoryError::NoSuchPool { pool, .. } if pool == "us-east-1_elsewhere"),
            "{error:?}"
        );
        assert!(error.to_string().contains(&format!("us-east-1_elsewhere in {REGION}; ")), "{error}");
        assert!(error.is_misconfigured());
    }
}

/// A pool that answers as a test says.
async fn mocked() -> (MockServer, Directory) {
    let server = MockServer::start().await;
    let directory = Directory::connect(REGION, "us-east-1_mock", Some(&server.uri())).await;
    (server, directory)
}

fn refusal(code: &str) -> ResponseTemplate {
    ResponseTemplate::new(400).set_body_json(json!({"__type": code, "message": "of jo@example.org"}))
}

fn users(subjects: &[&str]) -> ResponseTemplate {
    let user = |subject: &&str| json!({"Username": "x", "Enabled": true, "UserStatus": "CONFIRMED", "Attributes": [{"Name": "sub", "Value": subject}]});
    ResponseTemplate::new(200).set_body_json(json!({"Users": subjects.iter().map(user).collect::<Vec<_>>()}))
}

/// The one user of the pool.
fn user(status: &str, enabled: bool) -> ResponseTemplate {
    let user = json!({"Username": "x", "Enabled": enabled, "UserStatus": status, "Attributes": [{"Name": "sub", "Value": SUB}]});
    ResponseTemplate::new(200).set_body_json(json!({ "Users": [user] }))
}

#[tokio::test]
async fn a_throttle_is_waited_out_and_said_when_it_lasts() {
    let (server, directory) = mocked().await;
    let throttle = refusal("TooManyRequestsException").insert_header("x-amz-retry-after", "100");
    Mock::given(header("x-amz-target", LIST_USERS)).respond_with(throttle).up_to_n_times(2).mount(&server).await;
    Mock::given(header("x-amz-target", LIST_USERS)).respond_with(users(&[SUB])).mount(&server).await;
    let begun = Instant::now();
    assert_eq!(directory.page(None).await.unwrap().users.len(), 1);
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());

    server.reset().await;
    let throttle = refusal("TooManyRequestsException").insert_header("retry-after", "60");
    Mock::given(header("x-amz-target", LIST_USERS)).respond_with(throttle).expect(1).mount(&server).await;
    let error = directory.page(None).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert!(!error.is_misconfigured());
    insta::assert_snapshot!(error.chain(), @"the user pool asks for fewer requests: TooManyRequestsException: of …; ask again in 60 s, and find out who else lists the pool if this lasts");
}

#[tokio::test]
async fn a_place_in_the_listing_that_is_not_taken_any_more_is_no_other_error() {
    let (server, directory) = mocked().await;
    let old = body_partial_json(json!({"PaginationToken": "old"}));
    Mock::given(old).respond_with(refusal("InvalidParameterException")).mount(&server).await;
    Mock::given(header("x-amz-target", LIST_USERS))
        .respond_with(refusal("InvalidParameterException"))
        .mount(&server)
        .await;
    assert!(matches!(directory.page(Some("old")).await, Err(DirectoryError::BadToken(_))));
    assert!(matches!(directory.page(None).await, Err(DirectoryError::Other(_))));
}

#[tokio::test]
async fn refused_credentials_a_server_in_trouble_and_no_server_are_told_apart() {
    let (server, directory) = mocked().await;
    Mock::given(header("x-amz-target", LIST_USERS)).respond_with(refusal("AccessDeniedException")).mount(&server).await;
    let denied = directory.page(None).await.unwrap_err();
    assert!(matches!(denied, DirectoryError::Credentials(_)) && denied.is_misconfigured());
    insta::assert_snapshot!(denied.chain(), @"there are no AWS credentials, or they may not read the user pool: AccessDeniedException: of …; give the service a role, and the role cognito-idp:ListUsers and cognito-idp:ListUsersInGroup on the pool");
    server.reset().await;
    let broken = ResponseTemplate::new(500).set_body_json(json!({"__type": "InternalErrorException"}));
    Mock::given(header("x-amz-target", LIST_USERS)).respond_with(broken).expect(3).mount(&server).await;
    assert!(matches!(directory.page(None).await, Err(DirectoryError::Unreachable(_))));
    server.verify().await;

    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    let nowhere = Directory::connect(REGION, "us-east-1_mock", Some(&nobody)).await;
    let error = find(&nowhere, SUB).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Unreachable(_)) && !error.is_misconfigured(), "{error:?}");
    assert!(error.chain().contains("onnection refused"), "{}", error.chain());
}

#[tokio::test]
async fn those_who_ask_for_one_sub_at_once_share_a_request_and_the_next_minute_needs_none() {
    let (server, directory) = mocked().await;
    let asked = body_partial_json(json!({"Filter": format!("sub = \"{SUB}\"")}));
    let slow = users(&[SUB]).set_delay(Duration::from_millis(300));
    Mock::given(asked).respond_with(slow).expect(1).mount(&server).await;
    let askers: Vec<_> = (0..50)
        .map(|_| {
            let directory = directory.clone();
            tokio::spawn(async move { find(&directory, SUB).await.unwrap().unwrap().subject })
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.await.unwrap(), SUB);
    }
    find(&directory, SUB).await.unwrap();
    server.verify().await;
}

/// An answer is as old as the question, whoever hears it.
#[tokio::test]
async fn who_shares_a_request_is_told_when_it_was_made() {
    let (server, directory) = mocked().await;
    let slow = users(&[SUB]).set_delay(Duration::from_millis(300));
    Mock::given(header("x-amz-target", LIST_USERS)).respond_with(slow).expect(1).mount(&server).await;
    let asked = async |at: DateTime<Utc>| directory.find(SUB, at).await.unwrap().asked;
    let (one, other) = tokio::join!(asked(DateTime::UNIX_EPOCH), asked(Utc::now()));
    assert_eq!(one, other);
    assert_eq!(asked(Utc::now()).await, one, "and so it is remembered");
    server.verify().await;
}

/// Somebody is found, disabled, and named by a page; then a duplicate of their message comes.
#[tokio::test]
async fn a_page_has_a_newer_word_than_what_was_found_before_it() {
    for group in [None, Some("nest-admin")] {
        let (server, directory) = mocked().await;
        let pool = Mock::given(method("POST")).respond_with(user("CONFIRMED", true)).mount_as_scoped(&server).await;
        assert!(find(&directory, SUB).await.unwrap().unwrap().enabled);
        drop(pool);
        Mock::given(method("POST")).respond_with(user("CONFIRMED", false)).mount(&server).await;
        assert!(find(&directory, SUB).await.unwrap().unwrap().enabled, "it is remembered");
        everybody(&directory, group).await;
        assert!(!find(&directory, SUB).await.unwrap().unwrap().enabled, "{group:?}");
    }
}

/// Replicas with one database at a pool that answers as a test says.
struct Replicas {
    server: MockServer,
    store: Store,
}

impl Replicas {
    async fn start(database: &str) -> Self {
        let url = shared_postgres().await.create_database(database).await.unwrap();
        Self { server: MockServer::start().await, store: Store::open(&url).await.unwrap() }
    }

    async fn one(&self) -> Confirmer {
        let directory = Directory::connect(REGION, "us-east-1_mock", Some(&self.server.uri())).await;
        let server = Server { name: "phenom.test".to_owned(), bot: "@provisioner:phenom.test".to_owned() };
        Confirmer { store: self.store.clone(), directory: Some(directory), server }
    }

    async fn state(&self) -> String {
        let rows = self.store.accounts_since(&AccountsRead::default(), 10, false).await.unwrap();
        rows.iter().map(|row| row.state.clone()).collect()
    }
}

/// A message comes to this replica.
async fn confirm(replica: &Confirmer) -> Confirmed {
    replica.confirm(SUB, AccountSource::Queue, SeenIn::default()).await.unwrap()
}

/// What the leader has recorded since one of them found somebody is newer than what that one remembers.
#[tokio::test]
async fn what_one_replica_remembers_is_not_written_over_what_another_has_recorded() {
    for (then, now) in [(true, "disabled"), (false, "active")] {
        let replicas = Replicas::start(&format!("remembered_{now}")).await;
        let (standby, leader) = (replicas.one().await, replicas.one().await);
        let pool = Mock::given(method("POST")).respond_with(user("CONFIRMED", then)).expect(1);
        let pool = pool.mount_as_scoped(&replicas.server).await;
        assert_eq!(confirm(&standby).await, Confirmed::Recorded);
        assert_eq!(confirm(&standby).await, Confirmed::Recorded, "it is remembered");
        drop(pool);
        Mock::given(method("POST")).respond_with(user("CONFIRMED", !then)).mount(&replicas.server).await;
        for replica in [&leader, &standby] {
            assert_eq!(confirm(replica).await, Confirmed::Recorded);
            assert_eq!(replicas.state().await, now);
        }
    }
}

/// The message of a sign-up overtakes the pool's own word of it.
#[tokio::test]
async fn who_was_found_unconfirmed_is_asked_for_again() {
    let replicas = Replicas::start("unconfirmed").await;
    let replica = replicas.one().await;
    let pool = Mock::given(method("POST")).respond_with(user("UNCONFIRMED", true));
    let pool = pool.mount_as_scoped(&replicas.server).await;
    assert!(matches!(confirm(&replica).await, Confirmed::Absent(_)));
    drop(pool);
    Mock::given(method("POST")).respond_with(user("CONFIRMED", true)).mount(&replicas.server).await;
    assert_eq!(confirm(&replica).await, Confirmed::Recorded);
}

/// What Cognito said of users that must not get in any more.
#[tokio::test]
async fn who_is_archived_or_compromised_is_recorded_as_disabled() {
    for status in ["ARCHIVED", "COMPROMISED"] {
        let replicas = Replicas::start(&format!("closed_{}", status.to_lowercase())).await;
        Mock::given(method("POST")).respond_with(user(status, true)).mount(&replicas.server).await;
        assert_eq!(confirm(&replicas.one().await).await, Confirmed::Recorded);
        assert_eq!(replicas.state().await, "disabled");
    }
}

#[tokio::test]
async fn what_was_asked_before_a_page_and_answered_after_it_is_not_remembered() {
    let (server, directory) = mocked().await;
    let asked = body_partial_json(json!({"Filter": format!("sub = \"{SUB}\"")}));
    let slow = users(&[SUB]).set_delay(Duration::from_millis(500));
    Mock::given(asked).respond_with(slow).expect(2).mount(&server).await;
    Mock::given(header("x-amz-target", LIST_USERS)).respond_with(users(&[])).with_priority(9).mount(&server).await;
    let (found, page) = tokio::join!(find(&directory, SUB), directory.page(None));
    assert!(found.unwrap().is_some() && page.unwrap().users.is_empty());
    find(&directory, SUB).await.unwrap();
    server.verify().await;
}

#[tokio::test]
async fn who_is_absent_and_what_fails_is_asked_for_again() {
    let (server, directory) = mocked().await;
    let asked = || Mock::given(header("x-amz-target", LIST_USERS));
    asked().respond_with(users(&[])).up_to_n_times(1).mount(&server).await;
    asked().respond_with(refusal("InternalError")).up_to_n_times(1).mount(&server).await;
    asked().respond_with(users(&[SUB])).mount(&server).await;
    assert_eq!(find(&directory, SUB).await.unwrap(), None);
    assert!(matches!(find(&directory, SUB).await, Err(DirectoryError::Other(_))));
    assert_eq!(find(&directory, SUB).await.unwrap().unwrap().subject, SUB);
}

#[tokio::test]
async fn a_user_who_cannot_be_read_is_counted() {
    let (server, directory) = mocked().await;
    let page =
        json!({"PaginationToken": "next", "Users": [{"Username": "x", "Enabled": true, "UserStatus": "CONFIRMED"}]});
    Mock::given(header("x-amz-target", LIST_USERS))
        .respond_with(ResponseTemplate::new(200).set_body_json(page))
        .mount(&server)
        .await;
    let page = directory.page(None).await.unwrap();
    assert_eq!((page.users.len(), page.unreadable, page.next.as_deref()), (0, 1, Some("next")));
}

/// An answer of the pool with these fields.
fn answer(fields: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(fields)
}

#[tokio::test]
async fn a_user_behind_an_empty_page_is_found() {
    let (server, directory) = mocked().await;
    let next = body_partial_json(json!({"PaginationToken": "next"}));
    Mock::given(next).respond_with(users(&[SUB])).mount(&server).await;
    let empty = answer(&json!({"Users": [], "PaginationToken": "next"}));
    Mock::given(header("x-amz-target", LIST_USERS)).respond_with(empty).mount(&server).await;
    assert_eq!(find(&directory, SUB).await.unwrap().unwrap().subject, SUB);
    assert_eq!(directory.find_now(SUB, Utc::now()).await.unwrap().unwrap().subject, SUB);
    assert_eq!(subjects(&directory.find_by_email("jo@example.org").await.unwrap()), [SUB.to_owned()].into());
}

#[tokio::test]
async fn an_address_that_several_have_is_not_that_of_the_first_page_alone() {
    let (server, directory) = mocked().await;
    let next = body_partial_json(json!({"PaginationToken": "next"}));
    Mock::given(next).respond_with(users(&["another"])).mount(&server).await;
    let user = json!({"Username": "x", "UserStatus": "CONFIRMED", "Attributes": [{"Name": "sub", "Value": SUB}]});
    let first = answer(&json!({"Users": [user], "PaginationToken": "next"}));
    Mock::given(header("x-amz-target", LIST_USERS)).respond_with(first).mount(&server).await;
    let found = directory.find_by_email("jo@example.org").await.unwrap();
    assert_eq!(subjects(&found), [SUB.to_owned(), "another".to_owned()].into());
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_or_does_not_end_is_no_absence() {
    let unreadable = json!({"Users": [{"Username": "x", "Enabled": true, "UserStatus": "CONFIRMED"}]});
    let endless = json!({"Users": [], "PaginationToken": "next"});
    for fields in [unreadable, endless] {
        let (server, directory) = mocked().await;
        Mock::given(header("x-amz-target", LIST_USERS)).respond_with(answer(&fields)).mount(&server).await;
        for error in [
            find(&directory, SUB).await.unwrap_err(),
            directory.find_now(SUB, Utc::now()).await.unwrap_err(),
            directory.find_by_email("jo@example.org").await.unwrap_err(),
        ] {
            assert!(error.chain().contains("does not say whether it has a user"), "{error:?}");
            assert!(!error.is_misconfigured() && error.retry_after().is_none(), "{error:?}");
        }
    }
}

/// A `backfill` that somebody stopped with Ctrl-Z: its connection stays open, and says nothing.
#[tokio::test]
async fn the_right_to_list_stays_with_a_process_that_works_and_not_with_one_that_is_frozen() {
    let postgres = shared_postgres().await;
    let working = postgres.create_database("right_of_a_working_process").await.unwrap();
    let frozen = postgres.create_database("right_of_a_frozen_process").await.unwrap();
    let (worker, beside) = (Store::open(&working).await.unwrap(), Store::open(&working).await.unwrap());
    let store = Store::open(&frozen).await.unwrap();

    let kept = worker.try_list().await.unwrap().unwrap();
    let (tell, told) = tokio::sync::oneshot::channel();
    let (thaw, thawed) = std::sync::mpsc::channel::<()>();
    let process = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let right = runtime.block_on(async { Store::open(&frozen).await.unwrap().try_list().await.unwrap() });
        tell.send(right.is_some()).unwrap();
        // Nothing of this runtime is polled from here on, and none of its connections is closed.
        thawed.recv().unwrap_err();
    });
    assert!(told.await.unwrap());
    assert!(store.try_list().await.unwrap().is_none());
    let is_free = async |store: &Store| store.try_list().await.unwrap().is_some();
    let bound = Duration::from_secs(120);
    wait_until("the right of the frozen one is free", bound, async || is_free(&store).await).await.unwrap();
    assert!(!is_free(&beside).await, "the other one has had it for longer");
    kept.release().await;
    wait_until("the right of the other one is given back", bound, async || is_free(&beside).await).await.unwrap();
    drop(thaw);
    process.join().unwrap();
}

/// Ends the session of the process that lists.
const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks
                   WHERE locktype = 'advisory' AND objid = x'74696e67'::bigint::oid
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// The pool is silent meanwhile: that is no trouble of a listing that may be another's by now.
#[tokio::test]
async fn a_listing_ends_where_the_right_to_list_is_lost() {
    let (pool, directory) = mocked().await;
    let silent = users(&[]).set_delay(Duration::from_secs(60));
    Mock::given(method("POST")).respond_with(silent).mount(&pool).await;
    let url = shared_postgres().await.create_database("right_that_is_lost").await.unwrap();
    let store = Store::open(&url).await.unwrap();
    let server = Server { name: "phenom.test".to_owned(), bot: "@provisioner:phenom.test".to_owned() };
    let (right, stop) = (store.try_list().await.unwrap().unwrap(), CancellationToken::new());
    let listing = list_pool(&store, &directory, &server, &right, &stop, |_| {});
    let listing = tokio::time::timeout(Duration::from_secs(60), listing);
    let loses = async {
        let is_asked = async || pool.received_requests().await.is_some_and(|requests| !requests.is_empty());
        wait_until("the pool is asked", Duration::from_secs(30), is_asked).await.unwrap();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query(END).execute(&mut connection).await.unwrap();
    };
    let (listed, ()) = tokio::join!(listing, loses);
    assert!(matches!(listed, Ok(Err(ListingError::Lost))), "{listed:?}");
    right.release().await;
    let left = store.last_listing().await.unwrap().unwrap();
    assert_eq!((left.trouble, left.completed_at), (None, None), "the next one goes on with it");
}
