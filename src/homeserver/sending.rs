//! Sending one request and reading its answer, up to a size: an answer without an end must not fill the memory.
//!
//! Nothing is decompressed: Synapse compresses nothing by itself, and a few kilobytes of zeros may come out as gigabytes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use ruma::api::auth_scheme::{AccessToken, SendAccessToken};
use ruma::api::error::{Error as MatrixError, FromHttpResponseError, IntoHttpError};
use ruma::api::path_builder::{PathBuilder, SinglePath, VersionHistory};
use ruma::api::{IncomingResponse, MatrixVersion, OutgoingRequest, SupportedVersions};
use ruma::exports::bytes::{Bytes, BytesMut};
use ruma::exports::http;
use serde::de::Error;
use url::Url;

use super::error::ConnectError;

/// Why a request has no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// By what is at its bottom: what stands above that repeats it, and names the address with the token's owner.
    #[error("{}", innermost(.0))]
    Transport(reqwest::Error),
    #[error(transparent)]
    Answer(Box<FromHttpResponseError<MatrixError>>),
    #[error(transparent)]
    Request(Box<IntoHttpError>),
    #[error("more than {limit} bytes")]
    TooLarge { limit: usize },
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error)
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

/// Sends requests to one address with one token.
pub(super) struct Sender {
    client: reqwest::Client,
    url: String,
    token: String,
    versions: SupportedVersions,
}

/// How a request finds its path.
pub(super) trait Placed: PathBuilder {
    fn input(versions: &SupportedVersions) -> Self::Input<'_>;
}

impl Placed for VersionHistory {
    fn input(versions: &SupportedVersions) -> Self::Input<'_> {
        Cow::Borrowed(versions)
    }
}

impl Placed for SinglePath {
    fn input(_: &SupportedVersions) -> Self::Input<'_> {}
}

/// A request that can be sent: its errors are Matrix's own, the token says who sends it, and it finds its path in a way that is
/// known.
pub(super) trait MatrixRequest:
    OutgoingRequest<EndpointError = MatrixError, Authentication = AccessToken, PathBuilder: Placed>
{
}

impl<R> MatrixRequest for R where
    R: OutgoingRequest<EndpointError = MatrixError, Authentication = AccessToken, PathBuilder: Placed>
{
}

impl Sender {
    pub(super) fn new(url: &str, token: &str) -> Result<Self, ConnectError> {
        check_url(url)?;
        // 1.11 has every path we use, and Synapse 1.105.1 speaks it.
        let versions = SupportedVersions { versions: [MatrixVersion::V1_11].into(), features: BTreeSet::new() };
        let client = client().map_err(ConnectError::Http)?;
        Ok(Self { client, url: url.to_owned(), token: token.to_owned(), versions })
    }

    /// Sends a request, and reads an answer of no more bytes than this.
    pub(super) async fn answered<R: MatrixRequest>(
        &self,
        request: R,
        limit: usize,
    ) -> Result<R::IncomingResponse, HttpError> {
        let Self { client, url, token, versions } = self;
        let (token, versions) = (SendAccessToken::IfRequired(token), R::PathBuilder::input(versions));
        let request = request.try_into_http_request::<BytesMut>(url, token, versions);
        let mut request = request.map_err(|error| HttpError::Request(Box::new(error)))?.map(BytesMut::freeze);
        if let Some(token) = request.headers_mut().get_mut(http::header::AUTHORIZATION) {
            token.set_sensitive(true);
        }
        let answer = client.execute(request.try_into()?).await?;
        let answer = read(answer, limit).await?;
        if answer.status().is_success() && !is_object(answer.body()) {
            let error = serde_json::Error::custom("an answer that is no JSON object");
            return Err(HttpError::Answer(Box::new(FromHttpResponseError::Deserialization(error.into()))));
        }
        R::IncomingResponse::try_from_http_response(answer).map_err(|error| HttpError::Answer(Box::new(error)))
    }
}

pub(super) fn check_url(url: &str) -> Result<(), ConnectError> {
    let is_usable = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_usable { Ok(()) } else { Err(ConnectError::BadUrl { url: url.to_owned() }) }
}

/// What carries the token: to the configured address alone, whatever proxy the environment names and wherever an answer
/// redirects to.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("phenom-provisioner/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .redirect(reqwest::redirect::Policy::none())
        // BCP 195.
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .build()
}

/// Whether it begins as every answer of Synapse does. ruma takes nothing for `{}`, and that is state that was redacted, power levels
/// by which nobody has power; and serde takes a list for the object whose values it has.
fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

async fn read(mut answer: reqwest::Response, limit: usize) -> Result<http::Response<Bytes>, HttpError> {
    let too_large = || HttpError::TooLarge { limit };
    let announced = answer.content_length().map(usize::try_from);
    if announced.is_some_and(|length| length.map_or(true, |length| length > limit)) {
        return Err(too_large());
    }
    let mut whole = http::Response::new(());
    *whole.status_mut() = answer.status();
    *whole.headers_mut() = std::mem::take(answer.headers_mut());
    let mut body = BytesMut::with_capacity(announced.and_then(Result::ok).unwrap_or_default().min(1 << 20));
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(whole.map(|()| body.freeze()))
}
