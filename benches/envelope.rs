//! Reading a message of the queue, bare and in the envelopes it comes in, beside building a `serde_json::Value` of it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use phenom_provisioner::intake::queue::{Expected, envelope};
use serde_json::{Value, json};

fn event() -> Value {
    json!({
        "version": "1",
        "region": "us-east-1",
        "userPoolId": "us-east-1_knEL7cqS3",
        "userName": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
        "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "3n4b5urk1ft4fl3mg5e62d9ado" },
        "triggerSource": "PostConfirmation_ConfirmSignUp",
        "request": {
            "userAttributes": {
                "sub": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
                "cognito:email_alias": "ann@example.org",
                "cognito:user_status": "CONFIRMED",
                "email_verified": "true",
                "name": "Ann-Sofie Ångström",
                "email": "ann@example.org"
            }
        },
        "response": {},
        "environment": "production"
    })
}

fn in_sns(inner: &Value) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:confirmed",
        "Message": inner.to_string(),
        "Timestamp": "2025-05-02T00:54:06.655Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLEw6JRN".repeat(28),
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
        "MessageAttributes": { "environment": { "Type": "String", "Value": "production" } }
    })
}

fn in_event_bridge(inner: Value) -> Value {
    json!({
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Confirmed",
        "source": "thephenom.cognito",
        "account": "123456789012",
        "time": "2025-05-02T00:54:06Z",
        "region": "us-east-1",
        "resources": [],
        "detail": inner
    })
}

fn envelopes(criterion: &mut Criterion) {
    let expected = Expected {
        environment: "production".to_owned(),
        user_pool_id: Some("us-east-1_knEL7cqS3".to_owned()),
        server_name: "thephenom.app".to_owned(),
        bot: "@phenom-provisioner:thephenom.app".to_owned(),
    };
    for (what, message) in [
        ("a bare confirmation", event()),
        ("in SNS", in_sns(&event())),
        ("in EventBridge in SNS", in_sns(&in_event_bridge(event()))),
    ] {
        let body = message.to_string().into_bytes();
        let confirmed = envelope::read(&body, Some("production"), &expected);
        assert!(confirmed.is_ok(), "{what}: {confirmed:?}");
        let mut group = criterion.benchmark_group(format!("envelope: {what}"));
        group.throughput(Throughput::Bytes(body.len().try_into().unwrap_or(u64::MAX)));
        group.bench_function("read", |bencher| {
            bencher.iter(|| envelope::read(black_box(&body), Some("production"), &expected));
        });
        group.bench_function("serde_json::Value of the outermost", |bencher| {
            bencher.iter(|| serde_json::from_slice::<Value>(black_box(&body)));
        });
        group.finish();
    }
}

criterion_group!(benches, envelopes);
criterion_main!(benches);
