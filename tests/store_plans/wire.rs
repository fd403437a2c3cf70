//! A Postgres behind a wire on which statements are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use phenom_provisioner::store::Store;
use testbed::shared_postgres;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

use crate::fill::empty;

/// Asks whether the server speaks TLS; the start proper comes after the answer.
const SSL_REQUEST: u32 = 80_877_103;

#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) port: u16,
    statements: Arc<AtomicUsize>,
}

/// A fresh database, its address, and a store that asks it through a wire, on which nothing was said yet.
pub(crate) async fn counted(name: &str) -> (Wire, String, Store) {
    let (url, _) = empty(name).await;
    let postgres = shared_postgres().await.port();
    let wire = Wire::to(postgres).await;
    let store = Store::open(&url.replace(&postgres.to_string(), &wire.port.to_string())).await.unwrap();
    wire.statements();
    (wire, url, store)
}

impl Wire {
    /// A wire to the Postgres at this port.
    pub(crate) async fn to(postgres: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), statements: Arc::default() };
        let statements = Arc::clone(&wire.statements);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, postgres, Arc::clone(&statements)));
            }
        });
        wire
    }

    /// Statements since the last time.
    pub(crate) fn statements(&self) -> usize {
        self.statements.swap(0, Ordering::SeqCst)
    }
}

async fn carry(client: TcpStream, postgres: u16, statements: Arc<AtomicUsize>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", postgres)).await else { return };
    let (mut asks, mut answered) = client.into_split();
    let (mut answers, mut asked) = server.into_split();
    tokio::spawn(async move { copy(&mut answers, &mut answered).await });
    // Messages at the start have no type.
    while let Some(body) = message(&mut asks, None, &mut asked).await {
        if body.get(..4) != Some(&SSL_REQUEST.to_be_bytes()) {
            break;
        }
    }
    while let Ok(kind) = asks.read_u8().await {
        // Execute and Query: a statement is carried out, and the client waits. What prepares it, and what asks whether a
        // connection still lives, is not counted: that depends on which connection the pool has at hand.
        if matches!(kind, b'E' | b'Q') {
            statements.fetch_add(1, Ordering::SeqCst);
        }
        if message(&mut asks, Some(kind), &mut asked).await.is_none() {
            break;
        }
    }
}

/// Passes one message on, and answers its body.
async fn message(from: &mut (impl AsyncRead + Unpin), kind: Option<u8>, to: &mut OwnedWriteHalf) -> Option<Vec<u8>> {
    let length = from.read_u32().await.ok()?;
    let mut body = vec![0; usize::try_from(length).ok()?.checked_sub(4)?];
    from.read_exact(&mut body).await.ok()?;
    let mut whole: Vec<u8> = kind.into_iter().collect();
    whole.extend(length.to_be_bytes());
    whole.extend(&body);
    to.write_all(&whole).await.ok()?;
    Some(body)
}
