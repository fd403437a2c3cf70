//! `healthcheck`: whether the service beside this process is alive. For containers, which have no shell and no curl.
//!
//! A service that has not opened its database yet is not healthy: one that never can must not replace one that works. Once it
//! was opened, that it lives is enough: a database that goes away is no reason to end those who wait for it.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use axum::body::{Body, to_bytes};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::print;
use crate::config::{self, ConfigLocation};

/// How long the answer may take, so that the whole ends within 3 seconds: a service that is frozen still takes connections.
const PATIENCE: Duration = Duration::from_millis(2500);

const PATH: &str = "/livez";

/// The longest answer that is read, in bytes: ours names one reason.
const LONGEST_ANSWER: usize = 64 << 10;

/// What was answered: its status, and what the service waits for before it can begin.
struct Answer {
    status: StatusCode,
    waits_for: Option<String>,
}

pub(super) async fn run(location: &ConfigLocation) -> Result<ExitCode> {
    let listen = config::admin_listen(location, config::variables())?;
    if listen.port() == 0 {
        bail!("admin.listen is {listen}, any free port, so nobody can know where to ask: give it a port");
    }
    let address = config::reachable(listen);
    let asked = tokio::time::timeout(PATIENCE, ask(address)).await;
    match asked.unwrap_or_else(|_| bail!("no answer within {PATIENCE:?}")) {
        Ok(Answer { status: StatusCode::OK, waits_for: None }) => {
            print::line(format_args!("alive: http://{address}{PATH} answers 200"));
        }
        Ok(Answer { status: StatusCode::OK, waits_for: Some(reason) }) => {
            bail!("alive, and not started: http://{address}{PATH} says that it waits for {reason}")
        }
        Ok(Answer { status, .. }) => {
            bail!("not alive: http://{address}{PATH} answers {status}; something else listens on admin.listen")
        }
        Err(error) => bail!(
            "not alive: http://{address}{PATH}: {error:#}; the service does not run here, hangs, or has another admin.listen"
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// By a bare connection: the client that asks others reads certificates first and heeds proxies, and this is asked often.
async fn ask(address: SocketAddr) -> Result<Answer> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(PATH).header(HOST, address.to_string()).body(String::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = to_bytes(Body::new(response.into_body()), LONGEST_ANSWER).await?;
    // Who says nothing of it waits for nothing.
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Answer { status, waits_for: said["waits_for"].as_str().map(str::to_owned) })
}
