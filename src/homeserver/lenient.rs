//! Reading answers that are nearly right: one odd entry must not hide the others.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ruma::{
    api::{
        EndpointError, IncomingResponse,
        error::{Error, FromHttpResponseError},
    },
    exports::http,
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use crate::objects::object;

/// The status and JSON body of any successful answer.
#[derive(Debug)]
pub(crate) struct Answered<T> {
    pub(crate) status: u16,
    /// The `Date` header of the answer: the answering machine's clock, in whole seconds.
    pub(crate) date: Option<DateTime<Utc>>,
    pub(crate) body: T,
}

impl<T: DeserializeOwned> IncomingResponse for Answered<T> {
    type EndpointError = Error;

    fn try_from_http_response<B: AsRef<[u8]>>(
        response: http::Response<B>,
    ) -> Result<Self, FromHttpResponseError<Error>> {
        let status = response.status().as_u16();
        if status >= 300 {
            return Err(FromHttpResponseError::Server(Error::from_http_response(response)));
        }
        let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()).map(Into::into);
        let body = serde_json::from_slice(response.body().as_ref())
            .map_err(|error| FromHttpResponseError::Deserialization(error.into()))?;
        Ok(Self { status, date, body })
    }
}

/// An entry of a list: `None` where it does not have the shape it should.
#[derive(Debug)]
pub(crate) struct LenientEntry<T>(pub(super) Option<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for LenientEntry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(object(raw)))
    }
}

/// Separates what could be read from how many could not.
pub(crate) fn readable<T>(entries: Vec<LenientEntry<T>>) -> (Vec<T>, usize) {
    let total = entries.len();
    let read: Vec<T> = entries.into_iter().filter_map(|entry| entry.0).collect();
    let unreadable = total - read.len();
    (read, unreadable)
}

/// A flag that Synapse writes as a boolean, a number or null, by version and database. Anything else is none: an account that is
/// locked must not pass for open because its flag is damaged.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Bool(flag) => Ok(flag),
        Value::Null => Ok(false),
        Value::Number(number) if number.as_u64().is_some_and(|number| number < 2) => Ok(number.as_u64() == Some(1)),
        _ => Err(serde::de::Error::custom("a flag that is neither true nor false")),
    }
}

/// Any value. One that serde_json cannot hold, nested past its limit, is as good as none: it costs nobody but its author.
pub(crate) fn any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// A text, or nothing where there is null or something else.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match any(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// A count written as a number or as the text of one, or nothing.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    })
}

/// A length of time in milliseconds, possibly with a fraction.
pub(crate) fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let millis = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(millis / 1000.0).map_err(serde::de::Error::custom)
}
