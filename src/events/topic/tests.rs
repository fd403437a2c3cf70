use chrono::DateTime;
use wiremock::matchers::body_string_contains;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::events::EventType;

const ARN: &str = "arn:aws:sns:us-east-1:123456789012:chat-events";

fn event(line: i64) -> Event {
    Event {
        line,
        at: DateTime::from_timestamp(line, 0).unwrap(),
        id: format!("{line}-1"),
        kind: EventType::MemberJoined,
        about: "@ada:example.org".to_owned(),
        room: Some("staff".to_owned()),
        outcome: "done",
        body: "{}".to_owned(),
    }
}

async fn answering(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(body_string_contains("Version=2010-03-31"))
        .respond_with(ResponseTemplate::new(status).set_body_raw(body.to_owned(), "text/xml"))
        .mount(&server)
        .await;
    server
}

async fn refused(status: u16, code: &str) -> TopicError {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>as the test asked</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    );
    let server = answering(status, &body).await;
    let topic = Topic::connect(ARN, Some(&server.uri())).await;
    assert!(topic.state().await.is_err());
    topic.publish(&[&event(1)]).await.unwrap_err()
}

#[tokio::test]
async fn what_sns_refuses_is_told_with_its_mend() {
    for (status, code, word, mend, is_misconfigured) in [
        (403, "AuthorizationError", "credentials", "sns:Publish on the topic", true),
        (403, "InvalidClientTokenId", "credentials", "sns:Publish on the topic", true),
        (403, "ExpiredToken", "credentials", "sns:Publish on the topic", true),
        (404, "NotFound", "no_topic", "mend the ARN (region, account, name)", true),
        (400, "KMSAccessDenied", "key", "kms:GenerateDataKey and kms:Decrypt", true),
        (400, "KMSDisabled", "key", "see that the key is enabled", true),
        (400, "KMSThrottling", "throttled", "fewer requests", false),
        (400, "Throttling", "throttled", "fewer requests", false),
        (429, "ThrottledException", "throttled", "fewer requests", false),
        (500, "InternalError", "unreachable", "reach SNS of its region", false),
        (400, "InvalidParameter", "refused", "the topic refuses the request", false),
    ] {
        let error = refused(status, code).await;
        assert_eq!((error.word(), error.is_misconfigured()), (word, is_misconfigured), "{code}");
        assert!(error.chain().contains(mend) && error.chain().contains(code), "{code}: {}", error.chain());
    }
}

#[tokio::test]
async fn what_an_answer_says_of_each_is_taken_and_what_it_does_not_name_is_sent_again() {
    let body = "<PublishBatchResponse><PublishBatchResult>
         <Successful><member><Id>2</Id><MessageId>m</MessageId></member></Successful>
         <Failed><member><Id>0</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member>
                 <member><Id>1</Id><Code>InvalidParameter</Code><Message>too long</Message><SenderFault>true</SenderFault></member>
         </Failed></PublishBatchResult></PublishBatchResponse>";
    let server = answering(200, body).await;
    let topic = Topic::connect(ARN, Some(&server.uri())).await;
    let events: Vec<Event> = (0..4).map(event).collect();
    let deliveries = topic.publish(&events.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(
        deliveries,
        [
            Delivery::Failed("InternalError".to_owned()),
            Delivery::Refused("InvalidParameter: too long".to_owned()),
            Delivery::Taken,
            Delivery::Failed("no answer for it".to_owned()),
        ]
    );
}

#[tokio::test]
async fn a_fifo_topic_is_told_whose_order_is_kept_and_a_standard_one_is_not() {
    let answer = "<PublishBatchResponse><PublishBatchResult/></PublishBatchResponse>";
    let sent = async |arn: &str| -> String {
        let server = answering(200, answer).await;
        Topic::connect(arn, Some(&server.uri())).await.publish(&[&event(1)]).await.unwrap();
        String::from_utf8(server.received_requests().await.unwrap().remove(0).body).unwrap()
    };
    let standard = sent(ARN).await;
    assert!(standard.contains("StringValue=staff") && standard.contains("member.joined.v1"), "{standard}");
    assert!(!standard.contains("MessageGroupId"), "{standard}");
    let fifo = sent(&format!("{ARN}.fifo")).await;
    assert!(fifo.contains("MessageGroupId=%40ada%3Aexample.org"), "{fifo}");
    assert!(fifo.contains("MessageDeduplicationId=1-1"), "{fifo}");
    assert_eq!(short(&"x".repeat(200)).len(), 64);
}

#[tokio::test]
async fn a_key_of_ones_own_is_named_and_that_of_sns_is_not() {
    let state = async |key: &str| -> TopicState {
        let body = format!(
            "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>
             <entry><key>SubscriptionsConfirmed</key><value>2</value></entry>
             <entry><key>KmsMasterKeyId</key><value>{key}</value></entry>
             </Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>"
        );
        let server = answering(200, &body).await;
        Topic::connect(ARN, Some(&server.uri())).await.state().await.unwrap()
    };
    assert_eq!(state("alias/aws/sns").await, TopicState { subscriptions: 2, own_key: None });
    assert_eq!(state("alias/ours").await.own_key.as_deref(), Some("alias/ours"));
}
