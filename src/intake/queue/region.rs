//! Which region and account a queue is in. Pure.

use url::Url;

/// Where requests go that name no region: emulators do not care.
const DEFAULT: &str = "us-east-1";

/// The region in the URL of a queue, or else the one given, or else the default.
pub(super) fn region(url: &str, elsewhere: Option<&str>) -> String {
    region_in(url).unwrap_or_else(|| elsewhere.unwrap_or(DEFAULT).to_owned())
}

/// The region in the URL of a queue, where it names one.
pub fn region_in(url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok()?;
    in_host(parsed.host_str()?).map(str::to_owned)
}

/// The account in the URL of a queue, where it names one.
pub fn account_in(url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok()?;
    let first = parsed.path_segments()?.next()?;
    let is_account = first.len() == 12 && first.bytes().all(|byte| byte.is_ascii_digit());
    is_account.then(|| first.to_owned())
}

/// `sqs.REGION.amazonaws.com`, with its FIPS, dual-stack, China and VPC endpoint forms, and the old `REGION.queue.…`.
fn in_host(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    if !labels.ends_with(&["amazonaws", "com"])
        && !labels.ends_with(&["amazonaws", "com", "cn"])
        && !labels.ends_with(&["api", "aws"])
    {
        return None;
    }
    let service = |label: &&str| matches!(*label, "sqs" | "sqs-fips");
    match labels.iter().position(service) {
        Some(at) => labels.get(at + 1).copied(),
        None => labels.get(1).filter(|label| **label == "queue").map(|_| labels[0]),
    }
}

#[cfg(test)]
mod tests {
    use super::{account_in, region};

    #[test]
    fn the_region_is_read_from_the_url_and_else_taken_from_the_pool() {
        let of = |host: &str| region(&format!("https://{host}/123456789012/confirmations"), Some("eu-west-1"));
        for host in [
            "sqs.us-west-2.amazonaws.com",
            "sqs-fips.us-west-2.amazonaws.com",
            "sqs.us-west-2.api.aws",
            "vpce-0a1b.sqs.us-west-2.vpce.amazonaws.com",
            "us-west-2.queue.amazonaws.com",
        ] {
            assert_eq!(of(host), "us-west-2", "{host}");
        }
        assert_eq!(of("sqs.cn-north-1.amazonaws.com.cn"), "cn-north-1");
        assert_eq!(of("127.0.0.1:5000"), "eu-west-1");
        assert_eq!(region("http://127.0.0.1:5000/1/q", None), "us-east-1");
    }
    #[test]
    fn the_account_is_read_from_the_url() {
        let url = "https://sqs.us-east-1.amazonaws.com/123456789012/confirmations";
        assert_eq!(account_in(url).as_deref(), Some("123456789012"));
        assert_eq!(account_in("http://127.0.0.1:5000/queue/confirmations"), None);
    }
}
