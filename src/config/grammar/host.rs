//! The name of a host that is asked for pictures.

use url::{Host, Url};

use super::{super::problem::ValueFault, GrammarContext};

/// A name and nothing else, as addresses of pictures have it: in small letters, without scheme, port and path.
pub(super) fn host(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    let mend = "write the name alone, for example \"media.example.org\"";
    if text.is_empty() {
        return Err(ValueFault::new("is empty", mend));
    }
    if text.contains('*') {
        return Err(ValueFault::new(
            "has a wildcard",
            "name each host: the owner of one below it could answer anything",
        ));
    }
    let (bare, is_url) = match text.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (text, false),
    };
    let parsed = Url::parse(&format!("https://{bare}/")).ok();
    match parsed.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) if name == text => Ok(()),
        Some(Host::Domain(name)) => {
            let fault = if is_url { "is a URL, not a host" } else { "is not a host's name alone, in small letters" };
            Err(ValueFault::new(fault, format!("write \"{name}\"")))
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => {
            Err(ValueFault::new("is an address", "write the host's name, which its certificate is for"))
        }
        None => Err(ValueFault::new("is not the name of a host", mend)),
    }
}
