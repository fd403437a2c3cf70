//! A host of pictures on loopback, with a certificate of an authority of its own: it answers as a test says, and as badly.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What is answered to a request.
#[derive(Clone, Debug)]
pub enum PictureAnswer {
    /// 200 with this body.
    Body(Vec<u8>),
    /// The same after a while.
    Late(Duration, Vec<u8>),
    /// This status, with these lines of a header.
    Status(u16, String),
    /// 200, this body, and then a kilobyte again and again.
    Endless(Vec<u8>),
    /// 200, this body, and then a byte a second.
    Trickle(Vec<u8>),
    /// Nothing, and the connection stays open.
    Silence,
}

type Answers = dyn Fn(&str) -> PictureAnswer + Send + Sync;

/// A running host; ends when dropped, or with the runtime of its test.
pub struct PictureHost {
    pub address: SocketAddr,
    /// The certificate to be trusted, as PEM.
    pub certificate: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl fmt::Debug for PictureHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PictureHost({})", self.address)
    }
}

impl Drop for PictureHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PictureHost {
    /// Listens on a loopback port as the hosts of these names. `answers` is asked with the path of each request.
    ///
    /// # Errors
    /// When it cannot listen, or make its certificate.
    pub async fn start(
        names: &[&str],
        answers: impl Fn(&str) -> PictureAnswer + Send + Sync + 'static,
    ) -> Result<PictureHost> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().context("make a key")?;
        let signed = CertificateParams::new(names).context("name the host")?.self_signed(&key).context("sign")?;
        let private =
            PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg).context("read the key")?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![signed.der().clone()], private)
            .context("take the certificate")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen")?;
        let address = listener.local_addr().context("read own address")?;
        let requests = Arc::new(Mutex::default());
        let (acceptor, answers): (_, Arc<Answers>) = (TlsAcceptor::from(Arc::new(config)), Arc::new(answers));
        let accepting = accept(listener, acceptor, answers, Arc::clone(&requests));
        let task = tokio::spawn(accepting).abort_handle();
        Ok(PictureHost { address, certificate: signed.pem(), requests, task })
    }

    /// The paths that were asked for, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    answers: Arc<Answers>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, answers, requests) = (acceptor.clone(), Arc::clone(&answers), Arc::clone(&requests));
        // A client that hangs up is what tests are about.
        tokio::spawn(async move { drop(answer(stream, &acceptor, &*answers, &requests).await) });
    }
}

async fn answer(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    answers: &Answers,
    requests: &Mutex<Vec<String>>,
) -> Result<()> {
    let mut stream = BufReader::new(acceptor.accept(stream).await?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let given = answers(&path);
    requests.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    let begun = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    if let PictureAnswer::Late(after, _) = given {
        tokio::time::sleep(after).await;
    }
    match given {
        PictureAnswer::Body(body) | PictureAnswer::Late(_, body) => {
            stream.write_all(begun.as_bytes()).await?;
            stream.write_all(&body).await?;
        }
        PictureAnswer::Status(status, header) => {
            let head = format!("HTTP/1.1 {status} As it is\r\nconnection: close\r\ncontent-length: 0\r\n{header}\r\n");
            stream.write_all(head.as_bytes()).await?;
        }
        PictureAnswer::Endless(body) => {
            stream.write_all(begun.as_bytes()).await?;
            stream.write_all(&body).await?;
            loop {
                stream.write_all(&[0; 1024]).await?;
                stream.flush().await?;
            }
        }
        PictureAnswer::Trickle(body) => {
            stream.write_all(begun.as_bytes()).await?;
            stream.write_all(&body).await?;
            loop {
                stream.flush().await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
                stream.write_all(&[0]).await?;
            }
        }
        PictureAnswer::Silence => {
            stream.flush().await?;
            std::future::pending::<()>().await;
        }
    }
    stream.flush().await?;
    stream.shutdown().await?;
    Ok(())
}
