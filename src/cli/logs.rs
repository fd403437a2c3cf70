//! Logs: for people on a terminal, JSON lines otherwise, always on standard error. Where they are lines, what ends the service is
//! the last of them.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use tracing::error;
use tracing_subscriber::EnvFilter;

use crate::sanitize;

/// `RUST_LOG` replaces it. The client library logs every refusal of Synapse as an error; we log them ourselves, with what they
/// mean.
const DEFAULT: &str = "info,matrix_sdk=error,matrix_sdk::http_client=off,sqlx=warn,hyper=warn";

/// Whatever `RUST_LOG` says: this module logs only why the service ends, and alarms take a missing heartbeat for a dead service.
const ALWAYS: [&str; 2] = ["phenom_provisioner::cli::logs=error", "phenom_provisioner::app::heartbeat=info"];

/// Starts logging at the default level of a service. A panic is logged like all else, where that is not for people.
pub(super) fn for_service() {
    start(DEFAULT);
    if are_lines() {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map_or_else(|| "a place unknown".to_owned(), ToString::to_string);
            // No payload of another kind, and no backtrace: what we say in a panic shows no secret, as no `Debug` of ours does.
            panicked(&place, info.payload_as_str().unwrap_or("without words"));
        }));
    }
}

/// Starts logging for a command whose output is its answer: only what goes wrong, and what could not be read not a second time.
pub(super) fn for_command() {
    start(
        "warn,matrix_sdk=error,matrix_sdk::http_client=off,phenom_provisioner::reconcile::read=error,\
         phenom_provisioner::reconcile::read::server_accounts=warn",
    );
}

/// Whether logs are JSON lines, which alarms and queries look through.
pub(super) fn are_lines() -> bool {
    !io::stderr().is_terminal()
}

/// The last line of a service that ends by an error.
pub(super) fn ended_by(error: impl Display) {
    error!("{error}");
}

fn panicked(place: &str, said: &str) {
    error!("panicked at {place}: {said}; this is a fault of the program: report it, with the lines before this one");
}

fn start(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let filter = ALWAYS
        .iter()
        .fold(filter, |filter, directive| filter.add_directive(directive.parse().expect("it is a directive")));
    let logs = tracing_subscriber::fmt().with_env_filter(filter);
    if are_lines() {
        logs.with_writer(|| HarmlessLog(sanitize::json)).json().flatten_event(true).init();
    } else {
        logs.with_writer(|| HarmlessLog(sanitize::colored_lines)).with_target(false).init();
    }
}

/// Standard error, where whatever others wrote is harmless. Each line comes in one piece.
struct HarmlessLog(fn(&str) -> String);

impl Write for HarmlessLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Where nobody reads it there is nobody to tell. Told of it, the logger would print that there, and panic over it: within
        // a panic that aborts.
        let _ = io::stderr().write_all((self.0)(&String::from_utf8_lossy(line)).as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::Command;

    use serde_json::Value;

    use super::*;

    const THIS_TEST: &str = "cli::logs::tests::a_panic_of_the_service_is_one_line_of_level_error_and_its_heart_beats_whatever_rust_log_says";
    const IS_THE_SERVICE: &str = "PANICS_AS_THE_SERVICE";

    #[test]
    fn a_panic_of_the_service_is_one_line_of_level_error_and_its_heart_beats_whatever_rust_log_says() {
        // Logger and hook are those of a whole process: this test plays the service in one of its own.
        if env::var_os(IS_THE_SERVICE).is_some() {
            for_service();
            tracing::info!("left out");
            tracing::info!(target: "phenom_provisioner::app::heartbeat", "heartbeat");
            panic!("two lines,\nand a \"quote\"");
        }
        let mut service = Command::new(env::current_exe().unwrap());
        service.args(["--exact", THIS_TEST, "--nocapture"]).env(IS_THE_SERVICE, "1").env("RUST_LOG", "off");
        let ended = service.output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        let lines: Result<Vec<Value>, _> = said.lines().map(serde_json::from_str).collect();
        let lines = lines.unwrap_or_else(|_| panic!("lines of JSON: {said:?}"));
        let [beat, line] = lines.as_slice() else { panic!("a heartbeat and a panic: {said:?}") };
        assert_eq!(beat["message"], "heartbeat", "{said}");
        assert_eq!((ended.status.success(), &line["level"]), (false, &Value::from("ERROR")), "{said}");
        let message = line["message"].as_str().unwrap();
        assert!(message.starts_with("panicked at src/cli/logs.rs:"), "{message}");
        assert!(message.contains(": two lines,\nand a \"quote\"; this is a fault"), "{message}");
    }
}
