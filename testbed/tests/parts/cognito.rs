//! The emulated Cognito: a person's life in a pool, groups, and pools of many.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};
use testbed::{NewUser, Pool, shared_moto};

const MANY: usize = 20_000;

#[tokio::test]
async fn somebody_signs_up_is_confirmed_disabled_enabled_and_deleted() {
    let pool = Pool::create(&*shared_moto().await).await.unwrap();
    let sub = pool.sign_up("ada@example.org", "Ada").await.unwrap();
    assert_eq!(status(&pool, &sub).await, json!(["UNCONFIRMED", true]));
    assert!(pool.id_token(&sub).await.is_err());
    pool.confirm(&sub).await.unwrap();
    assert_eq!(status(&pool, &sub).await, json!(["CONFIRMED", true]));
    assert_eq!(pool.claims(&sub).await.unwrap()["sub"], sub.as_str());
    pool.disable(&sub).await.unwrap();
    assert_eq!(status(&pool, &sub).await, json!(["CONFIRMED", false]));
    pool.enable(&sub).await.unwrap();
    assert_eq!(status(&pool, &sub).await, json!(["CONFIRMED", true]));
    pool.delete(&sub).await.unwrap();
    assert!(pool.user(&sub).await.is_err());
    let again = pool.sign_up("ada@example.org", "Ada").await.unwrap();
    assert_ne!(again, sub, "a name is used again, a sub never");
}

#[tokio::test]
async fn whom_an_administrator_makes_is_confirmed_by_a_password() {
    let pool = Pool::create(&*shared_moto().await).await.unwrap();
    let sub = pool.admin_create("ben@example.org", "Ben").await.unwrap();
    assert_eq!(status(&pool, &sub).await, json!(["FORCE_CHANGE_PASSWORD", true]));
    pool.set_password(&sub).await.unwrap();
    assert_eq!(status(&pool, &sub).await, json!(["CONFIRMED", true]));
}

#[tokio::test]
async fn groups_have_members_until_they_are_removed() {
    let pool = Pool::create(&*shared_moto().await).await.unwrap();
    let sub = pool.sign_up("cleo@example.org", "Cleo").await.unwrap();
    pool.create_group("nest-admin").await.unwrap();
    pool.add_to_group(&sub, "nest-admin").await.unwrap();
    let members = async || {
        let body = json!({ "UserPoolId": pool.id, "GroupName": "nest-admin" });
        let answer = pool.call("ListUsersInGroup", body).await.unwrap();
        answer["Users"].as_array().unwrap().iter().map(sub_of).collect::<Vec<_>>()
    };
    assert_eq!(members().await, [sub.as_str()]);
    pool.remove_from_group(&sub, "nest-admin").await.unwrap();
    assert!(members().await.is_empty());
    assert!(pool.add_to_group(&sub, "nobody-made-this").await.is_err());
}

#[tokio::test]
async fn a_sub_can_be_chosen() {
    let pool = Pool::create(&*shared_moto().await).await.unwrap();
    let sub = "0b9cb6a8-3c7e-4f4e-9a51-3f3b7c1f9d10";
    pool.import(&[NewUser { name: Some("Dan".to_owned()), ..NewUser::with_sub(sub) }]).await.unwrap();
    assert_eq!(status(&pool, sub).await, json!(["CONFIRMED", true]));
    pool.set_password(sub).await.unwrap();
    assert_eq!(pool.claims(sub).await.unwrap()["sub"], sub);
}

#[tokio::test]
async fn a_pool_of_twenty_thousand_is_listed_page_by_page() {
    let pool = Pool::create(&*shared_moto().await).await.unwrap();
    let start = Instant::now();
    let made: BTreeSet<String> = pool.import_many(MANY).await.unwrap().into_iter().collect();
    println!("{MANY} users made in {:?}", start.elapsed());
    let start = Instant::now();
    let (listed, pages) = list(&pool).await.unwrap();
    let each = start.elapsed() / pages;
    println!("listed in {:?}: {pages} pages of {each:?} each", start.elapsed());
    assert_eq!((listed == made, pages), (true, 334));
    let start = Instant::now();
    let one = made.first().unwrap();
    pool.user(one).await.unwrap();
    println!("one found by its sub in {:?}", start.elapsed());
}

/// All subs, and how many pages it took.
async fn list(pool: &Pool) -> Result<(BTreeSet<String>, u32)> {
    let (mut subs, mut pages) = (BTreeSet::new(), 0);
    let mut body = json!({ "UserPoolId": pool.id, "Limit": 60 });
    loop {
        let answer = pool.call("ListUsers", body.clone()).await?;
        subs.extend(answer["Users"].as_array().into_iter().flatten().map(sub_of));
        pages += 1;
        let Some(token) = answer["PaginationToken"].as_str() else { return Ok((subs, pages)) };
        body["PaginationToken"] = json!(token);
    }
}

fn sub_of(user: &Value) -> String {
    let mut attributes = user["Attributes"].as_array().into_iter().flatten();
    let sub = attributes.find(|attribute| attribute["Name"] == "sub");
    sub.and_then(|sub| sub["Value"].as_str()).unwrap_or_default().to_owned()
}

/// Its status, and whether it is enabled.
async fn status(pool: &Pool, sub: &str) -> Value {
    let user = pool.user(sub).await.unwrap_or_default();
    json!([user["UserStatus"], user["Enabled"]])
}
