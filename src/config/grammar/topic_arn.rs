//! The ARN of the topic: where it is wrong nobody would be told of anything.

use super::{super::problem::ValueFault, GrammarContext, name};

/// As AWS prints it.
const LIKE: &str = "arn:aws:sns:us-east-1:123456789012:chat-events";

/// The longest name of a topic.
const LONGEST_NAME: usize = 256;

/// The ARN of a standard topic or of a FIFO one.
pub(super) fn topic_arn(text: &str, context: &GrammarContext) -> Result<(), ValueFault> {
    let like = || format!("write the ARN of the topic as `aws sns list-topics` prints it, like \"{LIKE}\"");
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", partition, service, region, account, rest @ ..] = parts.as_slice() else {
        return Err(ValueFault::new("is not the ARN of a topic", like()));
    };
    if *service != "sns" {
        return Err(ValueFault::new(format!("is an ARN of {service}, and of no topic of SNS"), like()));
    }
    let [topic, subscription @ ..] = rest else {
        return Err(ValueFault::new("names no topic", like()));
    };
    if !subscription.is_empty() {
        let mend = format!("write it without its last part: \"arn:{partition}:sns:{region}:{account}:{topic}\"");
        return Err(ValueFault::new("is the ARN of a subscription, not of its topic", mend));
    }
    if !partition.starts_with("aws") || name::region(region, context).is_err() {
        return Err(ValueFault::new("names no region of AWS", like()));
    }
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ValueFault::new("names no account: it has 12 digits", like()));
    }
    let base = topic.strip_suffix(".fifo").unwrap_or(topic);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if base.is_empty() || topic.len() > LONGEST_NAME || !base.bytes().all(allowed) {
        return Err(ValueFault::new(
            "does not end in the name of a topic: letters, digits, - and _, and .fifo for one that keeps order",
            like(),
        ));
    }
    Ok(())
}
