//! Synapse as somebody sees it who has no token, at any address that leads to it. Nothing here changes anything, and nothing
//! is sent that could make an account: what opens a door is never asked for, only whether it is shut. Only the doctor asks so,
//! and what it asks is not counted among the service's requests.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::Value;
use tracing::instrument;

use super::{
    CallError, ConnectError,
    answer::CallFailure,
    sending::{self, HttpError},
};

/// No answer that is read here is longer; of a page of metrics the beginning is enough.
const READ: usize = 64 << 10;

/// Somebody without a token, at one address. No redirect is followed.
#[derive(Clone, Debug)]
pub struct Anonymous {
    client: reqwest::Client,
    url: String,
    limit: Duration,
}

/// The status of an answer, and the beginning of its body.
struct AnswerHead {
    status: u16,
    text: String,
}

impl AnswerHead {
    /// Null where it is no JSON.
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Anonymous {
    /// Prepares the client; each question may take as long as `limit`. Sends nothing.
    pub fn at(url: &str, limit: Duration) -> Result<Self, ConnectError> {
        sending::check_url(url)?;
        let client = sending::client().map_err(ConnectError::Http)?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned(), limit })
    }

    /// The issuer that logins are left to, where Synapse runs with Matrix Authentication Service. 1.105 has the unstable path
    /// (MSC2965) alone, newer versions the stable one; without it neither is served.
    #[instrument(name = "homeserver.delegated_login", skip_all)]
    pub async fn delegated_login(&self) -> Result<Option<String>, CallError> {
        let (stable, unstable) = tokio::try_join!(
            self.get("/_matrix/client/v1/auth_metadata"),
            self.get("/_matrix/client/unstable/org.matrix.msc2965/auth_issuer")
        )?;
        let issuer =
            |seen: &AnswerHead| seen.json()["issuer"].as_str().filter(|_| seen.status == 200).map(str::to_owned);
        Ok(issuer(&stable).or_else(|| issuer(&unstable)))
    }

    /// Whether people can register accounts by themselves, or `None` where Synapse does not say.
    ///
    /// It is asked whether a name is free, and no name is given: Synapse looks first whether it registers anybody at all.
    /// `POST /register` would open a session where it does.
    #[instrument(name = "homeserver.takes_registrations", skip_all)]
    pub async fn takes_registrations(&self) -> Result<Option<bool>, CallError> {
        let seen = self.get("/_matrix/client/v3/register/available").await?;
        Ok(match (seen.status, seen.json()["errcode"].as_str()) {
            (403, Some("M_FORBIDDEN")) => Some(false),
            (200, None) | (400, Some("M_MISSING_PARAM")) => Some(true),
            _ => None,
        })
    }

    /// The ways to log in, or `None` where what answers is no homeserver.
    #[instrument(name = "homeserver.login_flows", skip_all)]
    pub async fn login_flows(&self) -> Result<Option<Vec<String>>, CallError> {
        let body = self.get("/_matrix/client/v3/login").await?.json();
        let kinds =
            |flows: &Vec<Value>| flows.iter().filter_map(|flow| Some(flow["type"].as_str()?.to_owned())).collect();
        Ok(body["flows"].as_array().map(kinds))
    }

    /// Whether the admin API is served here. Its version is told without a token.
    #[instrument(name = "homeserver.serves_admin_api", skip_all)]
    pub async fn serves_admin_api(&self) -> Result<bool, CallError> {
        let seen = self.get("/_synapse/admin/v1/server_version").await?;
        Ok(seen.status == 200 && seen.json()["server_version"].is_string())
    }

    /// Whether Synapse's metrics are served here.
    #[instrument(name = "homeserver.serves_metrics", skip_all)]
    pub async fn serves_metrics(&self) -> Result<bool, CallError> {
        let seen = self.get("/_synapse/metrics").await?;
        Ok(seen.status == 200 && seen.text.contains("# TYPE "))
    }

    /// Whether who knows `registration_shared_secret` makes server admins here.
    ///
    /// A nonce is given out with and without a secret, so what is sent is a registration without one: refused either way, in
    /// other words.
    #[instrument(name = "homeserver.takes_shared_secret", skip_all)]
    pub async fn takes_shared_secret(&self) -> Result<bool, CallError> {
        let request = self.client.post(format!("{}/_synapse/admin/v1/register", self.url));
        let request = request.header("content-type", "application/json").body("{}");
        let answer = self.ask(request).await?.json();
        Ok(answer["error"].as_str().is_some_and(|error| error.contains("nonce must be specified")))
    }

    async fn get(&self, path: &str) -> Result<AnswerHead, CallError> {
        self.ask(self.client.get(format!("{}{path}", self.url))).await
    }

    async fn ask(&self, request: RequestBuilder) -> Result<AnswerHead, CallError> {
        let (after, asked) = (self.limit, Instant::now());
        match tokio::time::timeout(after, beginning(request)).await {
            Ok(seen) => seen.map_err(|error| CallFailure::from_http(error, asked.elapsed()).into()),
            Err(_) => Err(CallError::TimedOut { after }),
        }
    }
}

async fn beginning(request: RequestBuilder) -> Result<AnswerHead, HttpError> {
    let mut answer = request.send().await?;
    let mut body = Vec::new();
    while body.len() < READ
        && let Some(chunk) = answer.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(READ);
    Ok(AnswerHead { status: answer.status().as_u16(), text: String::from_utf8_lossy(&body).into_owned() })
}
