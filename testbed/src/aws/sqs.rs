//! SQS, and SNS before it, emulated by ministack: a burst of a thousand messages goes through it in half a second.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use reqwest::Client;
use serde_json::{Value, json};

use super::REGION;
use super::call::{self, call, text};
use super::queue::{Queue, QueueOptions};
use super::topic::Topic;
use crate::install::Environment;
use crate::process::{Part, ports, random, ready};

const START_BOUND: Duration = Duration::from_secs(60);
const STOP_BOUND: Duration = Duration::from_secs(10);
const ACCOUNT: &str = "000000000000";

/// The names of what keeps the order of a group end so.
const FIFO: &str = ".fifo";

/// What ministack would do besides, and what the machine's own environment might ask of it.
const QUIET: [(&str, &str); 12] = [
    ("SERVICES", "sqs,sns"),
    ("BIND_HOST", "127.0.0.1"),
    // Queue URLs name this host whichever way a request came, so that a proxy before it changes nothing.
    ("MINISTACK_HOST", "127.0.0.1"),
    ("MINISTACK_REGION", REGION),
    ("MINISTACK_ACCOUNT_ID", ACCOUNT),
    ("LOG_LEVEL", "WARNING"),
    ("PERSIST_STATE", "0"),
    ("LOCALSTACK_PERSISTENCE", "0"),
    ("AUTH", "false"),
    ("USE_SSL", "0"),
    // Either would listen on a port of its own.
    ("IOT_MTLS_ENABLED", "0"),
    ("SFTP_ENABLED", "0"),
];

/// A name that nothing else has, and what it must end in.
struct Fresh {
    stem: String,
    fifo: &'static str,
}

impl Fresh {
    fn of(name: &str) -> Fresh {
        let (stem, fifo) = name.strip_suffix(FIFO).map_or((name, ""), |stem| (stem, FIFO));
        Fresh { stem: format!("{stem}-{}", random::word()), fifo }
    }
}

/// A running SQS. Its queues are in memory. Dropping it ends it.
#[derive(Debug)]
pub struct Sqs {
    part: Part,
    port: u16,
}

impl Sqs {
    /// Installs ministack if needed and starts it.
    ///
    /// # Errors
    /// When it cannot be installed or does not answer; the message carries the end of its log.
    pub async fn start() -> Result<Sqs> {
        let environment = Environment::Ministack.ensure().await?;
        let sqs = Sqs { part: Part::new("ministack", Signal::SIGKILL)?, port: ports::free_port()? };
        let mut command = Command::new(environment.join("bin/python"));
        command
            .args(["-m", "ministack"])
            .envs(QUIET)
            .env("GATEWAY_PORT", sqs.port.to_string())
            .env("TMPDIR", sqs.part.directory())
            // It tidies up containers at its start; those of this machine are not its own.
            .env("DOCKER_HOST", format!("unix://{}", sqs.part.directory().join("no-docker").display()));
        sqs.part.spawn(&command)?;
        ready::wait(&sqs.part, &format!("{}/_ministack/health", sqs.url()), START_BOUND).await?;
        Ok(sqs)
    }

    /// For `endpoint_url` of `[queue]`. To take SQS away for a while and keep its messages, put a
    /// [`Proxy`](crate::Proxy) before it: stopped, it forgets them.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a fresh queue; a random word is added to `name`, so that tests never meet. With a dead-letter queue where
    /// the options ask for one. A FIFO queue where the name ends in `.fifo`.
    ///
    /// # Errors
    /// When ministack refuses; the message carries the end of its log.
    pub async fn create_queue(&self, name: &str, options: QueueOptions) -> Result<Queue> {
        let making = async {
            let client = Client::new();
            let Fresh { stem, fifo } = Fresh::of(name);
            let name = format!("{stem}{fifo}");
            let mut attributes = json!({ "VisibilityTimeout": options.visibility_timeout.as_secs().to_string() });
            let mut dead_letter_url = None;
            if let Some(max_receive_count) = options.dead_letter {
                let dead = format!("{stem}-dead{fifo}");
                dead_letter_url = Some(self.create(&client, &dead, &json!({})).await?);
                let policy = json!({
                    "deadLetterTargetArn": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{dead}"),
                    "maxReceiveCount": max_receive_count,
                });
                attributes["RedrivePolicy"] = Value::String(policy.to_string());
            }
            let url = self.create(&client, &name, &attributes).await?;
            Ok(Queue { url, dead_letter_url, endpoint: self.url(), client })
        };
        making.await.map_err(|error: anyhow::Error| {
            error.context(format!("create queue {name}; end of ministack's log:\n{}", self.log_tail()))
        })
    }

    /// Makes a fresh topic of SNS; a random word is added to `name`. A FIFO topic where it ends in `.fifo`.
    ///
    /// # Errors
    /// When ministack refuses; the message carries the end of its log.
    pub async fn create_topic(&self, name: &str) -> Result<Topic> {
        let Fresh { stem, fifo } = Fresh::of(name);
        let made = Topic::create(&self.url(), &format!("{stem}{fifo}"), !fifo.is_empty()).await;
        made.with_context(|| format!("create topic {name}; end of ministack's log:\n{}", self.log_tail()))
    }

    /// SIGKILL, and wait until it has ended. Its queues are gone.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn stop(&self) -> Result<()> {
        self.part.kill()?;
        self.part.ended(STOP_BOUND).await.map(drop)
    }

    pub fn log_tail(&self) -> String {
        self.part.log_tail()
    }

    async fn create(&self, client: &Client, name: &str, attributes: &Value) -> Result<String> {
        let mut body = json!({ "QueueName": name, "Attributes": attributes });
        if name.ends_with(FIFO) {
            body["Attributes"]["FifoQueue"] = json!("true");
        }
        let answer = call(client, &self.url(), call::SQS, "CreateQueue", &body).await?;
        text(&answer["QueueUrl"]).with_context(|| format!("create queue {name}"))
    }
}
