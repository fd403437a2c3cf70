//! Logs: for people on a terminal, JSON lines otherwise, always on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// `RUST_LOG` replaces it. The client library logs every refusal of Synapse as an error; we log them ourselves, with what they
/// mean.
const DEFAULT: &str = "info,matrix_sdk=error,matrix_sdk::http_client=off,sqlx=warn,hyper=warn";

/// Starts logging at the default level of a service.
pub(super) fn for_service() {
    start(DEFAULT);
}

/// Starts logging for a command whose output is its answer: only what goes wrong.
pub(super) fn for_command() {
    start("warn,matrix_sdk=error,matrix_sdk::http_client=off");
}

fn start(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.with_target(false).init();
    } else {
        logs.json().flatten_event(true).init();
    }
}
