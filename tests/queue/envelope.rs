//! The parser: every file of the corpus, every wrapping of a valid event, and anything at all.

use std::path::Path;

use phenom_provisioner::intake::queue::{Expected, ReadResult, Trigger, envelope::read};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::support::{POOL, event, ours};

const SUB: &str = "0a1b2c3d-4e5f-4678-9abc-def012345678";

/// What a seed means, or that it is refused.
fn meaning(reading: ReadResult) -> String {
    match reading {
        Ok(confirmation) => {
            assert_eq!((confirmation.subject.as_str(), confirmation.user_pool_id.as_str()), (SUB, POOL));
            match confirmation.trigger {
                Trigger::ConfirmSignUp => "signed up".to_owned(),
                Trigger::ConfirmForgotPassword => "new password".to_owned(),
            }
        }
        Err(refusal) => format!("refused: {refusal}"),
    }
}

#[test]
fn every_file_of_the_corpus_means_what_it_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doors/corpus/envelopes");
    let mut seeds: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    let lines: Vec<String> = seeds
        .iter()
        .map(|seed| {
            let name = seed.file_stem().unwrap().to_str().unwrap();
            let meaning = meaning(read(&std::fs::read(seed).unwrap(), None, &ours()));
            let expected = name.starts_with("refused") || meaning.contains("environment");
            assert_eq!(meaning.starts_with("refused"), expected, "{name}: {meaning}");
            format!("{name}: {meaning}")
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    all-nested: signed up
    bare-booleans: signed up
    bare-forgot-password: new password
    bare-sign-up: signed up
    environment-beside-payload: refused: it is meant for the environment "staging", and this one is "production"
    environment-not-text: refused: it is meant for the environment something that is no plain name, and this one is "production"
    environment-other: refused: it is meant for the environment "staging", and this one is "production"
    environment-ours: signed up
    environment-sns-attribute: refused: it is meant for the environment "staging", and this one is "production"
    escaped: signed up
    eventbridge-forgot-password: new password
    eventbridge-in-sns: signed up
    eventbridge: signed up
    key-twice: signed up
    lambda-destination-forgot-password: new password
    lambda-destination-in-eventbridge: signed up
    lambda-destination: signed up
    refused-array: refused: it is JSON, and no object
    refused-cut-off: refused: it is not JSON
    refused-deep-array: refused: it is JSON, and no object
    refused-deep-detail: refused: it has more than 4 envelopes
    refused-empty: refused: it is not JSON
    refused-lone-surrogate: refused: its sub is not text
    refused-no-envelope: refused: it is neither a Cognito event nor an envelope of SNS, EventBridge or a Lambda destination
    refused-no-pool: refused: its userPoolId is missing, or not the id of a user pool
    refused-no-request: refused: it names no sub
    refused-no-sub: refused: it names no sub
    refused-not-utf8: refused: it is not JSON
    refused-null-detail: refused: it is neither a Cognito event nor an envelope of SNS, EventBridge or a Lambda destination
    refused-other-pool: refused: it is of the user pool "us-east-1_n8gO6SbP6", and cognito.user_pool_id is "us-east-1_knEL7cqS3"
    refused-pool-is-an-address: refused: its userPoolId is missing, or not the id of a user pool
    refused-sns-subscription: refused: SNS sent it as "SubscriptionConfirmation" and not as a Notification
    refused-sub-boolean: refused: its sub is not text
    refused-sub-empty: refused: its sub cannot name a Matrix user: it is empty
    refused-sub-is-an-address: refused: its sub cannot name a Matrix user: a Matrix localpart has only the characters a-z 0-9 . _ = - / +
    refused-sub-is-the-bot: refused: its sub cannot name a Matrix user: it is the bot's own name
    refused-sub-too-long: refused: its sub cannot name a Matrix user: the MXID would be longer than 255 bytes
    refused-too-deep: refused: it has more than 4 envelopes
    refused-trigger-is-an-address: refused: its trigger is something that is no plain name, which confirms nobody
    refused-trigger: refused: its trigger is "PreSignUp_SignUp", which confirms nobody
    sns-forgot-password: new password
    sns: signed up
    "#);
}

#[test]
fn without_a_pool_of_ours_any_pool_is_taken() {
    let ours = Expected { user_pool_id: None, ..ours() };
    let body = event(SUB, "us-east-1_another").to_string();
    assert_eq!(read(body.as_bytes(), None, &ours).unwrap().user_pool_id, "us-east-1_another");
}

#[test]
fn the_message_attribute_must_agree_too() {
    let body = event(SUB, POOL).to_string();
    assert!(read(body.as_bytes(), Some("production"), &ours()).is_ok());
    let refusal = read(body.as_bytes(), Some("staging"), &ours()).unwrap_err();
    insta::assert_snapshot!(refusal, @r#"it is meant for the environment "staging", and this one is "production""#);
}

/// An envelope, and whether there is the like of it at AWS.
#[derive(Clone, Copy, Debug)]
enum Wrapping {
    Sns,
    EventBridge,
    Lambda,
    /// A forwarder that writes text where EventBridge has an object.
    Text,
}

fn wrapped(inner: &Value, wrapping: Wrapping) -> Value {
    match wrapping {
        Wrapping::Sns => json!({"Type": "Notification", "Message": inner.to_string(), "Subject": "jo@example.org"}),
        Wrapping::EventBridge => json!({"version": "0", "detail-type": "x", "detail": inner}),
        Wrapping::Lambda => json!({"version": "1.0", "requestPayload": inner, "responsePayload": {"detail": null}}),
        Wrapping::Text => json!({"detail": inner.to_string()}),
    }
}

fn wrappings() -> impl Strategy<Value = Vec<Wrapping>> {
    use Wrapping::{EventBridge, Lambda, Sns, Text};
    proptest::collection::vec(proptest::sample::select(vec![Sns, EventBridge, Lambda, Text]), 0..=4)
}

fn any_json() -> impl Strategy<Value = Value> {
    let keys = [
        "Type",
        "Message",
        "MessageAttributes",
        "detail",
        "requestPayload",
        "triggerSource",
        "userPoolId",
        "request",
        "userAttributes",
        "sub",
        "email",
        "environment",
        "Value",
    ];
    let texts =
        ["Notification", "PostConfirmation_ConfirmSignUp", "production", POOL, SUB, "jo@example.org", "{}", "\u{0}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::sample::select(texts.to_vec()).prop_map(Value::from),
        "[a-z]{1,8}@[a-z]{1,8}\\.org".prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    let key = prop_oneof![6 => proptest::sample::select(keys.to_vec()).prop_map(str::to_owned), 1 => ".*"];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            inner.clone().prop_map(|value| Value::from(value.to_string())),
            proptest::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// What may be logged of a reading.
fn shown(reading: &ReadResult) -> String {
    match reading {
        Ok(confirmation) => format!("{} {}", confirmation.subject, confirmation.user_pool_id),
        Err(refusal) => refusal.to_string(),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(body in any::<Vec<u8>>()) {
        prop_assert!(read(&body, None, &ours()).is_err());
    }

    #[test]
    fn whatever_a_message_holds_nothing_but_ids_is_shown(value in any_json(), attribute in proptest::option::of(".*")) {
        let reading = read(value.to_string().as_bytes(), attribute.as_deref(), &ours());
        let shown = shown(&reading);
        prop_assert!(shown.is_ascii() && !shown.contains('@') && shown.len() < 400, "{}", shown);
    }

    #[test]
    fn a_valid_event_is_read_the_same_in_every_wrapping(around in wrappings(), booleans: bool, says_environment: bool) {
        let mut event = event(SUB, POOL);
        if booleans {
            event["request"]["userAttributes"]["email_verified"] = json!(true);
        }
        if says_environment {
            event["environment"] = json!("production");
        }
        let message = around.iter().fold(event.clone(), |inner, wrapping| wrapped(&inner, *wrapping));
        let bare = read(event.to_string().as_bytes(), None, &ours());
        prop_assert!(bare.is_ok());
        prop_assert_eq!(read(message.to_string().as_bytes(), None, &ours()), bare);
    }

    #[test]
    fn a_refusal_shows_no_address_wherever_it_stands(
        email in "[a-z]{1,8}@[a-z]{1,8}\\.org",
        place in proptest::sample::select(vec!["triggerSource", "userPoolId", "environment", "Type", "sub"]),
        around in wrappings(),
    ) {
        let mut event = event(SUB, POOL);
        match place {
            "sub" => event["request"]["userAttributes"]["sub"] = json!(email),
            "Type" => event = json!({"Type": email, "Message": event.to_string()}),
            key => event[key] = json!(email),
        }
        let message = around.iter().take(3).fold(event, |inner, wrapping| wrapped(&inner, *wrapping));
        let refusal = read(message.to_string().as_bytes(), None, &ours()).unwrap_err();
        let (local, _) = email.split_once('@').unwrap();
        let shown = format!("{refusal} {refusal:?}");
        prop_assert!(!shown.contains(&email), "{}", shown);
        prop_assert!(local.len() < 5 || !shown.contains(local), "{}", shown);
    }
}
