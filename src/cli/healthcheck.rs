//! `healthcheck`: whether the service beside this process is alive. For containers, which have no shell and no curl.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::print;
use crate::config::{self, ConfigLocation};

/// How long the answer may take, so that the whole ends within 3 seconds: a service that is frozen still takes connections.
const PATIENCE: Duration = Duration::from_millis(2500);

const PATH: &str = "/livez";

pub(super) async fn run(location: &ConfigLocation) -> Result<ExitCode> {
    let listen = config::admin_listen(location, config::variables())?;
    if listen.port() == 0 {
        bail!("admin.listen is {listen}, any free port, so nobody can know where to ask: give it a port");
    }
    let address = config::reachable(listen);
    let asked = tokio::time::timeout(PATIENCE, ask(address)).await;
    match asked.unwrap_or_else(|_| bail!("no answer within {PATIENCE:?}")) {
        Ok(StatusCode::OK) => print::line(format_args!("alive: http://{address}{PATH} answers 200")),
        Ok(status) => {
            bail!("not alive: http://{address}{PATH} answers {status}; something else listens on admin.listen")
        }
        Err(error) => bail!(
            "not alive: http://{address}{PATH}: {error:#}; the service does not run here, hangs, or has another admin.listen"
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// By a bare connection: the client that asks others reads certificates first and heeds proxies, and this is asked often.
async fn ask(address: SocketAddr) -> Result<StatusCode> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(PATH).header(HOST, address.to_string()).body(String::new())?;
    Ok(sender.send_request(request).await?.status())
}
