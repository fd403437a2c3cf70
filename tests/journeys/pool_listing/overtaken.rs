//! Answers of the pool that come late: of two about one user the one that was asked for last counts.

use testbed::{Effect, Matching, NewUser, Proxy, Recorded, SynapseVersion, wait_until};

use crate::pool_support::{cognito, pool, whole_listings};
use crate::staff_support::closed;
use crate::support::{SOON, Settings};

crate::on_one_version!(a_page_that_is_overtaken_by_a_newer_answer_disables_nobody);

/// Somebody is disabled when a page is asked for, and is enabled and gives a command while it is on its way.
async fn a_page_that_is_overtaken_by_a_newer_answer_disables_nobody(version: SynapseVersion) {
    let pool = pool().await;
    // One proxy holds the page back, and the one behind it knows that the pool has answered.
    let at_the_pool = Proxy::start(&pool.endpoint).await.unwrap();
    let proxy = Proxy::start(at_the_pool.url()).await.unwrap();
    let mut behind = pool.clone();
    proxy.url().clone_into(&mut behind.endpoint);
    let settings = Settings { sections: cognito(&behind, "6h", "remove"), ..Settings::default() };
    let staff = closed(version, settings).await;
    pool.import(&[NewUser::with_sub(&staff.lead_sub), NewUser::with_sub(&staff.member_sub)]).await.unwrap();
    staff.start().await;
    let (stage, sub) = (&staff.stage, &staff.lead_sub);
    stage.until(&stage.red, sub, "join", SOON).await;
    wait_until("the pool is listed", SOON, async || whole_listings(stage).await == 1).await.unwrap();
    stage.quiet().await;

    pool.disable(sub).await.unwrap();
    let is_answered = |request: &Recorded| request.action.as_deref() == Some("ListUsers") && request.status.is_some();
    let before = at_the_pool.count(is_answered);
    let page = proxy.fault(Matching::any().action("ListUsers").times(1), Effect::HoldAnswer);
    let mut database = stage.connect().await;
    let overtakes = async {
        wait_until("the page is on its way", SOON, async || at_the_pool.count(is_answered) > before).await.unwrap();
        pool.enable(sub).await.unwrap();
        staff.say(&staff.lead, "!provisioner status").await;
        let seen = "SELECT last_seen > (SELECT max(started_at) FROM provisioner.listings)
                    FROM provisioner.accounts WHERE subject = $1";
        wait_until("they were asked for", SOON, async || {
            let seen = sqlx::query_scalar::<_, Option<bool>>(seen).bind(sub).fetch_one(&mut database);
            seen.await.unwrap() == Some(true)
        })
        .await
        .unwrap();
        page.lift();
    };
    let (output, ()) = tokio::join!(stage.service.run_cli(&["backfill"]), overtakes);
    let output = output.unwrap();
    assert!(output.status == Some(0) && output.stdout.contains("2 users, of which 0 new or changed"), "{output:?}");
    stage.quiet().await;
    for room in [&stage.staff, &stage.red] {
        assert_eq!(stage.membership(room, sub).await, "join");
    }
    stage.nothing_left().await;
}
