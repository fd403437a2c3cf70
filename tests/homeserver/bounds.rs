//! Bounded, counted, and silent about the token.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use metrics_exporter_prometheus::PrometheusBuilder;
use phenom_provisioner::homeserver::{CallError, ConnectError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tracing_subscriber::fmt::MakeWriter;
use wiremock::{Mock, MockServer, matchers::any};

use super::*;

#[tokio::test]
async fn a_call_is_given_up_after_its_time_and_a_bulk_read_after_a_longer_one() {
    let server = MockServer::start().await;
    let slow = ok(json!({ "members": [], "total": 0 })).set_delay(Duration::from_millis(600));
    Mock::given(any()).respond_with(slow).mount(&server).await;
    let timeouts = Timeouts { call: Duration::from_millis(200), bulk_read: Duration::from_secs(30) };
    let bot = Homeserver::connect(&server.uri(), BOT, TOKEN, timeouts).await.unwrap();
    let error = bot.join(ROOM, USER).await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { .. }) && error.is_transport(), "{error}");
    assert!(bot.joined_members(ROOM).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let (server, elsewhere) = (MockServer::start().await, MockServer::start().await);
    let moved = ResponseTemplate::new(307).insert_header("location", format!("{}/whoami", elsewhere.uri()));
    Mock::given(any()).respond_with(moved).mount(&server).await;
    Mock::given(any()).respond_with(ok(json!({ "user_id": BOT }))).mount(&elsewhere).await;
    bot_at(&server).await.whoami().await.unwrap_err();
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

/// A Synapse that answers every request with this head and then pieces of its body until nobody reads them any more. Returns
/// where it is and how much of the bodies it could send.
async fn endless(head: &'static str, piece: &'static [u8]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{head}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let length = format!("{:x}\r\n", piece.len());
            while stream.write_all(&[length.as_bytes(), piece, b"\r\n"].concat()).await.is_ok() {
                counted.fetch_add(piece.len(), Ordering::Relaxed);
            }
        }
    });
    (url, sent)
}

#[tokio::test]
async fn an_answer_without_an_end_is_read_up_to_a_size() {
    const MIB: usize = 1 << 20;
    let (url, sent) = endless("transfer-encoding: chunked", &[b' '; 65536]).await;
    let bot = Homeserver::connect(&url, BOT, TOKEN, Timeouts::default()).await.unwrap();
    let error = bot.whoami().await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { .. }) && error.may_have_been_done(), "{error}");
    assert!(!error.is_transport(), "it costs what was asked about only: {error}");
    // Beside what was read, buffers of the kernel.
    let sent = sent.load(Ordering::Relaxed);
    assert!((16 * MIB..32 * MIB).contains(&sent), "{sent} bytes");
}

#[tokio::test]
async fn an_answer_that_says_how_large_it_is_is_not_read_where_that_is_too_large() {
    let (url, _) = endless("content-length: 17000000", &[b' '; 65536]).await;
    let bot = Homeserver::connect(&url, BOT, TOKEN, Timeouts::default()).await.unwrap();
    let error = bot.whoami().await.unwrap_err();
    assert_eq!(error.to_string(), "Synapse's answer is larger than 16 MiB and was not read to its end");
    let error = bot.joined_members(ROOM).await.unwrap_err();
    assert!(!matches!(error, CallError::TooLarge { .. }), "a room of a million has a long list: {error}");
}

#[tokio::test]
async fn nothing_is_decompressed() {
    // Ten megabytes of zeros by gzip, over and over, would be the attack; a short answer shows that it is not even begun.
    let server = MockServer::start().await;
    let zipped = ResponseTemplate::new(200)
        .insert_header("content-encoding", "gzip")
        .set_body_raw(json!({ "user_id": BOT }).to_string(), "application/json");
    Mock::given(any()).respond_with(zipped).mount(&server).await;
    let bot = bot_at(&server).await;
    bot.whoami().await.unwrap();
    let asked = server.received_requests().await.unwrap();
    assert!(asked[0].headers.get("accept-encoding").is_none(), "{:?}", asked[0].headers);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let dead = Homeserver::connect("http://127.0.0.1:9", BOT, TOKEN, Timeouts::default()).await.unwrap();
    let error = dead.whoami().await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable(_)) && error.is_transport(), "{error}");
    assert!(!error.may_have_been_done(), "nothing was sent");
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn connect_refuses_what_cannot_work_and_sends_nothing() {
    let connect = |url: &'static str, user: &'static str| Homeserver::connect(url, user, TOKEN, Timeouts::default());
    assert!(matches!(connect("http://127.0.0.1:9", "bot").await, Err(ConnectError::BadUserId { .. })));
    assert!(matches!(connect("not a url", BOT).await, Err(ConnectError::BadUrl { .. })));
    assert!(connect("http://127.0.0.1:9", BOT).await.is_ok());
}

#[tokio::test]
async fn every_call_is_counted_by_a_short_name() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let server = MockServer::start().await;
    expect_once(&server, "POST", &format!("/_synapse/admin/v1/join/{ROOM_PATH}"), ok(json!({}))).await;
    let bot = bot_at(&server).await;
    bot.join(ROOM, USER).await.unwrap();
    bot.kick(ROOM, USER, None).await.unwrap_err();
    let metrics = recorder.handle().render();
    for line in [
        r#"provisioner_homeserver_requests_total{endpoint="join",status="2xx"} 1"#,
        r#"provisioner_homeserver_requests_total{endpoint="kick",status="404"} 1"#,
        r#"provisioner_homeserver_request_seconds_count{endpoint="join"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(!metrics.contains("hs.test"), "{metrics}");
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_token_is_in_no_log_and_no_error() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // For every thread: one that is set for a thread races with the others over which spans are of interest at all.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let server = MockServer::start().await;
    let join = format!("/_synapse/admin/v1/join/{ROOM_PATH}");
    expect_once(&server, "POST", &join, refused(401, "M_UNKNOWN_TOKEN", "Invalid access token passed.")).await;
    let bot = bot_at(&server).await;
    let rejected = bot.join(ROOM, USER).await.unwrap_err();
    let secret = "shared-secret-nobody-may-see";
    let promote = bot.promote_with_shared_secret(secret).await.unwrap_err();
    let dead = Homeserver::connect("http://127.0.0.1:9", BOT, TOKEN, Timeouts::default()).await.unwrap();
    let unreachable = dead.whoami().await.unwrap_err();
    let written = format!(
        "{bot:?} {rejected} {rejected:?} {promote:?} {unreachable} {unreachable:?} {}",
        String::from_utf8_lossy(&log.0.lock().unwrap())
    );
    assert!(written.contains("homeserver.join"), "the log is empty: {written}");
    assert!(!written.contains(TOKEN) && !written.contains(secret), "{written}");
}
