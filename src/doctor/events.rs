//! The topic of events: whether it is there and may be looked at, who subscribes, and with which key it is encrypted. Nothing
//! is published.

use provisioner_policy::how_many;

use super::Finding;
use super::aws::{self, BOUND};
use crate::config::{Config, EventsSection};
use crate::events::{Topic, TopicError, TopicState};

const CHECK: &str = "events";

/// Asks the topic about itself. Nothing is said of it where none is configured.
pub(super) async fn examine(config: &Config) -> Option<Finding> {
    let configured = config.events.as_ref()?;
    let topic = Topic::connect(&configured.topic_arn, configured.endpoint_url.as_deref()).await;
    Some(match tokio::time::timeout(BOUND, topic.state()).await {
        Ok(Ok(state)) => sound(&state),
        Ok(Err(error)) => failed(&error, configured),
        Err(_) => Finding::fail(CHECK, format!("SNS does not answer within {BOUND:?}"), way_to(configured)),
    })
}

fn sound(TopicState { subscriptions, own_key }: &TopicState) -> Finding {
    if *subscriptions == 0 {
        return Finding::warn(
            CHECK,
            "the topic answers, and nobody subscribes to it: what is published is lost",
            "subscribe a queue to it as docs/events/README.md says, or take [events] out of the configuration",
        );
    }
    let confirmed = how_many(*subscriptions, "subscription is confirmed", "subscriptions are confirmed");
    let text = format!("the topic answers; {confirmed}");
    match own_key {
        None => Finding::pass(CHECK, text),
        Some(key) => Finding::warn(
            CHECK,
            format!("{text}; it is encrypted with the key {key}"),
            "if events wait (metric events_lag_seconds): give the role of the service kms:GenerateDataKey and kms:Decrypt on that \
             key, and let the key's own policy allow it",
        ),
    }
}

fn way_to(configured: &EventsSection) -> String {
    aws::way_to("SNS", "events", configured.endpoint_url.as_deref())
}

fn failed(error: &TopicError, configured: &EventsSection) -> Finding {
    let found = Finding::of(CHECK, error);
    match error {
        TopicError::Unreachable(_) => found.mended_by(way_to(configured)),
        TopicError::NoSuchTopic(_) => Finding::fail(
            CHECK,
            format!("there is no topic {}", configured.topic_arn),
            "mend events.topic_arn (region, account, name), or create the topic",
        ),
        TopicError::Credentials(fault) if fault.is_denial() => Finding::warn(
            CHECK,
            format!("the topic may not be looked at, so whether it may be published to is not known: {fault}"),
            "give the role sns:GetTopicAttributes on the topic, and sns:Publish; the metric events_lag_seconds shows whether \
             events wait",
        ),
        // The error names the right to publish alone, and this asks for attributes.
        TopicError::Credentials(_) => {
            found.mended_by("give the service a role, and the role sns:Publish and sns:GetTopicAttributes on the topic")
        }
        TopicError::Throttled { .. } => aws::throttled(found),
        _ if found.mend.is_none() => {
            found.mended_by("mend events.topic_arn and events.endpoint_url; the code in the text says why")
        }
        _ => found,
    }
}
