//! Cognito's PostConfirmation trigger: the real forwarder of `deploy/`, called as Cognito would call it.
//!
//! What is emulated is the call. moto fires no triggers, so the testbed makes Cognito's event and hands it to the
//! forwarder's handler, which runs in Python as in AWS's runtime and sends to the queue by itself.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use reqwest::Client;
use serde_json::{Map, Value, json};

use super::{Pool, Queue, aws_environment};
use crate::install::Environment;
use crate::process::{Part, ports, ready};

const START_BOUND: Duration = Duration::from_secs(60);
/// How long Cognito waits for a trigger.
const COGNITO_WAITS: Duration = Duration::from_secs(5);
const FORWARDER: &str = include_str!("../../../deploy/forwarder/forwarder.py");
const RUNTIME: &str = include_str!("lambda.py");
const PATH: &str = "/2015-03-31/functions/function/invocations";

/// The forwarder, running. Dropping it ends it.
#[derive(Debug)]
pub struct Trigger {
    part: Part,
    port: u16,
    client: Client,
}

impl Trigger {
    /// Starts the forwarder for `queue`. `environment` is what an operator would set on the Lambda besides
    /// (`ENVIRONMENT`, `FAIL_OPEN`), and may point it elsewhere (`AWS_ENDPOINT_URL_SQS`: a proxy before SQS).
    ///
    /// # Errors
    /// When boto3 cannot be installed or the forwarder does not start; the message carries the end of its log.
    pub async fn start(queue: &Queue, environment: &[(&str, &str)]) -> Result<Trigger> {
        // boto3 comes with moto.
        let python = Environment::Moto.ensure().await?.join("bin/python");
        let trigger = Trigger {
            part: Part::new("forwarder", Signal::SIGKILL)?,
            port: ports::free_port()?,
            client: Client::new(),
        };
        let directory = trigger.part.directory();
        std::fs::write(directory.join("forwarder.py"), FORWARDER).context("write the forwarder")?;
        std::fs::write(directory.join("runtime.py"), RUNTIME).context("write the forwarder's runtime")?;
        let mut command = Command::new(python);
        command
            .args(["runtime.py", &trigger.port.to_string(), "forwarder.handler"])
            .envs(aws_environment())
            .env_remove("ENVIRONMENT")
            .env_remove("FAIL_OPEN")
            .env("QUEUE_URL", &queue.url)
            .env("AWS_ENDPOINT_URL_SQS", &queue.endpoint)
            .envs(environment.iter().copied());
        trigger.part.spawn(&command)?;
        ready::wait(&trigger.part, &format!("http://127.0.0.1:{}/", trigger.port), START_BOUND).await?;
        Ok(trigger)
    }

    /// Calls the forwarder with an event and waits for it, as Cognito does.
    ///
    /// # Errors
    /// Where Cognito would tell the person that something went wrong: when the forwarder takes too long, fails, or
    /// returns anything but the event.
    pub async fn fire(&self, event: &Value) -> Result<()> {
        let request = self.client.post(format!("http://127.0.0.1:{}{PATH}", self.port));
        let answer = request.timeout(COGNITO_WAITS).json(event).send().await.context("call the forwarder")?;
        let failed = answer.headers().contains_key("X-Amz-Function-Error");
        let returned: Value = answer.json().await.context("read what the forwarder returned")?;
        ensure!(!failed, "the forwarder failed: {returned}");
        ensure!(returned == *event, "the forwarder returned {returned} for {event}");
        Ok(())
    }

    /// What the forwarder has logged.
    pub fn log_tail(&self) -> String {
        self.part.log_tail()
    }
}

impl Pool {
    /// The event of a confirmation, as Cognito makes it.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn event(&self, sub: &str) -> Result<Value> {
        let user = self.user(sub).await?;
        let mut attributes = Map::new();
        for attribute in user["Attributes"].as_array().into_iter().flatten() {
            attributes.insert(attribute["Name"].as_str().unwrap_or_default().to_owned(), attribute["Value"].clone());
        }
        attributes.insert("email_verified".to_owned(), json!("true"));
        attributes.insert("cognito:user_status".to_owned(), user["UserStatus"].clone());
        Ok(json!({
            "version": "1",
            "triggerSource": "PostConfirmation_ConfirmSignUp",
            "region": self.region,
            "userPoolId": self.id,
            "userName": user["Username"],
            "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": self.app },
            "request": { "userAttributes": attributes },
            "response": {},
        }))
    }

    /// Somebody enters the code they were sent, and Cognito calls the trigger.
    ///
    /// # Errors
    /// When there is no such user, or the trigger fails.
    pub async fn confirm_and_fire(&self, trigger: &Trigger, sub: &str) -> Result<()> {
        self.confirm(sub).await?;
        trigger
            .fire(&self.event(sub).await?)
            .await
            .with_context(|| format!("fire the trigger for {sub}; end of the forwarder's log:\n{}", trigger.log_tail()))
    }
}
