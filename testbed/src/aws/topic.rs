//! A topic of SNS, and a queue that subscribes to it as other services would: raw, filtered by attributes.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client, Url};
use serde_json::{Value, json};

use super::REGION;
use super::queue::Queue;

const BOUND: Duration = Duration::from_secs(20);
const VERSION: &str = "2010-03-31";

/// One topic. Cheap to clone; for the test that made it.
#[derive(Debug, Clone)]
pub struct Topic {
    /// For `topic_arn` of `[events]`.
    pub arn: String,
    /// For `endpoint_url` of `[events]`.
    pub endpoint: String,
    client: Client,
}

/// What a subscriber received: the event, and the attributes beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub event: Value,
    pub attributes: Value,
    /// In a FIFO queue, in which group its order is kept.
    pub group: Option<String>,
}

impl Topic {
    pub(super) async fn create(endpoint: &str, name: &str, is_fifo: bool) -> Result<Topic> {
        let mut topic = Topic { arn: String::new(), endpoint: endpoint.to_owned(), client: Client::new() };
        let mut parameters = vec![("Name", name)];
        if is_fifo {
            parameters.extend([("Attributes.entry.1.key", "FifoTopic"), ("Attributes.entry.1.value", "true")]);
        }
        let answer = topic.call("CreateTopic", &parameters).await?;
        topic.arn = element(&answer, "TopicArn").context("no ARN in the answer")?.to_owned();
        Ok(topic)
    }

    /// Subscribes a queue with raw delivery, and with a policy of filters where one is given.
    ///
    /// # Errors
    /// When SNS refuses.
    pub async fn subscribe(&self, queue: &Queue, filter: Option<&Value>) -> Result<()> {
        let endpoint = queue.arn()?;
        let filter = filter.map(Value::to_string);
        let mut parameters = vec![
            ("TopicArn", self.arn.as_str()),
            ("Protocol", "sqs"),
            ("Endpoint", &endpoint),
            ("Attributes.entry.1.key", "RawMessageDelivery"),
            ("Attributes.entry.1.value", "true"),
        ];
        if let Some(filter) = &filter {
            parameters
                .extend([("Attributes.entry.2.key", "FilterPolicy"), ("Attributes.entry.2.value", filter.as_str())]);
        }
        self.call("Subscribe", &parameters).await.map(drop)
    }

    async fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=testbed/20260101/{REGION}/sns/aws4_request, SignedHeaders=host, Signature=0"
        );
        // The form of a body is that of a query.
        let mut form = Url::parse(&self.endpoint).context("read the endpoint")?;
        form.query_pairs_mut().extend_pairs([("Action", action), ("Version", VERSION)]).extend_pairs(parameters);
        let body = form.query().unwrap_or_default().to_owned();
        let request = self.client.post(&self.endpoint).timeout(BOUND).header("Authorization", signature);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await.with_context(|| format!("call {action}"))?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| format!("read the answer to {action}"))?;
        if !status.is_success() {
            bail!("{action} answered {status}: {text}");
        }
        Ok(text)
    }
}

/// The text of an element that is there once.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

impl Queue {
    /// For a subscription.
    fn arn(&self) -> Result<String> {
        let mut parts = self.url.rsplit('/');
        let (name, account) = (parts.next().context("no name in the URL")?, parts.next().context("no account")?);
        Ok(format!("arn:aws:sqs:{REGION}:{account}:{name}"))
    }

    /// Receives and deletes all that is visible, as a subscriber with raw delivery does.
    ///
    /// # Errors
    /// When SQS is down, or a body is no JSON.
    pub async fn take_notices(&self) -> Result<Vec<Notice>> {
        let notice = |message: Value| {
            let body = message["Body"].as_str().context("a message without a body")?;
            let event = serde_json::from_str(body).with_context(|| format!("read an event: {body}"))?;
            let mut attributes = json!({});
            for (name, value) in message["MessageAttributes"].as_object().into_iter().flatten() {
                attributes[name] = value["StringValue"].clone();
            }
            let group = message["Attributes"]["MessageGroupId"].as_str().map(str::to_owned);
            Ok(Notice { event, attributes, group })
        };
        self.take_messages().await?.into_iter().map(notice).collect()
    }
}
