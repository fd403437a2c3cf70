//! What the address of a picture means: media of our own server, media of another one, or something that may be fetched.

use std::collections::BTreeSet;

use url::{Host, Url};

/// As long as Synapse takes an address of media.
const LONGEST_MXC: usize = 1000;

/// Parameters that sign an address, of Amazon's, Google's and CloudFront's kind: the same picture has others tomorrow.
const SIGNING_PREFIXES: [&str; 2] = ["x-amz-", "x-goog-"];
const SIGNING: [&str; 6] = ["awsaccesskeyid", "googleaccessid", "signature", "expires", "key-pair-id", "policy"];

/// How addresses are judged.
#[derive(Clone, Debug)]
pub struct PictureNames {
    server_name: String,
    hosts: BTreeSet<String>,
}

/// A picture as a source names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedPicture {
    /// Media of our own server.
    Ours(String),
    /// Media of another server.
    Foreign,
    Remote(RemotePicture),
    /// Neither media nor an address from which anything is fetched.
    Refused,
}

/// A picture at a host that the configuration names. Only [`PictureNames::named`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemotePicture {
    url: Url,
}

impl PictureNames {
    /// Pictures of this server, and those of these hosts.
    pub fn new(server_name: &str, hosts: impl IntoIterator<Item = String>) -> Self {
        Self { server_name: server_name.to_owned(), hosts: hosts.into_iter().collect() }
    }

    /// What an address means.
    pub fn named(&self, address: &str) -> NamedPicture {
        if let Some(media) = address.strip_prefix("mxc://") {
            return match media.split_once('/') {
                Some((server, id)) if server == self.server_name && is_media_id(id) && address.len() <= LONGEST_MXC => {
                    NamedPicture::Ours(address.to_owned())
                }
                Some((server, id)) if server != self.server_name && !server.is_empty() && is_media_id(id) => {
                    NamedPicture::Foreign
                }
                _ => NamedPicture::Refused,
            };
        }
        let Ok(mut url) = Url::parse(address) else { return NamedPicture::Refused };
        let is_allowed = match url.host() {
            Some(Host::Domain(host)) => self.hosts.contains(host),
            // An address would be asked without looking it up anywhere.
            Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
        };
        // The port of https is left out of `url` where it is given.
        let is_plain = url.scheme() == "https" && url.port().is_none();
        let has_login = !url.username().is_empty() || url.password().is_some();
        if !is_allowed || !is_plain || has_login {
            return NamedPicture::Refused;
        }
        url.set_fragment(None);
        NamedPicture::Remote(RemotePicture { url })
    }
}

/// <https://spec.matrix.org/latest/client-server-api/#security-considerations-5>
fn is_media_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

impl RemotePicture {
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The host that is asked.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The address without what signs it: the same for the same picture. It gives nobody access to anything.
    pub fn source(&self) -> String {
        let mut plain = self.url.clone();
        let kept: Vec<(String, String)> = self
            .url
            .query_pairs()
            .filter(|(key, _)| {
                let key = key.to_ascii_lowercase();
                !SIGNING.contains(&&*key) && !SIGNING_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
            })
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        plain.set_query(None);
        if !kept.is_empty() {
            plain.query_pairs_mut().extend_pairs(kept);
        }
        plain.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(address: &str) -> NamedPicture {
        PictureNames::new("phenom.test", ["media.example.org".to_owned()]).named(address)
    }

    fn source(address: &str) -> String {
        match named(address) {
            NamedPicture::Remote(picture) => picture.source(),
            other => panic!("{address}: {other:?}"),
        }
    }

    #[test]
    fn media_of_our_own_server_is_taken_and_of_another_told_apart() {
        assert_eq!(named("mxc://phenom.test/abc_D-1"), NamedPicture::Ours("mxc://phenom.test/abc_D-1".to_owned()));
        assert_eq!(named("mxc://staging.test/abc"), NamedPicture::Foreign);
        let long = format!("mxc://phenom.test/{}", "a".repeat(LONGEST_MXC));
        for refused in
            ["mxc://phenom.test/", "mxc://phenom.test", "mxc:///abc", "mxc://phenom.test/a/b", "mxc://a/../b", &long]
        {
            assert_eq!(named(refused), NamedPicture::Refused, "{refused}");
        }
    }

    #[test]
    fn https_of_a_named_host_is_fetched_and_nothing_else() {
        for fetched in ["https://media.example.org/a.png", "https://MEDIA.example.org:443/a?b=c#d"] {
            assert!(matches!(named(fetched), NamedPicture::Remote(_)), "{fetched}");
        }
        for refused in [
            "http://media.example.org/a.png",
            "https://example.org/a.png",
            "https://sub.media.example.org/a.png",
            "https://media.example.org.evil.test/a.png",
            "https://media.example.org@evil.test/a.png",
            "https://me:secret@media.example.org/a.png",
            "https://media.example.org:8443/a.png",
            "https://media.example.org:22/a.png",
            "https://127.0.0.1/a.png",
            "https://2130706433/a.png",
            "https://[::1]/a.png",
            "ftp://media.example.org/a.png",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "//media.example.org/a.png",
            "a.png",
            "",
        ] {
            assert_eq!(named(refused), NamedPicture::Refused, "{refused}");
        }
        // An address stays none where it is "allowed".
        let names = PictureNames::new("phenom.test", ["127.0.0.1".to_owned(), "[::1]".to_owned()]);
        assert_eq!(names.named("https://127.0.0.1/a"), NamedPicture::Refused);
        assert_eq!(names.named("https://[::1]/a"), NamedPicture::Refused);
    }

    #[test]
    fn what_signs_an_address_is_no_part_of_the_picture_and_everything_else_is() {
        let plain = "https://media.example.org/u/1.png";
        for signed in [
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-Expires=600&X-Amz-Signature=s",
            "x-amz-security-token=t",
            "AWSAccessKeyId=a&Signature=s&Expires=1",
            "Expires=1&Signature=s&Key-Pair-Id=k&Policy=p",
            "X-Goog-Signature=s&X-Goog-Date=1",
        ] {
            assert_eq!(source(&format!("{plain}?{signed}")), plain, "{signed}");
            assert_eq!(source(&format!("{plain}?id=5&{signed}")), format!("{plain}?id=5"), "{signed}");
        }
        assert_ne!(source(&format!("{plain}?id=5")), source(&format!("{plain}?id=6")));
        assert_ne!(source(&format!("{plain}?versionId=a")), source(plain));
        assert_eq!(source(&format!("{plain}#top")), plain);
    }
}
