//! The forwarder in `deploy/`: its own tests, in Python, against the emulated SQS.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use testbed::install::Environment;
use testbed::{QueueOptions, aws_environment, shared_sqs};
use tokio::process::Command;

const BOUND: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_forwarder_s_own_tests_pass() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/forwarder");
    let queue = shared_sqs().await.create_queue("forwarder", QueueOptions::default()).await.unwrap();
    // boto3 comes with moto.
    let environment = Environment::Moto.ensure().await.unwrap();
    let tests = Command::new(environment.join("bin/python"))
        .args(["-m", "unittest", "--verbose", "test_forwarder"])
        .current_dir(directory)
        .envs(aws_environment())
        .env("QUEUE_URL", &queue.url)
        .env("AWS_ENDPOINT_URL_SQS", &queue.endpoint)
        .env_remove("ENVIRONMENT")
        .env_remove("FAIL_OPEN")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(BOUND, tests).await.expect("the tests end in time").unwrap();
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    println!("{report}");
}
