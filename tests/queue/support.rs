//! What the tests of the queue share: an event, a consumer, and somebody who takes confirmations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use phenom_provisioner::intake::queue::{
    ConfirmOutcome, Confirmation, Confirmations, Consumer, Expected, MessageRef, Queue, QueueStatus, Timing,
};
use serde_json::{Value, json};
use testbed::wait_until;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const POOL: &str = "us-east-1_knEL7cqS3";

/// What is awaited comes within this, or never.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

pub(crate) fn ours() -> Expected {
    Expected {
        environment: "production".to_owned(),
        user_pool_id: Some(POOL.to_owned()),
        server_name: "phenom.test".to_owned(),
        bot: "@provisioner:phenom.test".to_owned(),
    }
}

pub(crate) fn event(subject: &str, pool: &str) -> Value {
    json!({
        "version": "1", "triggerSource": "PostConfirmation_ConfirmSignUp", "region": "us-east-1", "userPoolId": pool,
        "userName": "jo", "callerContext": {}, "response": {},
        "request": {"userAttributes": {
            "sub": subject, "email": "jo@example.org", "email_verified": "true", "cognito:user_status": "CONFIRMED",
        }},
    })
}

pub(crate) fn body(subject: &str) -> String {
    event(subject, POOL).to_string()
}

type Decide = Box<dyn Fn(&str, u32) -> ConfirmOutcome + Send>;

/// Somebody who takes confirmations as the test says, and remembers what came.
#[derive(Clone)]
pub(crate) struct Office(Arc<Mutex<Book>>);

struct Book {
    decide: Decide,
    confirmed: HashMap<String, usize>,
    refused: HashMap<String, Vec<String>>,
    refusing_fails: Option<String>,
    /// Confirmations of these subjects do not end until the test lets them.
    gates: HashMap<String, CancellationToken>,
    begun: Vec<String>,
}

impl Default for Office {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Book {
            decide: Box::new(|_, _| ConfirmOutcome::Recorded),
            confirmed: HashMap::new(),
            refused: HashMap::new(),
            refusing_fails: None,
            gates: HashMap::new(),
            begun: Vec::new(),
        })))
    }
}

impl Office {
    /// Answers from now on by subject and receive count.
    pub(crate) fn answer(&self, decide: impl Fn(&str, u32) -> ConfirmOutcome + Send + 'static) {
        self.0.lock().unwrap().decide = Box::new(decide);
    }

    pub(crate) fn fail_to_refuse(&self, reason: Option<&str>) {
        self.0.lock().unwrap().refusing_fails = reason.map(str::to_owned);
    }

    /// Makes the confirmation of this subject wait until the token is cancelled.
    pub(crate) fn hold(&self, subject: &str) -> CancellationToken {
        let gate = CancellationToken::new();
        self.0.lock().unwrap().gates.insert(subject.to_owned(), gate.clone());
        gate
    }

    /// Attempts at this subject.
    pub(crate) fn attempts(&self, subject: &str) -> usize {
        self.0.lock().unwrap().begun.iter().filter(|begun| *begun == subject).count()
    }

    /// How often each subject was recorded.
    pub(crate) fn confirmed(&self) -> HashMap<String, usize> {
        self.0.lock().unwrap().confirmed.clone()
    }

    /// Reasons recorded, by message.
    pub(crate) fn refused(&self) -> HashMap<String, Vec<String>> {
        self.0.lock().unwrap().refused.clone()
    }
}

impl Confirmations for Office {
    async fn confirm(&self, confirmation: &Confirmation, message: &MessageRef) -> ConfirmOutcome {
        let subject = &confirmation.subject;
        let gate = {
            let mut book = self.0.lock().unwrap();
            book.begun.push(subject.clone());
            book.gates.get(subject).cloned()
        };
        if let Some(gate) = gate {
            gate.cancelled().await;
        }
        let mut book = self.0.lock().unwrap();
        let answer = (book.decide)(subject, message.receive_count);
        if answer == ConfirmOutcome::Recorded {
            *book.confirmed.entry(subject.clone()).or_default() += 1;
        }
        answer
    }

    async fn refuse(&self, message: &MessageRef, reason: &str) -> Result<(), String> {
        let mut book = self.0.lock().unwrap();
        if let Some(trouble) = &book.refusing_fails {
            return Err(trouble.clone());
        }
        book.refused.entry(message.message_id.clone()).or_default().push(reason.to_owned());
        Ok(())
    }
}

/// A consumer at work. Dropping it lets it go on to the end of the test.
pub(crate) struct Running {
    pub(crate) status: QueueStatus,
    pub(crate) stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Waits that suit a test.
pub(crate) fn quick() -> Timing {
    Timing {
        wait: Duration::from_secs(1),
        first_pause: Duration::from_millis(50),
        absent_delay: Duration::from_secs(1),
        last_receive: Duration::from_secs(2),
        attributes_interval: Duration::from_secs(1),
        ..Timing::for_emulators()
    }
}

/// Starts a consumer. Messages are hidden for `hidden`.
pub(crate) fn consume(queue: &Queue, office: &Office, hidden: Duration, concurrency: u16, timing: Timing) -> Running {
    let (status, stop) = (QueueStatus::default(), CancellationToken::new());
    let consumer = Consumer {
        queue: queue.clone(),
        confirmations: office.clone(),
        expected: ours(),
        concurrency,
        visibility_timeout: hidden,
        timing,
        status: status.clone(),
    };
    let task = tokio::spawn(consumer.run(stop.clone()));
    Running { status, stop, task }
}

impl Running {
    /// Stops it softly and waits for the end.
    pub(crate) async fn end(self) -> Duration {
        let begun = std::time::Instant::now();
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(25), self.task).await.unwrap().unwrap();
        begun.elapsed()
    }
}

pub(crate) async fn until(what: &str, condition: impl AsyncFnMut() -> bool) {
    wait_until(what, BOUND, condition).await.unwrap();
}
