//! The Staff room where a pool is read: people by e-mail address, newcomers, and groups that allow commands.

use testbed::{NewUser, SynapseVersion, wait_until};

use crate::pool_support::{cognito, pool};
use crate::staff_support::closed;
use crate::support::{SOON, Settings, subject};

crate::on_both_versions!(the_pool_is_asked_for_people_and_for_groups_as_they_are_now);

async fn the_pool_is_asked_for_people_and_for_groups_as_they_are_now(version: SynapseVersion) {
    let pool = pool().await;
    pool.create_group("nest-admin").await.unwrap();
    pool.create_group("nest-pilots").await.unwrap();
    // What the listing does not find within the hour, a command does.
    let settings = Settings { sections: cognito(&pool, "1h", "remove"), ..Settings::default() };
    let mut staff = closed(version, settings).await;
    pool.import(&[NewUser::with_sub(&staff.lead_sub), NewUser::with_sub(&staff.member_sub)]).await.unwrap();
    for sub in [&staff.lead_sub, &staff.member_sub] {
        pool.add_to_group(sub, "nest-admin").await.unwrap();
    }
    let commands = "[commands]\nroom = \"staff\"\nallow = [{ group = \"nest-admin\" }]\n[modes]";
    staff.stage.edit(|config| {
        config.replace("[modes]", commands).replace(r#"{ team = "analysts" }"#, r#"{ group = "nest-pilots" }"#)
    });
    staff.start().await;
    let mut database = staff.stage.connect().await;
    let groups = "SELECT array_agg(name ORDER BY name) = '{nest-admin,nest-pilots}' FROM provisioner.groups
                  WHERE listed_at IS NOT NULL";
    wait_until("both groups are read", SOON, async || {
        sqlx::query_scalar::<_, Option<bool>>(groups).fetch_one(&mut database).await.unwrap() == Some(true)
    })
    .await
    .unwrap();
    let say = async |text: &str| {
        let answer = staff.ask(&staff.lead, &format!("!provisioner {text}")).await;
        answer["body"].as_str().unwrap().to_owned()
    };

    let address = format!("{}@example.org", staff.member_sub);
    let answer = say(&format!("explain {address}")).await;
    assert!(answer.starts_with(&staff.stage.mxid(&staff.member_sub)) && !answer.contains(&address), "{answer}");
    let answer = say("explain nobody@example.org").await;
    assert!(answer.starts_with("Not found: the pool has nobody") && !answer.contains("nobody@"), "{answer}");
    let output = staff.stage.service.run_cli(&["explain", &address]).await.unwrap();
    assert!(output.status == Some(0) && output.stdout.contains(&staff.stage.mxid(&staff.member_sub)), "{output:?}");

    let newcomer = subject();
    pool.import(&[NewUser::with_sub(&newcomer)]).await.unwrap();
    let answer = say(&format!("provision {newcomer}@example.org")).await;
    assert!(answer.starts_with(&staff.stage.mxid(&newcomer)), "{answer}");
    staff.stage.until(&staff.stage.red, &newcomer, "join", SOON).await;
    let source = "SELECT source FROM provisioner.accounts WHERE subject = $1";
    let source: String = sqlx::query_scalar(source).bind(&newcomer).fetch_one(&mut database).await.unwrap();
    assert_eq!(source, "command", "no roster named them");
    // What commands do not ask about is still known.
    assert_eq!(sqlx::query_scalar::<_, Option<bool>>(groups).fetch_one(&mut database).await.unwrap(), Some(true));
    let answer = say(&format!("provision {}", subject())).await;
    assert!(answer.contains("The pool does not have them"), "{answer}");

    pool.remove_from_group(&staff.lead_sub, "nest-admin").await.unwrap();
    // A reading that allowed somebody is good for five seconds.
    let old = "SELECT listed_at < now() - interval '5 seconds' FROM provisioner.groups WHERE name = 'nest-admin'";
    wait_until("the reading of the group is too old", SOON, async || {
        sqlx::query_scalar(old).fetch_one(&mut database).await.unwrap()
    })
    .await
    .unwrap();
    assert!(say("status").await.starts_with("You may not give me commands"));
    let everywhere = format!("{:?}{}{:?}", staff.ledger().await, staff.stage.service.log(), staff.said().await);
    assert!(!everywhere.contains("@example.org"), "an address is never shown back, logged or kept");
}
