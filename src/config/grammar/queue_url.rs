//! The URL of the queue: an address whose every mistake would look like silence later.

use url::Url;

use super::{super::problem::ValueFault, GrammarContext, address};

/// As AWS prints it.
const LIKE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations";

/// The URL of a standard queue. One of AWS itself names an account and a queue; emulators have their own ways.
pub(super) fn queue_url(text: &str, context: &GrammarContext) -> Result<(), ValueFault> {
    if let Some(arn) = text.strip_prefix("arn:") {
        return Err(ValueFault::new("is an ARN, not a URL", url_of(arn)));
    }
    address::http_url(text, context)?;
    let Ok(url) = Url::parse(text) else { return Ok(()) };
    if url.path().ends_with(".fifo") {
        return Err(ValueFault::new(
            "is a FIFO queue, which holds everybody up behind one message",
            "make a standard queue, whose name does not end in .fifo, and let the forwarder send to it",
        ));
    }
    let is_aws = |host: &str| [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|end| host.ends_with(end));
    if !url.host_str().is_some_and(is_aws) {
        return Ok(());
    }
    let mut path = url.path().trim_matches('/').split('/');
    let account = path.next().unwrap_or_default();
    let (name, more) = (path.next().unwrap_or_default(), path.next());
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) || name.is_empty() || more.is_some() {
        return Err(ValueFault::new(
            "does not name an account and a queue",
            format!("write it as `aws sqs get-queue-url` prints it, like \"{LIKE}\""),
        ));
    }
    if url.scheme() != "https" {
        return Err(ValueFault::new("is not https", format!("write \"https{}\"", text.trim_start_matches("http"))));
    }
    Ok(())
}

/// The mend of `aws:sqs:REGION:ACCOUNT:NAME`.
fn url_of(arn: &str) -> String {
    let url = match arn.split(':').collect::<Vec<_>>().as_slice() {
        ["aws", "sqs", region, account, name] => format!("https://sqs.{region}.amazonaws.com/{account}/{name}"),
        _ => LIKE.to_owned(),
    };
    format!("write the URL of the queue, like \"{url}\"")
}
