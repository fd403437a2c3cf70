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
        .respond_with(open_account)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path_regex(format!("^/_synapse/admin/v1/deactivate/{helper}$")))
        .and(as_bot())
        .respond_with(ok(json!({ "id_server_unbind_result": "success" })))
        .expect(1)
        .mount(&server)
        .await;
    let name = bot_at(&server).await.promote_with_shared_secret("shh").await.unwrap();
    assert!(name.starts_with("@provisioner-bootstrap-") && name.ends_with(":hs.test"), "{name}");
}

/// The account that is asked for.
fn open_account(request: &wiremock::Request) -> ResponseTemplate {
    ok(json!({ "name": request.url.path().rsplit('/').next(), "deactivated": false }))
}

/// Synapse makes the temporary admin; what becomes of its flag and of its account is as given, for the bot and for itself.
async fn with_helper(promotion: ResponseTemplate, demotion: ResponseTemplate, by_bot: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    mount_registration(&server).await;
    let mount = async |verb: &str, place: &str, answer: ResponseTemplate, token: Option<&str>| {
        let mut mock = Mock::given(method(verb)).and(path_regex(place));
        if let Some(token) = token {
            mock = mock.and(header("authorization", format!("Bearer {token}").as_str()));
        }
        mock.respond_with(answer).mount(&server).await;
    };
    let made = ok(json!({ "access_token": "helper-token" }));
    mount("POST", "^/_synapse/admin/v1/register$", made, None).await;
    mount("PUT", "/users/@bot:hs.test/admin$", promotion, None).await;
    mount("PUT", "/users/@provisioner-bootstrap-.*/admin$", demotion, None).await;
    Mock::given(method("GET"))
        .and(path_regex("/users/@provisioner-bootstrap-"))
        .respond_with(open_account)
        .mount(&server)
        .await;
    mount("POST", "/deactivate/@provisioner-bootstrap-", by_bot, Some(TOKEN)).await;
    mount("POST", "/deactivate/@provisioner-bootstrap-", ok(json!({})), Some("helper-token")).await;
    server
}

/// How often the temporary admin was deactivated, by itself or by the bot.
async fn deactivations(server: &MockServer) -> usize {
    let requests = server.received_requests().await.unwrap();
    requests.iter().filter(|request| request.url.path().contains("/deactivate/")).count()
}

#[tokio::test]
async fn the_temporary_admin_is_deactivated_whatever_fails_on_the_way() {
    let failing = || refused(500, "M_UNKNOWN", "Internal server error");
    // The bot was promoted, and the flag cannot be taken.
    let server = with_helper(ok(json!({})), failing(), ok(json!({}))).await;
    bot_at(&server).await.promote_with_shared_secret("shh").await.unwrap();
    assert_eq!(deactivations(&server).await, 1);
    // The bot was not promoted, so the temporary admin must do it itself.
    let no_admin = || refused(403, "M_FORBIDDEN", "You are not a server admin");
    let server = with_helper(failing(), no_admin(), no_admin()).await;
    let error = bot_at(&server).await.promote_with_shared_secret("shh").await.unwrap_err();
    assert!(matches!(error, PromoteError::Call(CallError::ServerError { .. })), "{error:?}");
    assert_eq!(deactivations(&server).await, 1);
}

#[tokio::test]
async fn a_temporary_admin_that_remains_is_named() {
    // It is no admin any more, so that its own hand does not reach either.
    let server = with_helper(ok(json!({})), ok(json!({})), refused(500, "M_UNKNOWN", "Internal server error")).await;
    Mock::given(method("POST"))
        .and(path_regex("/deactivate/"))
        .and(header("authorization", "Bearer helper-token"))
        .respond_with(refused(403, "M_FORBIDDEN", "You are not a server admin"))
        .with_priority(1)
        .mount(&server)
        .await;
    let error = bot_at(&server).await.promote_with_shared_secret("shh").await.unwrap_err();
    assert!(error.to_string().contains("@provisioner-bootstrap-"), "{error}");
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
