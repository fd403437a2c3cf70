//! `backfill` over a pool of twenty thousand: it ends, it shows how far it is, and it needs no more memory than for few.

use std::process::Stdio;
use std::time::Duration;

use testbed::{Pool, free_port, shared_moto, shared_postgres, wait_until};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

const USERS: usize = 20_000;

/// 334 pages at under five a second take 70 s.
const BOUND: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_users_are_listed_with_progress_and_constant_memory() {
    let moto = shared_moto().await;
    let pool = Pool::create(&moto).await.unwrap();
    pool.import_many(USERS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let postgres = shared_postgres().await;
    let database = postgres.create_database("backfill").await.unwrap();
    let port = || free_port().unwrap();
    let config = format!(
        "environment = \"test\"\n[homeserver]\nurl = \"http://127.0.0.1:1\"\nserver_name = \"phenom.test\"\n\
         [appservice]\nlisten = \"127.0.0.1:{}\"\n[admin]\nlisten = \"127.0.0.1:{}\"\n[database]\nurl = \"{database}\"\n\
         [cognito]\nregion = \"{}\"\nuser_pool_id = \"{}\"\nendpoint_url = \"{}\"\n\
         [[rooms]]\nkey = \"red-room\"\nid = \"!red:phenom.test\"\nmembers = [\"everyone\"]\n",
        port(),
        port(),
        pool.region,
        pool.id,
        pool.endpoint
    );
    let path = folder.path().join("provisioner.toml");
    std::fs::write(&path, config).unwrap();
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phenom-provisioner"));
        command.arg("--config").arg(&path).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    };
    let registration = command().arg("registration").output().await.unwrap();
    std::fs::write(folder.path().join("registration.yaml"), registration.stdout).unwrap();

    let mut child = command().arg("backfill").spawn().unwrap();
    let status = format!("/proc/{}/status", child.id().unwrap());
    let (mut early, mut late) = (0, 0);
    let listed = async || {
        let count = "SELECT COALESCE(max(users), 0) FROM provisioner.listings";
        let mut connection = postgres.connect(database.rsplit('/').next().unwrap()).await.ok()?;
        sqlx::query_scalar::<_, i64>(count).fetch_one(&mut connection).await.ok()
    };
    wait_until("the backfill ends", BOUND, async || {
        let users = listed().await.unwrap_or_default();
        if let Some(kilobytes) = resident(&status) {
            if (1_000..3_000).contains(&users) {
                early = kilobytes;
            } else if users > 18_000 {
                late = kilobytes;
            }
        }
        child.try_wait().unwrap().is_some()
    })
    .await
    .unwrap();
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut stdout).await.unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).await.unwrap();
    assert!(child.wait().await.unwrap().success(), "{stdout}{stderr}");
    assert!(
        stdout.contains("20000 users, of which 20000 new or changed; missing of those known before: 0"),
        "{stdout}"
    );
    let lines = stderr.lines().filter(|line| line.contains("users/s")).count();
    assert!(lines >= 5, "progress is said now and then: {stderr}");
    assert!(early > 0 && late > 0, "memory was seen early and late");
    // 17,000 users more would be some megabytes if any of it were kept.
    assert!(late < early + 2_048, "{early} kB resident after two thousand users, {late} kB after eighteen thousand");
}

/// Resident kilobytes of a process, while it lives.
fn resident(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}
