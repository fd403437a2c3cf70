//! The application service API as Synapse sees it, in process, with an inbox in memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{Request, StatusCode, header::CONTENT_TYPE},
};
use futures_util::stream;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use phenom_provisioner::intake::{
    SharedSecret, Wake,
    appservice::{self, AppService, InboxError, InboxEvent, InboxWriter, Interest, SharedInterest},
};
use ruma::{room_id, user_id};
use serde_json::{Value, json};
use tower::ServiceExt;

const TOKEN: &str = "hs+secret/=";
const TXN: &str = "/_matrix/app/v1/transactions/1";
const RED: &str = "!red:hs";
const STAFF: &str = "!staff:hs";

#[derive(Debug, Default)]
struct Inbox {
    appends: Mutex<Vec<Vec<String>>>,
    failing: AtomicBool,
    closed: AtomicBool,
}

#[derive(Debug, Clone)]
struct MemoryInbox(Arc<Inbox>);

impl InboxWriter for MemoryInbox {
    fn is_open(&self) -> bool {
        !self.0.closed.load(Ordering::SeqCst)
    }

    async fn append(&self, events: &[InboxEvent<'_>]) -> Result<(), InboxError> {
        tokio::task::yield_now().await;
        if self.0.failing.load(Ordering::SeqCst) {
            return Err(InboxError::new("connection refused"));
        }
        for event in events {
            let raw: Value = serde_json::from_str(event.raw).unwrap();
            assert_eq!(
                (&*event.room_id, &*event.event_type),
                (raw["room_id"].as_str().unwrap(), raw["type"].as_str().unwrap())
            );
        }
        self.0.appends.lock().unwrap().push(events.iter().map(|event| event.event_id.to_string()).collect());
        Ok(())
    }
}

struct World {
    router: Router,
    interest: SharedInterest,
    inbox: Arc<Inbox>,
    wakes: Arc<AtomicUsize>,
    metrics: PrometheusHandle,
}

fn world() -> World {
    let inbox = Arc::new(Inbox::default());
    let wakes = Arc::new(AtomicUsize::new(0));
    let interest = SharedInterest::new(interest().with_commands(room_id!("!staff:hs"), "!provisioner"));
    let recorder = PrometheusBuilder::new().build_recorder();
    let router = metrics::with_local_recorder(&recorder, || {
        appservice::describe_metrics();
        let wakes = Arc::clone(&wakes);
        appservice::router(AppService {
            hs_token: SharedSecret::new(TOKEN),
            interest: interest.clone(),
            inbox: MemoryInbox(Arc::clone(&inbox)),
            wake: Wake::new(move || {
                wakes.fetch_add(1, Ordering::SeqCst);
            }),
        })
    });
    World { router, interest, inbox, wakes, metrics: recorder.handle() }
}

fn interest() -> Interest {
    Interest::new(user_id!("@bot:hs"), [room_id!("!red:hs").to_owned(), room_id!("!staff:hs").to_owned()])
}

impl World {
    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn put(&self, body: impl Into<Body>) -> (StatusCode, Value) {
        self.send(authorized("PUT", TXN, body)).await
    }

    async fn push(&self, events: Value) {
        assert_eq!(self.put(json!({ "events": events }).to_string()).await, (StatusCode::OK, json!({})));
    }

    fn appends(&self) -> Vec<Vec<String>> {
        self.inbox.appends.lock().unwrap().clone()
    }

    fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }
}

fn authorized(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("Authorization", format!("Bearer {TOKEN}"));
    request.body(body.into()).unwrap()
}

fn assert_refused((status, body): &(StatusCode, Value), expected: StatusCode, errcode: &str) {
    assert_eq!((*status, body["errcode"].as_str()), (expected, Some(errcode)), "{body}");
    assert!(body["error"].as_str().is_some_and(|error| !error.is_empty()));
}

fn event(id: &str, room: &str, event_type: &str, content: Value) -> Value {
    json!({ "event_id": id, "room_id": room, "type": event_type, "sender": "@ann:hs", "content": content })
}

fn state(id: &str, room: &str, event_type: &str, state_key: &str) -> Value {
    let mut event = event(id, room, event_type, json!({}));
    event["state_key"] = state_key.into();
    event
}

#[tokio::test]
async fn every_route_checks_the_token_before_the_body() {
    let world = world();
    let routes = [("PUT", "/transactions/1"), ("GET", "/users/@bot:hs"), ("GET", "/rooms/x"), ("POST", "/ping")];
    for (method, path) in routes {
        for prefix in ["/_matrix/app/v1", ""] {
            if (prefix, path) == ("", "/ping") {
                continue;
            }
            for (header, query, status, errcode) in [
                (None, "", StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN"),
                (Some("Basic aHM6c2VjcmV0"), "", StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN"),
                (Some("Bearer wrong"), "", StatusCode::FORBIDDEN, "M_FORBIDDEN"),
                (Some("Bearer "), "", StatusCode::FORBIDDEN, "M_FORBIDDEN"),
                (None, "?access_token=wrong", StatusCode::FORBIDDEN, "M_FORBIDDEN"),
                (None, "?access_token=", StatusCode::FORBIDDEN, "M_FORBIDDEN"),
                (Some("Bearer hs+secret/="), "?access_token=wrong", StatusCode::FORBIDDEN, "M_FORBIDDEN"),
                (Some("Bearer wrong"), "?access_token=hs%2Bsecret%2F%3D", StatusCode::FORBIDDEN, "M_FORBIDDEN"),
            ] {
                let mut request = Request::builder().method(method).uri(format!("{prefix}{path}{query}"));
                if let Some(header) = header {
                    request = request.header("Authorization", header);
                }
                // A body that never comes: only an answer given without it arrives.
                let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
                let answer = world.send(request.body(endless).unwrap()).await;
                assert_refused(&answer, status, errcode);
            }
        }
    }
    assert!(world.appends().is_empty());
}

#[tokio::test]
async fn both_ways_of_showing_the_token_are_taken() {
    let world = world();
    for (header, query) in [
        (Some("Bearer hs+secret/="), ""),
        (Some("bearer hs+secret/="), ""),
        (None, "?access_token=hs%2Bsecret%2F%3D"),
        (None, "?user_id=x&access_token=hs%2bsecret/="),
        (Some("Bearer hs+secret/="), "?access_token=hs%2Bsecret/%3D"),
    ] {
        let mut request = Request::builder().method("PUT").uri(format!("{TXN}{query}"));
        if let Some(header) = header {
            request = request.header("Authorization", header);
        }
        assert_eq!(world.send(request.body(r#"{"events":[]}"#.into()).unwrap()).await, (StatusCode::OK, json!({})));
    }
}

#[tokio::test]
async fn transactions_are_taken_on_both_paths() {
    let world = world();
    for (id, path) in [("$1", TXN), ("$2", "/transactions/1"), ("$3", "/_matrix/app/v1/transactions/a%2Fb%FF")] {
        let body = json!({ "events": [state(id, RED, "m.room.member", "@ann:hs")] }).to_string();
        assert_eq!(world.send(authorized("PUT", path, body)).await, (StatusCode::OK, json!({})));
    }
    assert_eq!(world.appends(), [["$1"], ["$2"], ["$3"]]);
    assert_eq!(world.wakes(), 3);
}

#[tokio::test]
async fn only_the_bot_is_a_known_user_and_no_alias_is_known() {
    let world = world();
    for prefix in ["/_matrix/app/v1", ""] {
        for user in ["@bot:hs", "%40bot%3Ahs"] {
            let known = world.send(authorized("GET", &format!("{prefix}/users/{user}"), Body::empty())).await;
            assert_eq!(known, (StatusCode::OK, json!({})));
        }
        for unknown in ["users/@bot:other", "users/@ann:hs", "users/%FF", "rooms/%23red:hs", "rooms/%FF"] {
            let answer = world.send(authorized("GET", &format!("{prefix}/{unknown}"), Body::empty())).await;
            assert_refused(&answer, StatusCode::NOT_FOUND, "M_NOT_FOUND");
        }
    }
}

#[tokio::test]
async fn ping_is_answered_whatever_its_body() {
    let world = world();
    for body in [r#"{"transaction_id":"mautrix-go_1683636478256400935_123"}"#, "", "{"] {
        let answer = world.send(authorized("POST", "/_matrix/app/v1/ping", body)).await;
        assert_eq!(answer, (StatusCode::OK, json!({})));
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_unrecognized() {
    let world = world();
    for path in
        ["/", "/ping", "/_matrix/app/v1", "/_matrix/app/unstable/thirdparty/user/irc", "/_matrix/app/v1/transactions/"]
    {
        let answer = world.send(authorized("GET", path, Body::empty())).await;
        assert_refused(&answer, StatusCode::NOT_FOUND, "M_UNRECOGNIZED");
    }
    for (method, path) in
        [("POST", TXN), ("GET", "/transactions/1"), ("PUT", "/users/a"), ("GET", "/_matrix/app/v1/ping")]
    {
        let answer = world.send(authorized(method, path, Body::empty())).await;
        assert_refused(&answer, StatusCode::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED");
    }
}

#[tokio::test]
async fn malformed_bodies_are_refused() {
    let world = world();
    let not_json: [&[u8]; 13] = [
        b"",
        b"{",
        b"nonsense",
        b"{\"events\":[}",
        b"{\"events\":[{]}",
        b"{\"events\":[,]}",
        b"{\"events\":[{},]}",
        b"{\"events\":[]",
        b"{\"events\":[]}}",
        b"{1:2,\"events\":[]}",
        b"{\"events\":[] \"a\":1}",
        b"{\"events\":[{\"type\":\"\xff\"}]}",
        b"{\"events\":[{\"a\x00b\":1}]}",
    ];
    for body in not_json {
        assert_refused(&world.put(body.to_vec()).await, StatusCode::BAD_REQUEST, "M_NOT_JSON");
    }
    for body in ["{}", "[]", "7", "null", r#""events""#, r#"{"events":{}}"#, r#"{"events":null}"#, r#"{"Events":[]}"#] {
        assert_refused(&world.put(body).await, StatusCode::BAD_REQUEST, "M_BAD_JSON");
    }
    assert!(world.appends().is_empty());
}

#[tokio::test]
async fn what_surrounds_the_events_does_not_matter() {
    let world = world();
    let event = state("$1", RED, "m.room.name", "");
    for body in [
        format!(" {{ \"x\" : [1e99999, {{\"y\":\"\\ud800\"}}] , \"events\" :\n[ {event} ] , \"\\ud800\" : null }}\n"),
        format!("{{\"\\u0065vents\":[{event}],\"de.sorunome.msc2409.ephemeral\":[{{\"type\":\"m.typing\"}}]}}"),
        format!("{{\"events\":[{}],\"events\":[{event}]}}", state("$0", RED, "m.room.name", "")),
    ] {
        assert_eq!(world.put(body).await.0, StatusCode::OK);
    }
    assert_eq!(world.appends(), [["$1"], ["$1"], ["$1"]]);
}

#[tokio::test]
async fn huge_bodies_are_taken_up_to_the_limit_and_refused_past_it() {
    let world = world();
    let padded = |length: usize| {
        let open = json!({ "events": [state("$1", RED, "m.room.topic", "")] }).to_string();
        let mut body = open.into_bytes();
        body.resize(length, b' ');
        body
    };
    assert_eq!(world.put(padded(appservice::MAX_TRANSACTION_BYTES)).await.0, StatusCode::OK);
    assert_eq!(world.appends().len(), 1);
    let whole = padded(appservice::MAX_TRANSACTION_BYTES + 1);
    let chunks: Vec<_> = whole.chunks(1 << 20).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    assert_refused(&world.put(whole).await, StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE");
    let unannounced = Body::from_stream(stream::iter(chunks));
    assert_refused(&world.put(unannounced).await, StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE");
    assert_eq!(world.appends().len(), 1);
}

#[tokio::test]
async fn unreadable_events_are_counted_and_the_rest_is_kept() {
    let world = world();
    let long = format!("\"${}\"", "x".repeat(255));
    let fields = r#""event_id":"$x","room_id":"!red:hs","type":"m.room.name","state_key":"""#;
    let mut unreadable: Vec<String> =
        ["null", "7", "-1e99999", "true", r#""text""#, r#""\ud800""#, "[]", "[[{}]]", "{}"].map(String::from).to_vec();
    for key in ["event_id", "room_id", "type", "state_key"] {
        for bad in ["null", "7", "1e99999", "false", "[]", "{\"a\":[{}]}", r#""\ud800""#] {
            // The last of two equal keys counts.
            unreadable.push(format!("{{{fields},\"{key}\":{bad}}}"));
        }
    }
    for key in ["event_id", "room_id", "type"] {
        unreadable.push(format!("{{{}}}", fields.replace(key, "unknown")));
        for bad in [r#""""#, r#""$a\u0000b""#, &long] {
            unreadable.push(format!("{{{fields},\"{key}\":{bad}}}"));
        }
    }
    let mut ids = Vec::new();
    let mut events = String::new();
    for (at, bad) in unreadable.iter().enumerate() {
        ids.push(format!("${at}"));
        events.push_str(&format!("{bad},{},", state(&ids[at], RED, "m.room.member", "@ann:hs")));
    }
    let body = format!("{{\"events\":[{}]}}", events.trim_end_matches(','));
    assert_eq!(world.put(body).await, (StatusCode::OK, json!({})));
    assert_eq!(world.appends(), [ids]);
    let rendered = world.metrics.render();
    for line in [
        format!("provisioner_events_total{{type=\"unreadable\"}} {}", unreadable.len()),
        format!("provisioner_events_total{{type=\"m.room.member\"}} {}", unreadable.len()),
        "provisioner_transactions_total 1".to_owned(),
    ] {
        assert!(rendered.contains(&line), "{line} is not in\n{rendered}");
    }
}

#[tokio::test]
async fn types_nobody_knows_share_one_label() {
    let world = world();
    let types = ["org.example.a", "org.example.b", "unreadable", "other"];
    world.push(types.iter().map(|name| event("$1", RED, name, json!({}))).collect()).await;
    let rendered = world.metrics.render();
    assert!(rendered.contains("provisioner_events_total{type=\"other\"} 4"), "{rendered}");
    assert!(!rendered.contains("org.example"), "{rendered}");
}

#[tokio::test]
async fn strange_content_does_not_hide_an_event() {
    let world = world();
    let nested = |depth: usize| format!("{}{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
    let content = [
        nested(100),
        nested(100_000),
        r#"{"body":"\ud800 \u0000 \udc00"}"#.to_owned(),
        format!("{{\"ts\":{}}}", "9".repeat(400)),
        r#"{"\ud800":1e99999,"type":7}"#.to_owned(),
    ];
    for content in content {
        let body = format!(
            r#"{{"events":[{{"content":{content},"type":"m.room.n\u0061me","room_id":"\u0021red:hs","event_id":"$\u0031","state_key":""}}]}}"#
        );
        let transaction = appservice::transaction::read(body.as_bytes(), &world.interest.current()).unwrap();
        assert_eq!(transaction.matters.len(), 1, "{}", &content[..20]);
        assert_eq!(transaction.matters[0].event_id, "$1");
        assert!(body.contains(transaction.matters[0].raw) && transaction.matters[0].raw.contains(&content));
    }
}

#[tokio::test]
async fn chat_is_dropped_without_an_append_or_a_wake() {
    let world = world();
    let chat = ["m.room.message", "m.reaction", "m.room.encrypted", "m.sticker", "m.room.redaction"];
    let elsewhere = chat.iter().map(|name| event("$1", "!other:hs", name, json!({ "body": "!provisioner plan" })));
    let managed = chat[..4].iter().map(|name| event("$2", RED, name, json!({ "body": "!provisioner plan" })));
    world.push(elsewhere.chain(managed).collect()).await;
    world
        .push(json!([
            state("$3", "!other:hs", "m.room.member", "@ann:hs"),
            state("$4", "!other:hs", "m.room.name", "@bot:hs")
        ]))
        .await;
    world.push(json!([event("$5", STAFF, "m.room.message", json!({ "body": "is the provisioner down?" }))])).await;
    world.push(json!([])).await;
    assert!(world.appends().is_empty());
    assert_eq!(world.wakes(), 0);
}

#[tokio::test]
async fn what_matters_is_appended_once_in_order() {
    let world = world();
    world
        .push(json!([
            state("$1", RED, "m.room.member", "@ann:hs"),
            event("$-", RED, "m.room.message", json!({ "body": "hello" })),
            state("$2", RED, "org.example.anything", "x"),
            event("$3", RED, "m.room.redaction", json!({})),
            event("$4", STAFF, "m.room.message", json!({ "body": "> <@x> hm\n\n!Provisioner plan" })),
            event("$5", STAFF, "m.reaction", json!({ "m.relates_to": {} })),
            state("$6", "!elsewhere:hs", "m.room.member", "@bot:hs"),
        ]))
        .await;
    assert_eq!(world.appends(), [["$1", "$2", "$3", "$4", "$5", "$6"]]);
    assert_eq!(world.wakes(), 1);
}

#[tokio::test]
async fn a_new_interest_counts_from_the_next_transaction() {
    let world = world();
    let command = json!([event("$1", STAFF, "m.room.message", json!({ "body": "!provisioner plan" }))]);
    world.push(command.clone()).await;
    world.interest.replace(interest());
    world.push(command).await;
    assert_eq!(world.appends(), [["$1"]]);
}

#[tokio::test]
async fn a_failed_append_is_never_answered_200() {
    let world = world();
    let body = json!({ "events": [state("$1", RED, "m.room.member", "@ann:hs")] }).to_string();
    world.inbox.failing.store(true, Ordering::SeqCst);
    assert_refused(&world.put(body.clone()).await, StatusCode::SERVICE_UNAVAILABLE, "M_UNKNOWN");
    assert_eq!(world.wakes(), 0);
    world.push(json!([event("$2", RED, "m.room.message", json!({}))])).await;
    world.inbox.failing.store(false, Ordering::SeqCst);
    assert_eq!(world.put(body).await.0, StatusCode::OK);
    assert_eq!(world.appends(), [["$1"]]);
    assert!(world.metrics.render().contains("provisioner_events_total{type=\"m.room.member\"} 1"));
}

/// A room that was followed is known to the database alone: what is said there looks like chat of another room until then.
#[tokio::test]
async fn nothing_is_answered_200_before_it_is_known_what_matters() {
    let world = world();
    world.inbox.closed.store(true, Ordering::SeqCst);
    let chat = json!({ "events": [event("$1", "!elsewhere:hs", "m.room.message", json!({}))] }).to_string();
    assert_refused(&world.put(chat.clone()).await, StatusCode::SERVICE_UNAVAILABLE, "M_UNKNOWN");
    assert_eq!(world.put(json!({ "events": [] }).to_string()).await.0, StatusCode::OK);
    world.inbox.closed.store(false, Ordering::SeqCst);
    assert_eq!(world.put(chat).await.0, StatusCode::OK);
    assert!(world.appends().is_empty());
}

#[tokio::test]
async fn a_repeated_event_is_left_to_the_store() {
    let world = world();
    let event = state("$1", RED, "m.room.member", "@ann:hs");
    world.push(json!([event, event])).await;
    world.push(json!([event])).await;
    assert_eq!(world.appends(), [vec!["$1", "$1"], vec!["$1"]]);
}
