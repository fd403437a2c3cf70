//! What a pass reads of the pool while a listing ends: what is believed is never newer than the rows.

use std::time::Duration;

use phenom_provisioner::homeserver::{Homeserver, Timeouts};
use phenom_provisioner::reconcile::Reconciler;
use phenom_provisioner::store::{AccountSource, SeenAccount, SeenIn};
use provisioner_policy::{Account, AccountsFrom, Policy, SourceState};
use sqlx::{Connection, PgConnection};
use testbed::wait_until;

use crate::fill::{empty, run};

const SERVER: &str = "example.org";
const BOT: &str = "@bot:example.org";
const USER: &str = "@0:example.org";

/// A listing disables somebody and is whole, at one moment, which has not come yet for who looks at the listings.
const ENDS: &str = "LOCK TABLE provisioner.listings;
                    UPDATE provisioner.accounts SET state = 'disabled', revision = 1000;
                    INSERT INTO provisioner.listings (completed_at) VALUES (clock_timestamp())";

/// Whether somebody waits to look at the listings.
const IS_WAITED_FOR: &str = "SELECT EXISTS (
    SELECT FROM pg_locks WHERE NOT granted AND relation = 'provisioner.listings'::regclass
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";

#[tokio::test]
async fn a_listing_that_ends_while_accounts_are_read_is_not_believed_without_its_rows() {
    let (url, store) = empty("read_while_listed").await;
    let homeserver = Homeserver::connect("http://127.0.0.1:9", BOT, "token", Timeouts::default()).await.unwrap();
    let policy = Policy { server_name: SERVER.to_owned(), bot: BOT.to_owned(), ..Policy::default() };
    let mut reconciler = Reconciler::new(policy, AccountsFrom::Pool, store.clone(), homeserver, None);
    let seen = SeenAccount { subject: "0".to_owned(), user_id: USER.to_owned(), disabled: false, display_name: None };
    let asked = store.now().await.unwrap();
    store.record_accounts(&[seen], AccountSource::Pool, SeenIn::default(), asked).await.unwrap();

    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut listing = connection.begin().await.unwrap();
    run(&mut listing, ENDS).await;
    let ends = async {
        wait_until("the listings are looked at", Duration::from_secs(5), async || {
            sqlx::query_scalar::<_, bool>(IS_WAITED_FOR).fetch_one(&mut *listing).await.unwrap()
        })
        .await
        .unwrap();
        listing.commit().await.unwrap();
    };
    let (read, ()) = tokio::join!(reconciler.read_accounts(), ends);
    read.unwrap();
    let world = reconciler.world();
    let account = world.facts.account(world.users.get(USER).unwrap());
    assert_eq!((&world.facts.pool, account), (&SourceState::Good, Account::Disabled));
}
