//! What the logs hold. The log is that of the whole test binary, at the lowest level.

use std::io::Write;
use std::sync::{Mutex, Once};
use std::time::Duration;

use super::fake::Fake;
use super::support::{Office, body, consume, quick, until};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Keeps every line of every level. Called before anything of ours runs.
pub(crate) fn keep_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let logs = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        logs.with_writer(|| Log).init();
    });
}

#[tokio::test]
async fn no_log_line_of_any_level_holds_a_body() {
    let (fake, office) = (Fake::start().await, Office::default());
    fake.send(&body("sub-to-be-logged"));
    fake.send("poison of jo@example.org");
    let running = consume(&fake.queue().await, &office, Duration::from_secs(60), 4, quick());
    until("the queue is empty", async || fake.left() == 0).await;
    running.end().await;
    let written = String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned();
    assert!(written.contains("refused the message"), "our own lines are kept");
    assert!(written.contains("user.subject=\"sub-to-be-logged\""), "spans show ids");
    for secret in ["example.org", "userAttributes", "ReceiptHandle"] {
        let line = written.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
