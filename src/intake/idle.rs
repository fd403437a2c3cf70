//! Closes connections on which nothing has moved for a long time, so that dead peers do not pile up.
//!
//! It watches bytes, not requests: it must never close a connection that Synapse still counts on.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Instant, Sleep, sleep},
};

/// How long a connection may stay silent at least; it is cut before twice as long. Synapse keeps an unused one for
/// two minutes and does not repeat a PUT by itself when it was closed under its hands, but marks the service down
/// for seconds: so this side must wait longer than Synapse. The header timeout of HTTP libraries (30 s, counted on idle
/// connections too) would be the wrong tool.
const IDLE: Duration = Duration::from_secs(600);

/// A TCP listener whose connections send without delay and are cut when silent for [`IDLE`].
#[derive(Debug)]
pub(super) struct PatientListener(pub(super) TcpListener);

impl Listener for PatientListener {
    type Io = IdleGuard;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (IdleGuard, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        // Without the option answers are merely slower.
        let _ = stream.set_nodelay(true);
        (IdleGuard::new(stream, IDLE), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that reads as timed out once nothing has moved on it for one to two times `limit`.
#[derive(Debug)]
pub(super) struct IdleGuard {
    stream: TcpStream,
    limit: Duration,
    /// Since the alarm last rang.
    moved: bool,
    alarm: Pin<Box<Sleep>>,
}

impl IdleGuard {
    fn new(stream: TcpStream, limit: Duration) -> Self {
        Self { stream, limit, moved: false, alarm: Box::pin(sleep(limit)) }
    }

    /// The alarm is moved only when it rings: a busy connection reads no clock.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while self.alarm.as_mut().poll(cx).is_ready() {
            if !std::mem::take(&mut self.moved) {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.alarm.as_mut().reset(Instant::now() + self.limit);
        }
        Poll::Pending
    }

    fn noting<T>(&mut self, progress: Poll<T>) -> Poll<T> {
        self.moved |= progress.is_ready();
        progress
    }
}

impl AsyncRead for IdleGuard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_pending()
            && let Poll::Ready(silent) = self.poll_silence(cx)
        {
            return Poll::Ready(Err(silent));
        }
        self.noting(read)
    }
}

impl AsyncWrite for IdleGuard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.noting(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.noting(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io::Write, time::Duration};

    use super::*;

    async fn read_once(guard: &mut IdleGuard) -> io::Result<usize> {
        let mut space = [0; 16];
        let mut buf = ReadBuf::new(&mut space);
        poll_fn(|cx| Pin::new(&mut *guard).poll_read(cx, &mut buf)).await?;
        Ok(buf.filled().len())
    }

    #[tokio::test]
    async fn a_silent_connection_times_out_and_a_talking_one_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut guard = IdleGuard::new(stream, Duration::from_millis(200));
        peer.write_all(b"hello").unwrap();
        assert_eq!(read_once(&mut guard).await.unwrap(), 5);
        assert_eq!(read_once(&mut guard).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
