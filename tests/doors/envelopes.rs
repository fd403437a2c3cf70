//! Messages of the queue: whoever may write there can say anything. `tests/queue/envelope.rs` has what each file of the corpus means.

use phenom_provisioner::intake::queue::{Expected, ReadResult, Trigger, envelope::read};
use proptest::prelude::*;
use serde_json::Value;

use super::hostile::{Hostile, Verdict};
use super::naive::is_json;

const POOL: &str = "us-east-1_knEL7cqS3";

/// Whether there is, at any depth and in any wrapping, an event that confirms this user in the pool.
fn says_so(value: &Value, subject: &str, trigger: &str) -> bool {
    let is_it = value["triggerSource"] == trigger
        && value["userPoolId"] == POOL
        && value["request"]["userAttributes"]["sub"] == subject;
    is_it
        || match value {
            Value::Array(items) => items.iter().any(|inner| says_so(inner, subject, trigger)),
            Value::Object(fields) => fields.values().any(|inner| says_so(inner, subject, trigger)),
            Value::String(text) => match serde_json::from_str::<Value>(text) {
                Ok(inner) => inner.is_object() && says_so(&inner, subject, trigger),
                // What cannot be held as a value, too deep or with a number past all size, may say it.
                Err(_) => is_json(text),
            },
            _ => false,
        }
}

/// The environments that the outermost object names.
fn environments(value: &Value) -> Vec<&Value> {
    let attribute = &value["MessageAttributes"]["environment"]["Value"];
    [&value["environment"], attribute].into_iter().filter(|found| !found.is_null()).collect()
}

/// What is shown of a reading: an id, or words about it, and never an address.
fn shown(reading: &ReadResult) -> String {
    match reading {
        Ok(confirmation) => format!("{} {}", confirmation.subject, confirmation.user_pool_id),
        Err(refusal) => format!("{refusal} {refusal:?}"),
    }
}

pub(crate) fn door() -> impl Fn(&Hostile<'_>) -> Verdict {
    let ours = Expected {
        environment: "production".to_owned(),
        user_pool_id: Some(POOL.to_owned()),
        server_name: "phenom.test".to_owned(),
        bot: "@provisioner:phenom.test".to_owned(),
    };
    let of_any_pool = Expected { user_pool_id: None, ..ours.clone() };
    move |hostile| {
        let (reading, lenient) = (read(hostile.bytes, None, &ours), read(hostile.bytes, None, &of_any_pool));
        for reading in [&reading, &lenient] {
            let shown = shown(reading);
            prop_assert!(shown.is_ascii() && !shown.contains('@') && shown.len() < 800, "{shown}");
        }
        let Ok(confirmation) = &reading else { return Ok(false) };
        prop_assert_eq!(&reading, &lenient, "a pool only ever refuses");
        let subject = &*confirmation.subject;
        prop_assert!(!subject.is_empty() && !subject.contains(|c: char| c == '@' || c == ':' || c.is_whitespace()));
        prop_assert_eq!(&*confirmation.user_pool_id, POOL);
        let trigger = match confirmation.trigger {
            Trigger::ConfirmSignUp => "PostConfirmation_ConfirmSignUp",
            Trigger::ConfirmForgotPassword => "PostConfirmation_ConfirmForgotPassword",
        };
        // What is deeper than a `Value` may be is in a part that nothing looks at.
        if let Ok(value) = serde_json::from_slice::<Value>(hostile.bytes) {
            prop_assert!(says_so(&value, subject, trigger), "nothing in it confirms {subject}");
            prop_assert!(
                environments(&value).into_iter().all(|found| found == "production"),
                "it is for another environment"
            );
        }
        Ok(true)
    }
}

#[test]
fn a_message_confirms_only_a_user_that_an_event_in_it_names() {
    super::walk("envelopes");
}
