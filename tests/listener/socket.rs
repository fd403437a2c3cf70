//! The server over a real socket: connections that go on after a refusal, shutdown, and an address that is taken.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    error::Error,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use phenom_provisioner::intake::{
    SharedSecret, Wake,
    appservice::{self, AppService, InboxError, InboxEvent, InboxWriter, Interest, SharedInterest},
    server,
};
use ruma::{room_id, user_id};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const EVENT: &str = r#"{"event_id":"$1","room_id":"!red:hs","type":"m.room.name","state_key":""}"#;

/// An inbox that appends when it is let.
#[derive(Debug, Clone)]
struct GatedInbox {
    arrived: Arc<Semaphore>,
    gate: Arc<Semaphore>,
}

impl InboxWriter for GatedInbox {
    fn is_open(&self) -> bool {
        true
    }

    async fn append(&self, _: &[InboxEvent<'_>]) -> Result<(), InboxError> {
        self.arrived.add_permits(1);
        self.gate.acquire().await.map_err(InboxError::new)?.forget();
        Ok(())
    }
}

struct World {
    address: SocketAddr,
    inbox: GatedInbox,
    shutdown: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

async fn world(drain: Duration) -> World {
    let inbox = GatedInbox { arrived: Arc::new(Semaphore::new(0)), gate: Arc::new(Semaphore::new(0)) };
    let router = appservice::router(AppService {
        hs_token: SharedSecret::new("tok"),
        interest: SharedInterest::new(Interest::new(user_id!("@bot:hs"), [room_id!("!red:hs").to_owned()])),
        inbox: inbox.clone(),
        wake: Wake::new(|| ()),
    });
    let listener = server::bind("appservice.listen", SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let served = tokio::spawn(server::serve(listener, router, shutdown.clone(), drain));
    World { address, inbox, shutdown, served }
}

/// A client that keeps one connection, as Synapse does.
struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { reader: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    fn put(&mut self, token: &str, body: &[u8]) -> u16 {
        self.start_put(token, body);
        self.status()
    }

    fn start_put(&mut self, token: &str, body: &[u8]) {
        let head = format!(
            "PUT /_matrix/app/v1/transactions/1 HTTP/1.1\r\nHost: hs\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(head.as_bytes()).unwrap();
        self.stream.write_all(body).unwrap();
    }

    /// Reads one whole answer.
    fn status(&mut self) -> u16 {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            } else if line.is_empty() {
                break;
            }
        }
        self.reader.read_exact(&mut vec![0; length]).unwrap();
        status
    }
}

fn transaction() -> Vec<u8> {
    format!("{{\"events\":[{EVENT}]}}").into_bytes()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn a_connection_goes_on_after_refusals() {
    let world = world(Duration::from_secs(5)).await;
    world.inbox.gate.add_permits(1);
    let address = world.address;
    let statuses = blocking(move || {
        let mut client = Client::connect(address);
        let huge = vec![b' '; appservice::MAX_TRANSACTION_BYTES + 1];
        [("tok", &huge[..]), ("wrong", &huge[..1 << 19]), ("tok", b"{"), ("tok", &transaction())]
            .map(|(token, body)| client.put(token, body))
    })
    .await;
    assert_eq!(statuses, [413, 403, 400, 200]);
}

#[tokio::test]
async fn an_unauthorized_caller_is_answered_before_sending_its_body() {
    let world = world(Duration::from_secs(5)).await;
    let address = world.address;
    let status = blocking(move || {
        let mut client = Client::connect(address);
        let head = "PUT /transactions/1 HTTP/1.1\r\nHost: hs\r\nContent-Length: 1000000000\r\n\r\n";
        client.stream.write_all(head.as_bytes()).unwrap();
        client.status()
    })
    .await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn shutdown_finishes_what_is_in_flight_and_takes_no_more() {
    let world = world(Duration::from_secs(30)).await;
    let address = world.address;
    let idle = blocking(move || Client::connect(address)).await;
    let request = tokio::task::spawn_blocking(move || Client::connect(address).put("tok", &transaction()));
    world.inbox.arrived.acquire().await.unwrap().forget();
    world.shutdown.cancel();
    world.inbox.gate.add_permits(1);
    assert_eq!(request.await.unwrap(), 200);
    world.served.await.unwrap().unwrap();
    assert!(blocking(move || TcpStream::connect(address)).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let world = world(Duration::from_millis(100)).await;
    let address = world.address;
    let client = blocking(move || {
        let mut client = Client::connect(address);
        client.start_put("tok", &transaction());
        client
    })
    .await;
    world.inbox.arrived.acquire().await.unwrap().forget();
    world.shutdown.cancel();
    world.served.await.unwrap().unwrap();
    drop(client);
}

/// Whether the other side has closed the connection, seen without waiting.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    !matches!(stream.read(&mut [0; 64]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[tokio::test]
async fn strangers_with_half_a_head_keep_nobody_out_and_are_gone_in_seconds() {
    let world = world(Duration::from_secs(5)).await;
    world.inbox.gate.add_permits(3);
    let address = world.address;
    blocking(move || {
        let mut synapse = Client::connect(address);
        assert_eq!(synapse.put("tok", &transaction()), 200);
        let mut strangers: Vec<TcpStream> = (0..300)
            .map(|_| {
                let mut stream = TcpStream::connect(address).unwrap();
                // What was pushed out already may refuse it.
                let _ = stream.write_all(b"PUT /_matrix/app/v1/transactions/1 HTTP/1.1\r\nHost: h");
                stream
            })
            .collect();
        let asked = Instant::now();
        assert_eq!(Client::connect(address).put("tok", &transaction()), 200);
        assert!(asked.elapsed() < Duration::from_secs(1), "answered after {:?}", asked.elapsed());
        let open = |strangers: &mut Vec<TcpStream>| {
            strangers.iter_mut().filter_map(|one| (!is_closed(one)).then_some(())).count()
        };
        assert!(open(&mut strangers) <= 128, "{} of them were kept", open(&mut strangers));
        // A byte now and then keeps nothing alive.
        while open(&mut strangers) > 0 {
            assert!(asked.elapsed() < Duration::from_secs(15), "{} are still there", open(&mut strangers));
            strangers.iter_mut().for_each(|one| drop(one.write(b"x")));
            // The youngest goes last: half a second, or until it is closed.
            let youngest = strangers.last_mut().unwrap();
            youngest.set_nonblocking(false).unwrap();
            youngest.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            let _ = youngest.read(&mut [0; 64]);
        }
        // The connection on which the token was shown was idle all the while.
        assert_eq!(synapse.put("tok", &transaction()), 200);
    })
    .await;
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let world = world(Duration::from_secs(5)).await;
    let address = world.address;
    let status = blocking(move || {
        let mut client = Client::connect(address);
        client.stream.write_all(b"PUT / HTTP/1.1\r\nHost: hs\r\nX-Long: ").unwrap();
        // The rest finds the connection closed, by how much differs.
        let _ = client.stream.write_all(&[b'x'; 80 << 10]);
        client.status()
    })
    .await;
    assert_eq!(status, 431);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_its_key_and_the_mend() {
    let world = world(Duration::from_secs(5)).await;
    let error = server::bind("appservice.listen", world.address).await.unwrap_err();
    let (said, port) = (error.to_string(), world.address.port());
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{port}, the value of `appservice.listen`")), "{said}");
    assert!(said.contains(&format!("another process has port {port}")), "{said}");
    assert!(error.source().is_some());
}
