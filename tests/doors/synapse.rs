//! Something on loopback that answers as it is told, byte for byte: no more of HTTP than our client needs.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use phenom_provisioner::homeserver::{Homeserver, Timeouts};

/// One answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Further lines of the head, each with its end.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// What is answered: by a piece of the path, or else to all.
#[derive(Debug, Default)]
struct Told {
    by_path: HashMap<&'static str, Answer>,
    to_all: Answer,
}

/// Listens until the test ends.
pub(crate) struct Synapse {
    address: SocketAddr,
    told: Arc<Mutex<Told>>,
}

impl Synapse {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, told) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Told::default())));
        let answers = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answers = Arc::clone(&answers);
                std::thread::spawn(move || serve(stream, &answers));
            }
        });
        Self { address, told }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn answer_all(&self, answer: Answer) {
        *self.told.lock().unwrap() = Told { by_path: HashMap::new(), to_all: answer };
    }

    /// What has none of these in its path is answered that there is none.
    pub(crate) fn answer(&self, by_path: HashMap<&'static str, Answer>) {
        let none = br#"{"errcode":"M_NOT_FOUND","error":"Not found."}"#.to_vec();
        *self.told.lock().unwrap() = Told { by_path, to_all: Answer { status: 404, head: String::new(), body: none } };
    }
}

/// The service's client for this bot, and what answers it.
pub(crate) struct Asker {
    pub(crate) synapse: Synapse,
    pub(crate) bot: Homeserver,
    runtime: tokio::runtime::Runtime,
}

impl Asker {
    pub(crate) fn of(bot: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let synapse = Synapse::start();
        let timeouts = Timeouts { call: Duration::from_secs(20), bulk_read: Duration::from_secs(20) };
        let bot = runtime.block_on(Homeserver::connect(&synapse.url(), bot, "as-token", timeouts)).unwrap();
        Self { synapse, bot, runtime }
    }

    pub(crate) fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }
}

/// Requests have no body here: all of them ask.
fn serve(mut stream: TcpStream, told: &Mutex<Told>) {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    stream.set_nodelay(true).unwrap();
    loop {
        let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            match stream.read(&mut piece) {
                Ok(length @ 1..) => read.extend_from_slice(&piece[..length]),
                Ok(0) | Err(_) => return,
            }
            continue;
        };
        let head: Vec<u8> = read.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head);
        let path = head.split(' ').nth(1).unwrap_or_default();
        let Answer { status, head, body } = {
            let told = told.lock().unwrap();
            let by_path = told.by_path.iter().find(|(piece, _)| path.contains(**piece)).map(|(_, answer)| answer);
            by_path.unwrap_or(&told.to_all).clone()
        };
        let head = format!(
            "HTTP/1.1 {status} Of A Test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{head}\r\n",
            body.len()
        );
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}
