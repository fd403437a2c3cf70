//! The Staff room where a pool is read: people by e-mail address, newcomers, and groups that allow commands.

use serde_json::{Value, json};
use testbed::{Effect, Matching, NewUser, Pool, Proxy, SynapseVersion, wait_until};

use crate::pool_support::{cognito, pool};
use crate::staff_support::{StaffStage, closed};
use crate::support::{SOON, Settings, subject, subjects};

crate::on_one_version!(
    the_pool_is_asked_for_people_and_for_groups_as_they_are_now,
    a_group_that_is_read_for_a_sender_takes_out_nobody_else,
    whose_own_reading_of_a_group_fails_is_judged_by_the_next_one,
    an_operator_who_is_disabled_in_the_pool_commands_nothing_although_no_listing_ran,
    a_pool_that_does_not_answer_lets_nobody_command,
);

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
    assert!(!answer.contains("Unverified"), "{answer}");
    // Anybody may claim an address.
    let claimed = pool.admin_create("ceo@example.org", "Ceo").await.unwrap();
    let answer = say("explain ceo@example.org").await;
    assert!(answer.contains(&staff.stage.mxid(&claimed)) && answer.contains("Unverified: "), "{answer}");
    let output = staff.stage.service.run_cli(&["explain", "ceo@example.org"]).await.unwrap();
    assert!(output.stderr.contains("Unverified: "), "{output:?}");
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

/// Both people are in the pool, which the service reads through the proxy, and in its group `nest-admin`, who may command and were
/// read just now.
async fn allowed_by_group(version: SynapseVersion) -> (StaffStage, Pool, Proxy) {
    let pool = pool().await;
    pool.create_group("nest-admin").await.unwrap();
    let proxy = Proxy::start(&pool.endpoint).await.unwrap();
    let mut behind = pool.clone();
    behind.endpoint = proxy.url().to_owned();
    let settings = Settings { sections: cognito(&behind, "6h", "remove"), ..Settings::default() };
    let mut staff = closed(version, settings).await;
    pool.import(&[NewUser::with_sub(&staff.lead_sub), NewUser::with_sub(&staff.member_sub)]).await.unwrap();
    for sub in [&staff.lead_sub, &staff.member_sub] {
        pool.add_to_group(sub, "nest-admin").await.unwrap();
    }
    let commands = "[commands]\nroom = \"staff\"\nallow = [{ group = \"nest-admin\" }]\n[modes]";
    staff.stage.edit(|config| config.replace("[modes]", commands));
    staff.start().await;
    let mut database = staff.stage.connect().await;
    // The next reading that nobody asks for comes a minute after that.
    let read = "SELECT count(*) = 2 AND bool_and(listed_at > now() - interval '20 seconds')
                FROM provisioner.groups JOIN provisioner.group_members USING (name)";
    wait_until("the group is read", SOON, async || {
        sqlx::query_scalar::<_, Option<bool>>(read).fetch_one(&mut database).await.unwrap() == Some(true)
    })
    .await
    .unwrap();
    (staff, pool, proxy)
}

async fn a_group_that_is_read_for_a_sender_takes_out_nobody_else(version: SynapseVersion) {
    let (staff, _, proxy) = allowed_by_group(version).await;
    let mut database = staff.stage.connect().await;
    let mut members = async || -> Vec<String> {
        let members = "SELECT user_id FROM provisioner.group_members WHERE name = 'nest-admin'";
        sqlx::query_scalar(members).fetch_all(&mut database).await.unwrap()
    };
    let gone = staff.member_sub.clone();
    let lacks = Effect::rewrite(move |mut answer| {
        if let Some(users) = answer["Users"].as_array_mut() {
            users.retain(|user| !user.to_string().contains(&gone));
        }
        answer
    });
    let stale = proxy.fault(Matching::any().action("ListUsersInGroup"), lacks);
    let answer = staff.ask(&staff.lead, "!provisioner status").await;
    assert!(!answer["body"].as_str().unwrap().starts_with("You may not"), "{answer:#}");
    assert!(stale.hits() > 0, "the group was read for it");
    assert_eq!(members().await.len(), 2);
    // Of their own command the same reading decides.
    let answer = staff.ask(&staff.member, "!provisioner status").await;
    assert!(answer["body"].as_str().unwrap().starts_with("You may not give me commands"), "{answer:#}");
    assert_eq!(members().await, [staff.stage.mxid(&staff.lead_sub)]);
}

/// The reading for somebody else who may command makes the group good again, while the pool is still asked for their account.
async fn whose_own_reading_of_a_group_fails_is_judged_by_the_next_one(version: SynapseVersion) {
    let (staff, pool, proxy) = allowed_by_group(version).await;
    let mut database = staff.stage.connect().await;
    let mut is_troubled = async || -> bool {
        let trouble = "SELECT trouble IS NOT NULL FROM provisioner.groups WHERE name = 'nest-admin'";
        sqlx::query_scalar(trouble).fetch_one(&mut database).await.unwrap()
    };
    pool.remove_from_group(&staff.lead_sub, "nest-admin").await.unwrap();
    let refusal = json!({"__type": "InvalidParameterException", "message": "not today"});
    proxy.fault(Matching::any().action("ListUsersInGroup").times(1), Effect::Answer(400, refusal));
    let slow = proxy.fault(Matching::any().action("ListUsers").times(1), Effect::Hold);
    let pause = staff.say(&staff.lead, "!provisioner pause").await;
    wait_until("the group cannot be read", SOON, async || is_troubled().await).await.unwrap();
    wait_until("the pool is asked for the lead", SOON, async || slow.hits() == 1).await.unwrap();
    let status = staff.say(&staff.member, "!provisioner status").await;
    wait_until("the group is read for the member", SOON, async || !is_troubled().await).await.unwrap();
    slow.release();
    let answer = staff.answer(&pause).await;
    // Where all this took longer than they are waited for, nobody knows whether they may.
    let body = answer["body"].as_str().unwrap();
    assert!(body.starts_with("You may not give me commands") || body.contains("cannot be checked now"), "{answer:#}");
    assert_eq!(staff.stage.metric("provisioner_paused").await, 0.0);
    let answer = staff.answer(&status).await;
    assert!(!answer["body"].as_str().unwrap().starts_with("You may not"), "{answer:#}");
}

/// Everybody of the team staff may command, and both people are in the pool.
async fn allowed_by_team(version: SynapseVersion, pool: &Pool, settings: Settings) -> StaffStage {
    let mut staff = closed(version, settings).await;
    pool.import(&[NewUser::with_sub(&staff.lead_sub), NewUser::with_sub(&staff.member_sub)]).await.unwrap();
    let commands = "[commands]\nroom = \"staff\"\nallow = [{ team = \"staff\" }]\n[modes]";
    staff.stage.edit(|config| config.replace("[modes]", commands));
    staff
}

async fn an_operator_who_is_disabled_in_the_pool_commands_nothing_although_no_listing_ran(version: SynapseVersion) {
    let pool = pool().await;
    let guard = "free_removals = 2\nmax_removals = 5\nmax_fraction = 0.2".to_owned();
    let settings = Settings { sections: cognito(&pool, "6h", "remove"), guard, ..Settings::default() };
    let staff = allowed_by_team(version, &pool, settings).await;
    let (people, approver) = (subjects(6), subject());
    let others: Vec<NewUser> = people.iter().chain([&approver]).map(|sub| NewUser::with_sub(sub)).collect();
    pool.import(&others).await.unwrap();
    staff.stage.hasura.add(&approver, "staff", "member").await.unwrap();
    for sub in &people {
        staff.stage.hasura.add(sub, "analysts", "member").await.unwrap();
    }
    staff.start().await;
    for sub in &people {
        staff.stage.until(&staff.stage.analysts, sub, "join", SOON).await;
    }
    for sub in &people[..3] {
        staff.stage.hasura.remove(sub, "analysts").await.unwrap();
    }
    staff.stage.hook().await;
    let post = staff.posted("3 people would").await;
    // The pool was asked for both just now, and said that all is well.
    for person in [&staff.lead, &staff.member] {
        let answer = staff.ask(person, "!provisioner status").await;
        assert!(!answer["body"].as_str().unwrap().starts_with("You may not"), "{answer:#}");
    }

    pool.disable(&staff.lead_sub).await.unwrap();
    let tap = staff.react(&staff.lead, &post, "✅").await;
    assert_eq!(staff.ended(&tap).await, "answered");
    let answer = staff.answer(&post).await;
    assert!(answer["body"].as_str().unwrap().contains("the account is disabled"), "{answer:#}");
    pool.disable(&staff.member_sub).await.unwrap();
    let answer = staff.ask(&staff.member, "!provisioner pause").await;
    assert!(answer["body"].as_str().unwrap().contains("the account is disabled"), "{answer:#}");
    assert_eq!(staff.stage.metric("provisioner_paused").await, 0.0);

    // What was approved before, and is spent only now, is judged by the same word.
    pool.disable(&approver).await.unwrap();
    let (_, plan) = staff.stage.plan().await;
    let asked =
        "WITH asked AS (INSERT INTO provisioner.pass_requests (approve, requested_by) VALUES ($1, $2) RETURNING id)
                 SELECT id FROM asked, LATERAL (SELECT pg_notify('provisioner_requests', '')) AS woken";
    let mut database = staff.stage.connect().await;
    let asked = sqlx::query_scalar(asked).bind(plan["held_id"].as_str().unwrap()).bind(staff.stage.mxid(&approver));
    let id: i64 = asked.fetch_one(&mut database).await.unwrap();
    let mut report = async || {
        let report = sqlx::query_scalar("SELECT report FROM provisioner.pass_requests WHERE id = $1").bind(id);
        report.fetch_one(&mut database).await.unwrap()
    };
    wait_until("it is answered", SOON, async || Option::<Value>::is_some(&report().await)).await.unwrap();
    let report = report().await.unwrap();
    assert!(report["errors"][0].as_str().unwrap().contains("the account is disabled"), "{report:#}");

    for sub in &people {
        assert_eq!(staff.stage.membership(&staff.stage.analysts, sub).await, "join");
    }
    let listings = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM provisioner.listings");
    assert_eq!(listings.fetch_one(&mut staff.stage.connect().await).await.unwrap(), 1, "the one of the start");
}

async fn a_pool_that_does_not_answer_lets_nobody_command(version: SynapseVersion) {
    let pool = pool().await;
    let proxy = Proxy::start(&pool.endpoint).await.unwrap();
    let mut behind = pool.clone();
    behind.endpoint = proxy.url().to_owned();
    let settings = Settings { sections: cognito(&behind, "6h", "remove"), ..Settings::default() };
    let staff = allowed_by_team(version, &pool, settings).await;
    staff.start().await;
    let answer = staff.ask(&staff.lead, "!provisioner status").await;
    assert!(!answer["body"].as_str().unwrap().contains("cannot be checked"), "{answer:#}");
    let silent = proxy.fault(Matching::any(), Effect::Hold);
    let answer = staff.ask(&staff.lead, "!provisioner pause").await;
    assert!(answer["body"].as_str().unwrap().contains("cannot be checked now"), "{answer:#}");
    assert_eq!(staff.stage.metric("provisioner_paused").await, 0.0);
    assert!(staff.ledger().await[0]["detail"].as_str().unwrap().contains("did not answer within"));
    // Somebody who commands waits for an answer: each time there is one.
    let answer = staff.ask(&staff.lead, "!provisioner status").await;
    assert!(answer["body"].as_str().unwrap().contains("cannot be checked now"), "{answer:#}");
    silent.lift();
    let answer = staff.ask(&staff.lead, "!provisioner pause").await;
    assert!(answer["body"].as_str().unwrap().starts_with("Paused"), "{answer:#}");
    staff.ask(&staff.lead, "!provisioner resume").await;
}
