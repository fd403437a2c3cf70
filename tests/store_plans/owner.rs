//! The ledger of another owner, as `docs/hardening.md` sets it up: the service's own role adds to it and can do nothing else.

use phenom_provisioner::store::{LedgerLine, LedgerOutcome, Store};
use regex::Regex;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::fill::{empty, run};
use crate::statements::join;

/// Carries the statements of that page out, with the rights of an administrator of RDS, who is no superuser.
const ADMINISTRATOR: &str = "ledger_test_administrator";

/// The service's role.
const SERVICE: &str = "ledger_test_service";

/// The statements of that page that speak of the ledger's owner, with this role for the service's.
fn statements() -> Vec<String> {
    let page = include_str!("../../docs/hardening.md");
    let blocks = Regex::new(r"(?s)```sql\n(.*?)```").unwrap();
    let block = blocks.captures_iter(page).find(|block| block[1].contains("OWNER TO ledger_owner")).unwrap();
    // The role, and not the schema of the same name.
    let role = Regex::new(r"(TO|,) provisioner\b").unwrap();
    let sql =
        role.replace_all(&block[1], format!("$1 {SERVICE}")).replace("ledger_owner", &format!("{SERVICE}_ledger"));
    sql.split(';').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

#[tokio::test]
async fn with_an_owner_of_its_own_the_ledger_is_added_to_and_never_changed_by_the_service() {
    let (url, _) = empty("owned").await;
    let of_role = |role: &str| url.replace("//postgres@", &format!("//{role}@"));
    let name = url.rsplit('/').next().unwrap();
    let mut superuser = PgConnection::connect(&url).await.unwrap();
    run(&mut superuser, "DROP SCHEMA provisioner CASCADE").await;
    run(&mut superuser, &format!("CREATE ROLE {ADMINISTRATOR} LOGIN CREATEROLE CREATEDB")).await;
    let mut administrator = PgConnection::connect(&of_role(ADMINISTRATOR)).await.unwrap();
    run(&mut administrator, &format!("CREATE ROLE {SERVICE} LOGIN")).await;
    run(&mut superuser, &format!("ALTER DATABASE {name} OWNER TO {SERVICE}")).await;
    let ours = of_role(SERVICE);
    drop(Store::open(&ours).await.unwrap());
    for statement in statements() {
        run(&mut administrator, &statement).await;
    }
    // It starts again, and goes on.
    let store = Store::open(&ours).await.unwrap();
    let line = LedgerLine { entry: &join(1), outcome: LedgerOutcome::Done, detail: None };
    store.append_ledger(1, &[line]).await.unwrap();
    assert_eq!(store.done_lately(60.0).await.unwrap().len(), 1);
    let mut service = PgConnection::connect(&ours).await.unwrap();
    for change in [
        "DELETE FROM provisioner.ledger",
        "TRUNCATE provisioner.ledger",
        "UPDATE provisioner.ledger SET cause = 'another'",
        "ALTER TABLE provisioner.ledger DISABLE TRIGGER ALL",
        "DROP TRIGGER ledger_is_append_only ON provisioner.ledger",
        "DROP TABLE provisioner.ledger",
        "DROP SCHEMA provisioner CASCADE",
        "CREATE OR REPLACE FUNCTION provisioner.refuse_ledger_change() RETURNS trigger LANGUAGE sql AS ''",
    ] {
        let refused = sqlx::query(AssertSqlSafe(change)).execute(&mut service).await.unwrap_err().to_string();
        let is_refused = ["must be owner", "permission denied", "append-only"].iter().any(|why| refused.contains(why));
        assert!(is_refused, "{change}: {refused}");
    }
}
