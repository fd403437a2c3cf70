//! URLs and listening addresses.

use std::net::SocketAddr;

use url::{Host, Url};

use super::{
    super::{problem::ValueFault, shown::without_passwords},
    GrammarContext,
};

/// The base of Synapse's client-server and admin API.
pub(super) fn homeserver_url(text: &str, context: &GrammarContext) -> Result<(), ValueFault> {
    http_url(text, context)?;
    let path = Url::parse(text).map(|url| url.path().to_owned()).unwrap_or_default();
    if let Some(end) = text.find("/_matrix").or_else(|| text.find("/_synapse")) {
        return Err(ValueFault::new(
            format!("has the path {path}, which this service adds itself"),
            format!("write \"{}\"", &text[..end]),
        ));
    }
    if text.contains(['?', '#']) {
        return Err(ValueFault::new("has a query or fragment", "write only scheme, host and port"));
    }
    Ok(())
}

/// Where clients reach Synapse. Their tokens go there, so it is https; a test on this machine may do without.
pub(super) fn public_url(text: &str, context: &GrammarContext) -> Result<(), ValueFault> {
    homeserver_url(text, context)?;
    if unencrypted_host(text).is_some() {
        let https = text.replacen("http://", "https://", 1);
        return Err(ValueFault::new("is not https", format!("write \"{https}\", as clients have it")));
    }
    Ok(())
}

/// The host of an address that is not encrypted and not on this machine.
pub(crate) fn unencrypted_host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "http")?;
    let (host, is_here) = match url.host()? {
        Host::Domain(name) => (name.to_owned(), name == "localhost"),
        Host::Ipv4(address) => (address.to_string(), address.is_loopback()),
        Host::Ipv6(address) => (address.to_string(), address.is_loopback()),
    };
    (!is_here).then_some(host)
}

/// Any URL that is fetched. Names and passwords have no place in it: they would show up in logs.
pub(super) fn http_url(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    let fault = |text: &str, mend: String| Err(ValueFault::new(text, mend));
    if text.is_empty() {
        return fault("is empty", "write it like \"http://host:8008\"".to_owned());
    }
    if text != text.trim() {
        return fault("has spaces around it", "take them out".to_owned());
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(_) if !text.is_empty() && !text.contains("://") && Url::parse(&format!("http://{text}")).is_ok() => {
            return fault("has no scheme", both_schemes(text));
        }
        Err(error) => return fault(&format!("is not a URL: {error}"), "write it like \"http://host:8008\"".to_owned()),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return if text.contains("://") {
            fault("is neither http nor https", "write a URL that starts with http:// or https://".to_owned())
        } else {
            fault("has no scheme", both_schemes(text))
        };
    }
    if !url.username().is_empty() || url.password().is_some() {
        return fault("has a user name or password in it", "take out everything before and including the @".to_owned());
    }
    Ok(())
}

fn both_schemes(text: &str) -> String {
    let text = without_passwords(text);
    format!("write \"http://{text}\" or \"https://{text}\"")
}

/// A Postgres URL. The value is a secret: nothing here repeats it.
pub(super) fn postgres_url(text: &str) -> Result<(), ValueFault> {
    let mend = "write it like postgres://user:password@host:5432/database";
    match Url::parse(text) {
        _ if text.is_empty() => return Err(ValueFault::new("is empty", mend)),
        Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") && text.contains("://") => {}
        Ok(url) if text.contains("://") => {
            return Err(ValueFault::new(format!("is a {} URL, not a Postgres one", url.scheme()), mend));
        }
        Ok(_) => return Err(ValueFault::new("is not a URL", mend)),
        Err(error) => {
            let mend = format!("{mend}, with special characters of the password percent-encoded");
            return Err(ValueFault::new(format!("is not a URL: {error}"), mend));
        }
    }
    if text.contains(char::is_whitespace) {
        return Err(ValueFault::new("has white space in it", mend));
    }
    Ok(())
}

/// An address and port to listen on.
pub(super) fn listen(text: &str, _: &GrammarContext) -> Result<(), ValueFault> {
    if text.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    let mend = match text.rsplit_once(':') {
        _ if text.parse::<u16>().is_ok() => format!("write \"0.0.0.0:{text}\""),
        _ if text.parse::<std::net::IpAddr>().is_ok() => format!("add a port: \"{}\"", with_port(text)),
        Some(("" | "*", port)) if port.parse::<u16>().is_ok() => format!("write \"0.0.0.0:{port}\""),
        Some(("localhost", port)) if port.parse::<u16>().is_ok() => format!("write \"127.0.0.1:{port}\""),
        Some((host, _)) if host.parse::<std::net::Ipv4Addr>().is_ok() => {
            "the port is a number from 0 to 65535".to_owned()
        }
        _ => "write an IP address and a port, for example \"127.0.0.1:9090\"".to_owned(),
    };
    Err(ValueFault::new("is not an address to listen on", mend))
}

fn with_port(address: &str) -> String {
    if address.contains(':') { format!("[{address}]:8090") } else { format!("{address}:8090") }
}
