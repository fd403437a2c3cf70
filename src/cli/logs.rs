//! Logs: for people on a terminal, JSON lines otherwise, always on standard error.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use crate::sanitize;

/// `RUST_LOG` replaces it. The client library logs every refusal of Synapse as an error; we log them ourselves, with what they
/// mean.
const DEFAULT: &str = "info,matrix_sdk=error,matrix_sdk::http_client=off,sqlx=warn,hyper=warn";

/// Starts logging at the default level of a service.
pub(super) fn for_service() {
    start(DEFAULT);
}

/// Starts logging for a command whose output is its answer: only what goes wrong, and what could not be read not a second time.
pub(super) fn for_command() {
    start(
        "warn,matrix_sdk=error,matrix_sdk::http_client=off,phenom_provisioner::reconcile::read=error,\
         phenom_provisioner::reconcile::read::server_accounts=warn",
    );
}

fn start(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter);
    if io::stderr().is_terminal() {
        logs.with_writer(|| HarmlessLog(sanitize::colored_lines)).with_target(false).init();
    } else {
        logs.with_writer(|| HarmlessLog(sanitize::json)).json().flatten_event(true).init();
    }
}

/// Standard error, where whatever others wrote is harmless. Each line comes in one piece.
struct HarmlessLog(fn(&str) -> String);

impl Write for HarmlessLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all((self.0)(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
