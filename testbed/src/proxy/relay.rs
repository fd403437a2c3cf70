//! A relay of TCP, such as to a Postgres, that can fall silent: connections stay open, are taken still, and carry nothing. That is
//! what a host that vanished, a partition or a firewall looks like. It can refuse and be slow as well.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What a relay carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    Everything,
    Slowly,
    /// What is asked, and no answer.
    Questions,
    Nothing,
    /// Not even a connection.
    Refused,
}

/// Of a slow relay, for each piece that it carries.
const SLOW: Duration = Duration::from_millis(300);

/// A running relay; ends when dropped, with every connection.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    carries: watch::Sender<Carries>,
    task: AbortHandle,
}

impl Relay {
    /// Listens on a loopback port and carries everything to and from `port`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn to(port: u16) -> Result<Relay> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen")?;
        let own = listener.local_addr().context("read own address")?.port();
        let (carries, carried) = watch::channel(Carries::Everything);
        let task = tokio::spawn(accept(listener, port, carried)).abort_handle();
        Ok(Relay { port: own, carries, task })
    }

    /// As the base of a URL of a server that speaks HTTP.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `url` of the server behind it, as one through this relay.
    pub fn through(&self, url: &str, port: u16) -> String {
        url.replace(&format!(":{port}/"), &format!(":{}/", self.port))
    }

    /// From now on nothing is carried, in no direction.
    pub fn fall_silent(&self) {
        self.carries.send_replace(Carries::Nothing);
    }

    /// From now on questions arrive and answers do not.
    pub fn swallow_answers(&self) {
        self.carries.send_replace(Carries::Questions);
    }

    /// From now on every piece takes a third of a second.
    pub fn slow_down(&self) {
        self.carries.send_replace(Carries::Slowly);
    }

    /// Ends every connection, and takes none from now on.
    pub fn refuse(&self) {
        self.carries.send_replace(Carries::Refused);
    }

    /// Everything is carried again, what was held back included.
    pub fn speak(&self) {
        self.carries.send_replace(Carries::Everything);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, port: u16, carries: watch::Receiver<Carries>) {
    // Ends with this task, and the connections with it.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let mut carries = carries.clone();
        connections.spawn(async move {
            if *carries.borrow() == Carries::Refused {
                return;
            }
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
            let ((asks, answered), (answers, asked)) = (client.into_split(), server.into_split());
            let of_questions = |carries| matches!(carries, Carries::Everything | Carries::Slowly | Carries::Questions);
            let of_answers = |carries| matches!(carries, Carries::Everything | Carries::Slowly);
            // Whichever ends closes both.
            tokio::select! {
                () = carry(asks, asked, carries.clone(), of_questions) => {}
                () = carry(answers, answered, carries.clone(), of_answers) => {}
                _ = carries.wait_for(|carries| *carries == Carries::Refused) => {}
            }
        });
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut carries: watch::Receiver<Carries>,
    is_carried: impl Fn(Carries) -> bool,
) {
    let mut space = vec![0; 16 << 10];
    loop {
        let Ok(length @ 1..) = from.read(&mut space).await else { return };
        let Ok(now) = carries.wait_for(|carries| is_carried(*carries)).await.map(|carries| *carries) else { return };
        if now == Carries::Slowly {
            tokio::time::sleep(SLOW).await;
        }
        if to.write_all(&space[..length]).await.is_err() {
            return;
        }
    }
}
