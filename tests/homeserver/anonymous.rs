//! What somebody without a token is told, and that no token goes there.

use phenom_provisioner::homeserver::{Anonymous, CallError};
use serde_json::json;
use wiremock::MockServer;

use super::*;

async fn at(server: &MockServer) -> Anonymous {
    Anonymous::at(&format!("{}/", server.uri()), Duration::from_secs(5)).unwrap()
}

/// A server that answers everything so.
async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn registration_is_open_only_where_synapse_says_so() {
    for (answer, open) in [
        (refused(403, "M_FORBIDDEN", "Registration has been disabled"), Some(false)),
        (refused(400, "M_MISSING_PARAM", "Missing required string query parameter username"), Some(true)),
        (ok(json!({ "available": true })), Some(true)),
        (refused(404, "M_UNRECOGNIZED", "Unrecognized request"), None),
        (refused(429, "M_LIMIT_EXCEEDED", "Too Many Requests"), None),
        (ResponseTemplate::new(403).set_body_string("<html>Forbidden</html>"), None),
    ] {
        let server = answering(answer).await;
        assert_eq!(at(&server).await.takes_registrations().await.unwrap(), open);
        let [asked] = &server.received_requests().await.unwrap()[..] else { panic!("one request") };
        assert!(asked.method.as_str() == "GET" && !asked.headers.contains_key("authorization"), "{asked:?}");
    }
}

#[tokio::test]
async fn a_shared_secret_is_asked_for_by_what_is_refused_either_way() {
    for (message, takes) in [("nonce must be specified", true), ("Shared secret registration is not enabled", false)] {
        let server = answering(refused(400, "M_BAD_JSON", message)).await;
        assert_eq!(at(&server).await.takes_shared_secret().await.unwrap(), takes);
        assert_eq!(only_body(&server).await, json!({}));
    }
}

#[tokio::test]
async fn logins_are_delegated_where_an_issuer_is_named() {
    for (answer, issuer) in [
        (ok(json!({ "issuer": "https://account.hs.test/" })), Some("https://account.hs.test/")),
        (refused(404, "M_UNRECOGNIZED", "Unrecognized request"), None),
        (ok(json!({})), None),
    ] {
        let server = answering(answer).await;
        assert_eq!(at(&server).await.delegated_login().await.unwrap().as_deref(), issuer);
    }
}

#[tokio::test]
async fn of_a_long_page_of_metrics_the_beginning_is_read() {
    let page = "# HELP x y\n# TYPE x counter\n".to_owned() + &"x 1\n".repeat(1 << 20);
    let server = answering(ResponseTemplate::new(200).set_body_string(page)).await;
    assert!(at(&server).await.serves_metrics().await.unwrap());
    let server = answering(ResponseTemplate::new(200).set_body_string("<html>Welcome</html>")).await;
    assert!(!at(&server).await.serves_metrics().await.unwrap());
    assert!(at(&server).await.login_flows().await.unwrap().is_none(), "no homeserver");
}

#[tokio::test]
async fn what_never_answers_is_waited_for_no_longer_than_said() {
    let server = answering(ok(json!({})).set_delay(Duration::from_secs(60))).await;
    let anonymous = Anonymous::at(&server.uri(), Duration::from_millis(200)).unwrap();
    assert!(matches!(anonymous.serves_admin_api().await, Err(CallError::TimedOut { .. })));
}
