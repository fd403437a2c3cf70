//! The same over a real connection on loopback: what a server's thread costs in all, the kernel's part included.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use phenom_provisioner::intake::server;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::service::TOKEN;

/// Who serves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Serves {
    /// As `run` does: connections that are cut when silent, and drained at the end.
    Service,
    /// `axum::serve` and nothing else.
    Bare,
}

/// A server on a thread of its own, with one client that keeps its connection, as Synapse does.
pub(crate) struct Server {
    stop: CancellationToken,
    thread: JoinHandle<Duration>,
    connection: TcpStream,
}

impl Server {
    pub(crate) fn start(router: Router, serves: Serves) -> Self {
        let (stop, (tell, told)) = (CancellationToken::new(), mpsc::channel());
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            crate::push::runtime().block_on(async move {
                let listener = server::bind("", SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
                tell.send(listener.local_addr().expect("its address")).expect("somebody asked");
                let served = match serves {
                    Serves::Service => server::serve(listener, router, stopped, Duration::from_secs(5)).await,
                    Serves::Bare => {
                        let stopped = stopped.cancelled_owned();
                        axum::serve(listener, router).with_graceful_shutdown(stopped).await
                    }
                };
                served.expect("a listener goes on");
            });
            clock::now()
        });
        let connection = TcpStream::connect(told.recv().expect("the server listens")).expect("connect");
        connection.set_nodelay(true).expect("a socket option");
        Self { stop, thread, connection }
    }

    /// Sends one transaction and waits for its answer.
    pub(crate) fn push(&mut self, body: &[u8]) {
        let mut request = format!(
            "PUT /_matrix/app/v1/transactions/1732161600 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nUser-Agent: Synapse/1.163.2\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.connection.write_all(&request).expect("send");
        let (mut answer, mut length) = ([0; 1024], 0);
        while !answer[..length].ends_with(b"\r\n\r\n{}") {
            let read = self.connection.read(&mut answer[length..]).expect("receive");
            assert!(read > 0, "the server closed the connection");
            length += read;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..length]));
    }

    /// The CPU time that its thread used from beginning to end.
    pub(crate) fn end(self) -> Duration {
        drop(self.connection);
        self.stop.cancel();
        self.thread.join().expect("it served")
    }
}
