//! The homeserver calls against a mock of Synapse. The error bodies are those of 1.105.1 and 1.163.2.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod anonymous;
mod bootstrap;
mod bounds;
mod every_call;
mod made;
mod meanings;
mod reads;
mod writes;

use std::time::Duration;

use phenom_provisioner::homeserver::{Homeserver, Timeouts};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

const BOT: &str = "@bot:hs.test";
const TOKEN: &str = "as-token-nobody-may-see";
const ROOM: &str = "!room/1:hs.test";
const ROOM_PATH: &str = "!room%2F1:hs.test";
const USER: &str = "@a/b%c:hs.test";
const USER_PATH: &str = "@a%2Fb%25c:hs.test";

/// The bot at this mock.
async fn bot_at(server: &MockServer) -> Homeserver {
    Homeserver::connect(&server.uri(), BOT, TOKEN, Timeouts::default()).await.unwrap()
}

/// Answers exactly one request of this method and (encoded) path that carries the token; anything else is a 404.
async fn expect_once(server: &MockServer, verb: &str, encoded_path: &str, answer: ResponseTemplate) {
    Mock::given(method(verb))
        .and(path(encoded_path))
        .and(header("authorization", format!("Bearer {TOKEN}").as_str()))
        .respond_with(answer)
        .expect(1)
        .mount(server)
        .await;
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn refused(status: u16, errcode: &str, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({ "errcode": errcode, "error": message }))
}

/// The body of the only request the mock received.
async fn only_body(server: &MockServer) -> Value {
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1, "nothing but the one request, not even /versions: {requests:?}");
    serde_json::from_slice(&requests[0].body).unwrap()
}
