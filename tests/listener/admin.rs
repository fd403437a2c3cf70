//! The internal listener, in process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{Request, StatusCode, header::CONTENT_TYPE},
};
use futures_util::stream;
use metrics_exporter_prometheus::PrometheusBuilder;
use phenom_provisioner::intake::{
    SharedSecret, Wake,
    admin::{self, Admin, DATABASE, Readiness},
};
use serde_json::{Value, json};
use tower::ServiceExt;

struct World {
    router: Router,
    readiness: Readiness,
    wakes: Arc<AtomicUsize>,
}

fn world(hook_secret: Option<&str>) -> World {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || metrics::counter!("provisioner_demo_total").increment(3));
    let readiness = Readiness::waiting_for([("roster", "not read yet")]);
    let wakes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&wakes);
    let router = admin::router(Admin {
        readiness: readiness.clone(),
        metrics: recorder.handle(),
        hook_secret: hook_secret.map(SharedSecret::new),
        wake_roster: Wake::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        }),
    });
    World { router, readiness, wakes }
}

impl World {
    async fn send(&self, request: Request<Body>) -> (StatusCode, String, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, kind) = (response.status(), response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn json(&self, request: Request<Body>) -> (StatusCode, Value) {
        let (status, kind, body) = self.send(request).await;
        assert_eq!(kind, "application/json");
        (status, serde_json::from_str(&body).unwrap())
    }

    async fn hook(&self, secret: Option<&str>, body: impl Into<Body>) -> (StatusCode, Value) {
        let mut request = Request::post("/hooks/roster");
        if let Some(secret) = secret {
            request = request.header("X-Provisioner-Secret", secret);
        }
        self.json(request.body(body.into()).unwrap()).await
    }
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn livez_does_not_depend_on_readyz() {
    let world = world(None);
    assert_eq!(world.json(get("/livez")).await.0, StatusCode::OK);
    assert_eq!(
        world.json(get("/readyz")).await,
        (StatusCode::SERVICE_UNAVAILABLE, json!({ "ready": false, "reasons": ["roster: not read yet"] }))
    );
    world.readiness.clear("roster");
    assert_eq!(world.json(get("/readyz")).await, (StatusCode::OK, json!({ "ready": true, "reasons": [] })));
}

#[tokio::test]
async fn livez_says_what_is_waited_for_until_the_database_was_opened_once() {
    let world = world(None);
    let says = async |waits_for: Value| {
        let answer = world.json(get("/livez")).await;
        assert_eq!(answer, (StatusCode::OK, json!({ "alive": true, "waits_for": waits_for })));
    };
    world.readiness.set(DATABASE, Err("connection refused"));
    says(json!("database: connection refused")).await;
    world.readiness.clear(DATABASE);
    says(Value::Null).await;
    // An outage later ends nobody, and neither does what else is not read yet.
    world.readiness.set(DATABASE, Err("connection refused"));
    says(Value::Null).await;
    assert_eq!(world.json(get("/readyz")).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn metrics_are_rendered_for_prometheus() {
    let (status, kind, body) = world(None).send(get("/metrics")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(kind.starts_with("text/plain; version=0.0.4"));
    assert!(body.contains("provisioner_demo_total 3"), "{body}");
}

#[tokio::test]
async fn the_hook_wakes_whatever_its_body() {
    let world = world(Some("pssst"));
    let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let bodies: [Body; 4] = [Body::empty(), "{\"event\":".into(), vec![0xff; 8 << 20].into(), endless];
    for (sent, body) in bodies.into_iter().enumerate() {
        assert_eq!(world.hook(Some("pssst"), body).await, (StatusCode::OK, json!({ "woken": true })));
        assert_eq!(world.wakes.load(Ordering::SeqCst), sent + 1);
    }
}

#[tokio::test]
async fn the_hook_wants_its_secret() {
    let world = world(Some("pssst"));
    for (secret, status) in
        [(None, StatusCode::UNAUTHORIZED), (Some(""), StatusCode::FORBIDDEN), (Some("Pssst"), StatusCode::FORBIDDEN)]
    {
        let (got, body) = world.hook(secret, "{}").await;
        assert_eq!(got, status);
        assert!(body["error"].as_str().unwrap().contains("admin.hook_secret"));
    }
    assert_eq!(world.wakes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn without_a_secret_the_hook_is_off_and_says_how_to_turn_it_on() {
    let world = world(None);
    for secret in [None, Some(""), Some("pssst")] {
        let (status, body) = world.hook(secret, "{}").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body["error"].as_str().unwrap().contains("set `admin.hook_secret`"));
    }
    assert_eq!(world.wakes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_json() {
    let world = world(None);
    assert_eq!(world.json(get("/nowhere")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.json(get("/hooks/roster")).await.0, StatusCode::METHOD_NOT_ALLOWED);
}
