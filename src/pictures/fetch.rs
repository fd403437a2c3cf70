//! Fetching one picture. One look-up, all of whose answers must be public, and a connection to one of exactly these; no redirect,
//! no proxy, no compression, no cookie; so long and no longer, and so many bytes and no more.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, Response, redirect, tls};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::address::is_public;
use super::format::PictureFormat;
use super::named::RemotePicture;

/// From the look-up to the last byte.
const LONGEST: Duration = Duration::from_secs(5);

/// A picture of a person is seldom larger than a tenth of it.
const LARGEST: usize = 2 << 20;

/// Why there is no picture. None of it holds the address: with a signed one anybody may fetch what it is of.
#[derive(Debug, Error)]
pub enum FetchError {
    #[error(
        "the picture's host {host} is {address}, which is not a public address, so nothing is asked of it; take it out of \
         profiles.picture_hosts"
    )]
    NotPublic { host: String, address: IpAddr },
    #[error("the picture's host {host} does not give the picture within {} s", LONGEST.as_secs())]
    TimedOut { host: String },
    #[error(
        "the picture's host {host} answers {status}, a redirect, and none is followed; let profiles.query answer the address that \
         it leads to"
    )]
    Redirect { host: String, status: u16 },
    #[error(
        "the picture's host {host} answers {status}; a signed address may be over, and profiles.query must answer a new one"
    )]
    Status { host: String, status: u16 },
    #[error("the picture at {host} is larger than {} bytes; make it smaller there", LARGEST)]
    TooLarge { host: String },
    #[error("what {host} answers is none of PNG, JPEG, WebP and GIF by its first bytes; put a picture there")]
    NoPicture { host: String },
    #[error("the picture's host {host} cannot be asked: {why}")]
    Unreachable { host: String, why: String },
}

/// A picture, and what it is known by.
#[derive(Clone, PartialEq, Eq)]
pub struct FetchedPicture {
    pub bytes: Vec<u8>,
    pub format: PictureFormat,
    pub sha256: [u8; 32],
}

impl fmt::Debug for FetchedPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FetchedPicture({:?}, {} bytes)", self.format, self.bytes.len())
    }
}

/// The answer to a look-up of a host.
pub type LookupAnswer = BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// Looks a host up.
pub type LookUp = Arc<dyn Fn(String) -> LookupAnswer + Send + Sync>;

/// What a fetcher finds around it: how hosts are looked up, which addresses may be asked, and whose certificates are trusted. The
/// service has [`Surroundings::default`] and nothing in its configuration leads to others; a test has hosts of its own on loopback.
pub struct Surroundings {
    pub look_up: LookUp,
    pub may_ask: fn(IpAddr) -> bool,
    pub authorities: Vec<Certificate>,
}

impl Default for Surroundings {
    fn default() -> Self {
        let look_up = |host: String| -> LookupAnswer {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
        };
        Self { look_up: Arc::new(look_up), may_ask: is_public, authorities: Vec::new() }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings")
    }
}

/// Fetches pictures. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PictureFetcher {
    client: Client,
}

impl PictureFetcher {
    /// Prepares the client, which asks nobody yet.
    pub fn new(surroundings: Surroundings) -> reqwest::Result<Self> {
        let Surroundings { look_up, may_ask, authorities } = surroundings;
        let client = Client::builder()
            .user_agent(concat!("phenom-provisioner/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(CheckedLookup { look_up, may_ask }))
            .redirect(redirect::Policy::none())
            .referer(false)
            .https_only(true)
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            // Each picture's host is looked up and judged anew.
            .pool_max_idle_per_host(0)
            .tls_version_min(tls::Version::TLS_1_2)
            .tls_certs_merge(authorities)
            .build()?;
        Ok(Self { client })
    }

    /// Fetches a picture, or says why not.
    pub async fn fetch(&self, picture: &RemotePicture) -> Result<FetchedPicture, FetchError> {
        let timed_out = || FetchError::TimedOut { host: picture.host().to_owned() };
        tokio::time::timeout(LONGEST, self.fetch_all(picture)).await.unwrap_or_else(|_| Err(timed_out()))
    }

    async fn fetch_all(&self, picture: &RemotePicture) -> Result<FetchedPicture, FetchError> {
        let host = picture.host().to_owned();
        let answer = self.client.get(picture.url().clone()).send().await.map_err(|error| failed(&host, error))?;
        let status = answer.status();
        match status.as_u16() {
            200 => {}
            status @ 300..400 => return Err(FetchError::Redirect { host, status }),
            status => return Err(FetchError::Status { host, status }),
        }
        let bytes = read(&host, answer).await?;
        let Some(format) = PictureFormat::of(&bytes) else { return Err(FetchError::NoPicture { host }) };
        let sha256 = Sha256::digest(&bytes).into();
        Ok(FetchedPicture { bytes, format, sha256 })
    }
}

/// Counts what comes: what a host says of its length is its own business.
async fn read(host: &str, mut answer: Response) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(host, error))? {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(FetchError::TooLarge { host: host.to_owned() });
        }
        bytes.extend_from_slice(&chunk);
        // Nothing that is no picture is read to its end.
        if bytes.len() >= 12 && PictureFormat::of(&bytes).is_none() {
            return Err(FetchError::NoPicture { host: host.to_owned() });
        }
    }
    Ok(bytes)
}

fn failed(host: &str, error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut causes = vec![error.to_string()];
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(&error);
    while let Some(one) = cause {
        if let Some(NotPublic(address)) = one.downcast_ref() {
            return FetchError::NotPublic { host: host.to_owned(), address: *address };
        }
        causes.push(one.to_string());
        cause = one.source();
    }
    causes.dedup();
    FetchError::Unreachable { host: host.to_owned(), why: causes.join(": ") }
}

/// The look-up of a connection, which asks no name server that it may not.
struct CheckedLookup {
    look_up: LookUp,
    may_ask: fn(IpAddr) -> bool,
}

#[derive(Debug, Error)]
#[error("{0} is not a public address")]
struct NotPublic(IpAddr);

impl Resolve for CheckedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let (looked_up, may_ask) = ((self.look_up)(name.as_str().to_owned()), self.may_ask);
        Box::pin(async move {
            let addresses = looked_up.await?;
            // One that is not public among others that are is no mistake that anybody makes.
            if let Some(refused) = addresses.iter().map(SocketAddr::ip).find(|address| !may_ask(*address)) {
                return Err(NotPublic(refused).into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
