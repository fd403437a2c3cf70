//! Reads a message: from its bytes to a confirmed sign-up, or to the reason why it is none. Pure.
//!
//! A confirmation can come bare, or in an envelope of SNS, EventBridge or a Lambda destination, or in several of them. They
//! are told apart by their keys. Only what is asked for is read, and the rest is skipped to any depth. No reason, and no
//! confirmation, ever holds anything about a user but the `sub`: everything shown was checked to be an id.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use provisioner_policy::{SubjectError, mxid_of_subject};
use serde_json::value::RawValue;
use thiserror::Error;

/// Envelopes in envelopes. Two are the most that AWS makes by itself (SNS from an EventBridge rule, say).
const MOST_ENVELOPES: usize = 4;

/// Ids and names longer than this are not shown.
const SHOWN_MAX_BYTES: usize = 64;

/// What a message must agree with to be ours.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The `environment` of the configuration.
    pub environment: String,
    /// The pool of `[cognito]`. Without one, a confirmation of any pool is taken.
    pub user_pool_id: Option<String>,
    /// With the bot, what a `sub` must make an MXID with.
    pub server_name: String,
    /// The MXID of the bot, which nobody's `sub` may be.
    pub bot: String,
}

/// What triggered the message. Both mean the same to us: make sure that this user exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    ConfirmSignUp,
    ConfirmForgotPassword,
}

/// A message says that this user is confirmed. Anybody who may write to the queue can say so: the pool has to agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The `sub`, as it was spelt. It makes a valid MXID.
    pub subject: String,
    /// The pool the message names: ours, or any if there is none to compare with. Short plain text.
    pub user_pool_id: String,
    /// What the user did.
    pub trigger: Trigger,
}

/// A confirmation, or why there is none.
pub type ReadResult = Result<Confirmation, Refusal>;

/// Why a message can never be worked on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("it is not JSON")]
    NotJson,
    #[error("it is JSON, and no object")]
    NotAnObject,
    #[error("it is neither a Cognito event nor an envelope of SNS, EventBridge or a Lambda destination")]
    NoEnvelope,
    #[error("it has more than {MOST_ENVELOPES} envelopes")]
    TooDeep,
    #[error("SNS sent it as {0} and not as a Notification")]
    NotANotification(PlainName),
    #[error("it is meant for the environment {found}, and this one is \"{ours}\"")]
    OtherEnvironment { found: PlainName, ours: String },
    #[error("its trigger is {0}, which confirms nobody")]
    NotAConfirmation(PlainName),
    #[error("its userPoolId is missing, or not the id of a user pool")]
    NoPool,
    #[error("it is of the user pool {found}, and cognito.user_pool_id is \"{ours}\"")]
    OtherPool { found: PlainName, ours: String },
    #[error("it names no sub")]
    NoSubject,
    #[error("its sub is not text")]
    SubjectNotText,
    #[error("its sub cannot name a Matrix user: {0}")]
    Subject(SubjectError),
}

/// Text of a message that is fit to be shown: a short id or name in plain ASCII. Anything else is not even kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainName(Option<String>);

impl PlainName {
    fn of(text: &str) -> Self {
        Self(is_plain(text).then(|| text.to_owned()))
    }
}

impl fmt::Display for PlainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(text) => write!(f, "\"{text}\""),
            None => f.write_str("something that is no plain name"),
        }
    }
}

/// Reads the body of a message. `environment` is the message attribute of that name.
pub fn read(body: &[u8], environment: Option<&str>, ours: &Expected) -> ReadResult {
    if let Some(environment) = environment {
        agree(Some(environment), ours)?;
    }
    let text = std::str::from_utf8(body).map_err(|_| Refusal::NotJson)?;
    open(text, MOST_ENVELOPES, ours)
}

/// Reads an event, or opens an envelope and reads on.
fn open(text: &str, envelopes: usize, ours: &Expected) -> ReadResult {
    let object = Object::read(text)?;
    for environment in [object.get("environment"), object.sns_attribute("environment")].into_iter().flatten() {
        agree(string(environment).as_deref(), ours)?;
    }
    if let Some(trigger) = object.get("triggerSource") {
        return event(&object, trigger, ours);
    }
    let inner = match (object.get("Type"), object.get("Message")) {
        (Some(kind), Some(message)) => match string(kind).as_deref() {
            Some("Notification") => message,
            kind => return Err(Refusal::NotANotification(PlainName::of(kind.unwrap_or_default()))),
        },
        _ => object.get("detail").or_else(|| object.get("requestPayload")).ok_or(Refusal::NoEnvelope)?,
    };
    let envelopes = envelopes.checked_sub(1).ok_or(Refusal::TooDeep)?;
    // SNS wraps text, the others wrap JSON; a forwarder may do either.
    match string(inner) {
        Some(text) => open(&text, envelopes, ours),
        None => open(inner.get(), envelopes, ours),
    }
}

/// Reads a PostConfirmation event:
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html>.
fn event<'a>(event: &Object<'a>, trigger: &RawValue, ours: &Expected) -> ReadResult {
    let trigger = match string(trigger).unwrap_or_default().as_ref() {
        "PostConfirmation_ConfirmSignUp" => Trigger::ConfirmSignUp,
        "PostConfirmation_ConfirmForgotPassword" => Trigger::ConfirmForgotPassword,
        other => return Err(Refusal::NotAConfirmation(PlainName::of(other))),
    };
    let pool = event.get("userPoolId").and_then(string).filter(|pool| is_plain(pool)).ok_or(Refusal::NoPool)?;
    if let Some(ours) = ours.user_pool_id.as_ref().filter(|ours| **ours != pool) {
        return Err(Refusal::OtherPool { found: PlainName::of(&pool), ours: ours.clone() });
    }
    let within = |outer: &Object<'a>, key: &str| Object::read(outer.get(key)?.get()).ok();
    let attributes = within(event, "request").and_then(|request| within(&request, "userAttributes"));
    let subject = attributes.and_then(|attributes| attributes.get("sub")).ok_or(Refusal::NoSubject)?;
    let subject = string(subject).ok_or(Refusal::SubjectNotText)?;
    mxid_of_subject(&subject, &ours.server_name, &ours.bot).map_err(Refusal::Subject)?;
    Ok(Confirmation { subject: subject.into_owned(), user_pool_id: pool.into_owned(), trigger })
}

/// `None` is an environment that is not even text.
fn agree(found: Option<&str>, ours: &Expected) -> Result<(), Refusal> {
    if found == Some(ours.environment.as_str()) {
        return Ok(());
    }
    Err(Refusal::OtherEnvironment { found: PlainName::of(found.unwrap_or_default()), ours: ours.environment.clone() })
}

/// No at sign, no dot and no space: neither an e-mail address nor much of a name can look like this.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.len() <= SHOWN_MAX_BYTES && text.bytes().all(plain)
}

/// The fields of a JSON object, not looked into. A key given twice counts with its last value, and `null` as not given.
struct Object<'a>(HashMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Object<'a> {
    fn read(text: &'a str) -> Result<Self, Refusal> {
        serde_json::from_str(text)
            .map(Self)
            .map_err(|error| if error.is_data() { Refusal::NotAnObject } else { Refusal::NotJson })
    }

    fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.get(key).copied().filter(|value| value.get() != "null")
    }

    /// The value of a message attribute in an SNS envelope.
    fn sns_attribute(&self, name: &str) -> Option<&'a RawValue> {
        let attributes = Object::read(self.get("MessageAttributes")?.get()).ok()?;
        Object::read(attributes.get(name)?.get()).ok()?.get("Value")
    }
}

/// A JSON string as text; nothing for other values.
fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = value.get();
    match quoted.strip_prefix('"')?.strip_suffix('"')? {
        // Without escapes the text stands there as it is.
        plain if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str::<String>(quoted).ok().map(Cow::Owned),
    }
}
