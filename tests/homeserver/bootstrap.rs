//! The first steps on a new homeserver.

use phenom_provisioner::homeserver::{CallError, PromoteError, WriteOutcome};
use serde_json::json;
use wiremock::{
    Mock, MockServer,
    matchers::{body_json, body_partial_json, header, method, path, path_regex},
};

use super::*;

#[tokio::test]
async fn registering_the_sender_twice_is_fine() {
    for (answer, expected) in [
        (ok(json!({ "user_id": BOT })), WriteOutcome::Done),
        (refused(400, "M_USER_IN_USE", "User ID already taken."), WriteOutcome::AlreadySo),
    ] {
        let server = MockServer::start().await;
        expect_once(&server, "POST", "/_matrix/client/v3/register", answer).await;
        assert_eq!(bot_at(&server).await.register_sender("bot").await.unwrap(), expected);
        let body = json!({ "type": "m.login.application_service", "username": "bot", "inhibit_login": true });
        assert_eq!(only_body(&server).await, body);
    }
}

#[tokio::test]
async fn the_admin_token_is_used_for_the_promotion() {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .and(path("/_synapse/admin/v1/users/@bot:hs.test/admin"))
        .and(header("authorization", "Bearer admin-token"))
        .and(body_json(json!({ "admin": true })))
        .respond_with(ok(json!({})))
        .expect(1)
        .mount(&server)
        .await;
    bot_at(&server).await.promote_with_admin_token("admin-token").await.unwrap();
}

#[tokio::test]
async fn whose_fault_a_failed_promotion_is() {
    for (answer, expected) in [
        (refused(401, "M_UNKNOWN_TOKEN", "Invalid access token passed."), "AdminTokenRejected"),
        (refused(403, "M_FORBIDDEN", "You are not a server admin"), "NotAnAdmin"),
        (refused(404, "M_UNKNOWN", "No row found (users)"), "BotNotRegistered"),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("PUT")).respond_with(answer).mount(&server).await;
        let error = bot_at(&server).await.promote_with_admin_token("admin-token").await.unwrap_err();
        assert_eq!(format!("{error:?}"), expected);
    }
}

async fn mount_registration(server: &MockServer) {
    Mock::given(method("POST"))
        .and(path("/_matrix/client/v3/register"))
        .respond_with(refused(400, "M_USER_IN_USE", "User ID already taken."))
        .mount(server)
        .await;
    expect_once(server, "GET", "/_synapse/admin/v1/register", ok(json!({ "nonce": "n" }))).await;
}

#[tokio::test]
async fn the_shared_secret_leaves_no_admin_but_the_bot() {
    let server = MockServer::start().await;
    mount_registration(&server).await;
    Mock::given(method("POST"))
        .and(path("/_synapse/admin/v1/register"))
        .and(body_partial_json(json!({ "nonce": "n", "admin": true })))
        .respond_with(ok(json!({ "access_token": "helper-token" })))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .and(path("/_synapse/admin/v1/users/@bot:hs.test/admin"))
        .and(header("authorization", "Bearer helper-token"))
        .respond_with(ok(json!({})))
        .expect(1)
        .mount(&server)
        .await;
    let helper = "@provisioner-bootstrap-[0-9a-f]{32}:hs.test";
    let as_bot = || header("authorization", format!("Bearer {TOKEN}").as_str());
    Mock::given(method("PUT"))
        .and(path_regex(format!("^/_synapse/admin/v1/users/{helper}/admin$")))
        .and(as_bot())
        .and(body_json(json!({ "admin": false })))
        .respond_with(ok(json!({})))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path_regex(format!("^/_synapse/admin/v2/users/{helper}$")))
        .respond_with(ok(json!({ "name": "@helper:hs.test", "deactivated": false })))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path_regex(format!("^/_synapse/admin/v1/deactivate/{helper}$")))
        .and(as_bot())
        .respond_with(ok(json!({ "id_server_unbind_result": "success" })))
        .expect(1)
        .mount(&server)
        .await;
    bot_at(&server).await.promote_with_shared_secret("shh").await.unwrap();
}

#[tokio::test]
async fn a_wrong_shared_secret_is_named() {
    let server = MockServer::start().await;
    mount_registration(&server).await;
    let answer = refused(403, "M_UNKNOWN", "HMAC incorrect");
    Mock::given(method("POST")).and(path("/_synapse/admin/v1/register")).respond_with(answer).mount(&server).await;
    let error = bot_at(&server).await.promote_with_shared_secret("wrong").await.unwrap_err();
    assert!(matches!(error, PromoteError::Call(CallError::SharedSecretRejected)));
}
