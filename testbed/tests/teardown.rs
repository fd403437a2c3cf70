//! Nothing outlives the process that started it, not even when that process gets SIGKILL.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use testbed::{Postgres, wait_until};

/// Set for the child this test starts of itself.
const CHILD: &str = "TESTBED_TEARDOWN_CHILD";
const BOUND: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_killed_process_leaves_no_postgres_and_no_directory() {
    if let Ok(report) = std::env::var(CHILD) {
        return be_the_child(Path::new(&report)).await;
    }
    let scratch = tempfile::tempdir().unwrap();
    let report = scratch.path().join("report");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_leaves_no_postgres_and_no_directory"])
        .env(CHILD, &report)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the child has started Postgres", Duration::from_secs(60), async || report.exists()).await.unwrap();
    let text = std::fs::read_to_string(&report).unwrap();
    let (pid, directory) = text.split_once(' ').unwrap();
    assert!(alive(pid), "Postgres runs while the child lives");
    assert!(Path::new(directory).exists());

    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("Postgres has ended", BOUND, async || !alive(pid)).await.unwrap();
    wait_until("the directory is gone", BOUND, async || !Path::new(directory).exists()).await.unwrap();
}

#[tokio::test]
async fn dropping_removes_everything_at_once() {
    let postgres = Postgres::start().await.unwrap();
    let (pid, directory) = postgres.traces();
    drop(postgres);
    assert!(!alive(&pid.unwrap().to_string()));
    assert!(!directory.exists());
}

#[tokio::test]
async fn data_outlives_a_stop_and_a_restart() {
    let postgres = Postgres::start().await.unwrap();
    postgres.create_database("kept").await.unwrap();
    postgres.stop().await.unwrap();
    assert!(postgres.connect("kept").await.is_err());
    postgres.restart().await.unwrap();
    postgres.connect("kept").await.unwrap();
}

/// Starts Postgres, says so (atomically), and waits to be killed.
#[expect(clippy::unwrap_used, reason = "the test's own other half")]
async fn be_the_child(report: &Path) {
    let postgres = Postgres::start().await.unwrap();
    let (pid, directory) = postgres.traces();
    let draft = report.with_extension("draft");
    std::fs::write(&draft, format!("{} {}", pid.unwrap(), directory.display())).unwrap();
    std::fs::rename(&draft, report).unwrap();
    std::future::pending::<()>().await;
}

/// A dead process that nobody has reaped yet has no `exe`.
fn alive(pid: &str) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}
