//! A small SQS with a memory, for what emulators cannot do: faults on purpose, and showing a message ahead of its time.
//! Speaks the JSON protocol. Only the newest receipt handle of a message is good.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use phenom_provisioner::intake::queue::Queue;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The names of its queues.
pub(crate) const QUEUE: &str = "confirmations";
pub(crate) const DEAD: &str = "dead";

/// How often a long poll looks.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Clone)]
pub(crate) struct Fake {
    shared: Arc<Mutex<Shelf>>,
    address: String,
}

#[derive(Default)]
struct Shelf {
    messages: Vec<Message>,
    dead: Vec<Message>,
    /// `maxReceiveCount`, with a dead-letter queue.
    most_receives: Option<u32>,
    calls: Vec<Call>,
    handles: u64,
    /// Everything fails with this.
    fault: Option<(StatusCode, &'static str)>,
    /// Calls of these actions on queues whose name is this are refused with this code, and with that of the protocol before.
    refusals: Vec<Refusal>,
    /// So many entries of batch deletions fail in passing.
    failing_deletions: usize,
    /// Receives answer only once this is cancelled.
    receive_gate: Option<CancellationToken>,
}

#[derive(Clone)]
struct Message {
    id: String,
    body: String,
    attributes: HashMap<String, String>,
    receives: u32,
    visible: Instant,
    handle: String,
}

#[derive(Clone, Copy)]
struct Refusal {
    action: &'static str,
    queue: &'static str,
    code: &'static str,
    query_code: Option<&'static str>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) action: String,
    pub(crate) body: Value,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        super::privacy::keep_logs();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { shared: Arc::default(), address };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        fake
    }

    pub(crate) async fn queue(&self) -> Queue {
        let url = format!("{}/123456789012/{QUEUE}", self.address);
        Queue::connect(&url, Some(&self.address), None).await
    }

    /// With a dead-letter queue after so many receives.
    pub(crate) fn redrive_after(&self, receives: u32) {
        self.shelf().most_receives = Some(receives);
    }

    /// Puts a message in, and answers its id.
    pub(crate) fn send(&self, body: &str) -> String {
        self.send_with(body, [])
    }

    pub(crate) fn send_with<const N: usize>(&self, body: &str, attributes: [(&str, &str); N]) -> String {
        let mut shelf = self.shelf();
        shelf.handles += 1;
        let id = format!("message-{}", shelf.handles);
        shelf.messages.push(Message {
            id: id.clone(),
            body: body.to_owned(),
            attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            receives: 0,
            visible: Instant::now(),
            handle: String::new(),
        });
        id
    }

    /// Shows a message at once, as if its time were over.
    pub(crate) fn show(&self, id: &str) {
        let mut shelf = self.shelf();
        shelf.messages.iter_mut().find(|message| message.id == id).unwrap().visible = Instant::now();
    }

    /// Whether the message would be received now.
    pub(crate) fn is_shown(&self, id: &str) -> bool {
        self.shelf().messages.iter().any(|message| message.id == id && message.visible <= Instant::now())
    }

    pub(crate) fn fail(&self, fault: Option<(StatusCode, &'static str)>) {
        self.shelf().fault = fault;
    }

    /// Refuses an action on the queue of this name, as IAM or KMS would. SQS sends the code of the protocol before along.
    pub(crate) fn refuse(
        &self,
        action: &'static str,
        queue: &'static str,
        code: &'static str,
        query_code: Option<&'static str>,
    ) {
        self.shelf().refusals.push(Refusal { action, queue, code, query_code });
    }

    pub(crate) fn allow_all(&self) {
        self.shelf().refusals.clear();
    }

    pub(crate) fn fail_deletions(&self, entries: usize) {
        self.shelf().failing_deletions = entries;
    }

    /// Holds the answers of receives back until the token is cancelled.
    pub(crate) fn hold_receives(&self) -> CancellationToken {
        let gate = CancellationToken::new();
        self.shelf().receive_gate = Some(gate.clone());
        gate
    }

    pub(crate) fn left(&self) -> usize {
        self.shelf().messages.len()
    }

    /// Ids in the dead-letter queue.
    pub(crate) fn dead(&self) -> Vec<String> {
        self.shelf().dead.iter().map(|message| message.id.clone()).collect()
    }

    /// How often each message was received.
    pub(crate) fn receives(&self) -> HashMap<String, u32> {
        self.shelf().messages.iter().map(|message| (message.id.clone(), message.receives)).collect()
    }

    /// The newest handle.
    pub(crate) fn handle(&self, id: &str) -> String {
        self.shelf().messages.iter().find(|message| message.id == id).unwrap().handle.clone()
    }

    /// The bodies of the requests of this action so far.
    pub(crate) fn calls(&self, action: &str) -> Vec<Value> {
        self.shelf().calls.iter().filter(|call| call.action == action).map(|call| call.body.clone()).collect()
    }

    /// The visibility timeouts that were set, in order, by the handle they were set with.
    pub(crate) fn hidden(&self) -> Vec<(String, u64)> {
        let calls = self.calls("ChangeMessageVisibility");
        let one =
            |call: &Value| Some((call["ReceiptHandle"].as_str()?.to_owned(), call["VisibilityTimeout"].as_u64()?));
        calls.iter().filter_map(one).collect()
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shared.lock().unwrap()
    }

    async fn receive(&self, call: &Value) -> Value {
        let most = usize::try_from(call["MaxNumberOfMessages"].as_u64().unwrap()).unwrap();
        let wait = Duration::from_secs(call["WaitTimeSeconds"].as_u64().unwrap());
        let hidden = Duration::from_secs(call["VisibilityTimeout"].as_u64().unwrap());
        let gate = self.shelf().receive_gate.clone();
        if let Some(gate) = gate {
            gate.cancelled().await;
        }
        let end = Instant::now() + wait;
        loop {
            let messages = self.shelf().take(most, hidden);
            if !messages.is_empty() || Instant::now() >= end {
                return json!({ "Messages": messages });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Shelf {
    fn take(&mut self, most: usize, hidden: Duration) -> Vec<Value> {
        let now = Instant::now();
        let worn = |message: &Message, limit: Option<u32>| {
            message.visible <= now && limit.is_some_and(|limit| message.receives >= limit)
        };
        let limit = self.most_receives;
        self.dead.extend(self.messages.extract_if(.., |message| worn(message, limit)));
        let mut taken = Vec::new();
        for message in self.messages.iter_mut().filter(|message| message.visible <= now).take(most) {
            self.handles += 1;
            message.handle = format!("handle-{}", self.handles);
            message.receives += 1;
            message.visible = now + hidden;
            taken.push(message.shown());
        }
        taken
    }

    fn by_handle(&mut self, call: &Value) -> Option<&mut Message> {
        let handle = call["ReceiptHandle"].as_str().unwrap();
        self.messages.iter_mut().find(|message| message.handle == handle)
    }

    fn hide(&mut self, call: &Value) -> Result<Value, (StatusCode, &'static str)> {
        let hidden = Duration::from_secs(call["VisibilityTimeout"].as_u64().unwrap());
        let message = self.by_handle(call).ok_or((StatusCode::BAD_REQUEST, "ReceiptHandleIsInvalid"))?;
        message.visible = Instant::now() + hidden;
        Ok(json!({}))
    }

    fn delete(&mut self, call: &Value) -> Value {
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in call["Entries"].as_array().unwrap() {
            if self.failing_deletions > 0 {
                self.failing_deletions -= 1;
                failed.push(json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError"}));
            } else if let Some(message) = self.by_handle(entry) {
                let id = message.id.clone();
                self.messages.retain(|message| message.id != id);
                successful.push(json!({"Id": entry["Id"]}));
            } else {
                failed.push(json!({"Id": entry["Id"], "SenderFault": true, "Code": "ReceiptHandleIsInvalid"}));
            }
        }
        json!({"Successful": successful, "Failed": failed})
    }

    fn attributes(&self, call: &Value) -> Value {
        if queue_of(call) == DEAD {
            return json!({ "Attributes": {"ApproximateNumberOfMessages": self.dead.len().to_string()} });
        }
        let mut attributes = json!({"ApproximateNumberOfMessages": self.messages.len().to_string()});
        if let Some(most) = self.most_receives {
            let arn = format!("arn:aws:sqs:us-east-1:123456789012:{DEAD}");
            let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": most});
            attributes["RedrivePolicy"] = policy.to_string().into();
        }
        json!({ "Attributes": attributes })
    }
}

/// The name of the queue that a call is about.
fn queue_of(call: &Value) -> &str {
    let url = call["QueueUrl"].as_str().or(call["QueueName"].as_str()).unwrap();
    url.rsplit('/').next().unwrap()
}

impl Message {
    fn shown(&self) -> Value {
        let sent = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - Duration::from_secs(90);
        let text = |value: &String| json!({"DataType": "String", "StringValue": value});
        let attributes: HashMap<&String, Value> =
            self.attributes.iter().map(|(name, value)| (name, text(value))).collect();
        json!({
            "MessageId": self.id, "ReceiptHandle": self.handle, "Body": self.body, "MessageAttributes": attributes,
            "Attributes": {
                "ApproximateReceiveCount": self.receives.to_string(), "SentTimestamp": sent.as_millis().to_string(),
            },
        })
    }
}

async fn answer(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    let call: Value = serde_json::from_slice(&body).unwrap();
    let action = headers["x-amz-target"].to_str().unwrap().strip_prefix("AmazonSQS.").unwrap().to_owned();
    let (fault, refusal) = {
        let mut shelf = fake.shelf();
        shelf.calls.push(Call { action: action.clone(), body: call.clone() });
        let is_meant = |refusal: &&Refusal| refusal.action == action && refusal.queue == queue_of(&call);
        (shelf.fault, shelf.refusals.iter().find(is_meant).copied())
    };
    if let Some(Refusal { code, query_code, .. }) = refusal {
        return refused(StatusCode::BAD_REQUEST, code, query_code);
    }
    let answer = match (fault, action.as_str()) {
        (Some(fault), _) => Err(fault),
        (None, "ReceiveMessage") => Ok(fake.receive(&call).await),
        (None, "ChangeMessageVisibility") => fake.shelf().hide(&call),
        (None, "DeleteMessageBatch") => Ok(fake.shelf().delete(&call)),
        (None, "GetQueueAttributes") => Ok(fake.shelf().attributes(&call)),
        (None, "GetQueueUrl") => Ok(json!({"QueueUrl": format!("{}/123456789012/{}", fake.address, queue_of(&call))})),
        (None, other) => panic!("the fake cannot {other}"),
    };
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err((status, code)) => refused(status, code, None),
    }
}

fn refused(status: StatusCode, code: &str, query_code: Option<&'static str>) -> Response {
    let body = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "as the test asked"});
    let mut response = (status, Json(body)).into_response();
    if let Some(query_code) = query_code {
        let value = HeaderValue::from_str(&format!("{query_code};Sender")).unwrap();
        response.headers_mut().insert("x-amzn-query-error", value);
    }
    response
}
