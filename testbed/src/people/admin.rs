//! A Synapse server admin over raw HTTP: what a human with curl can do, and what a test wants to see.

use anyhow::{Context, Result, bail};
use hmac::{Hmac, Mac};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::process::random;
use crate::synapse::{Slot, Synapse};

/// A server admin, made for one test.
#[derive(Debug, Clone)]
pub struct Admin {
    client: Client,
    url: String,
    /// The full user id.
    pub mxid: String,
    pub token: String,
}

impl Admin {
    /// Makes a fresh server admin with the shared-secret register API.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn register(synapse: &Synapse) -> Result<Admin> {
        let name = format!("admin-{}", random::word());
        let password = random::word();
        let mut admin = Admin { client: Client::new(), url: synapse.url(), mxid: String::new(), token: String::new() };
        let path = "/_synapse/admin/v1/register";
        let nonce = text(&admin.call(Method::GET, path, None).await?, "nonce")?;
        let mut mac = Hmac::<Sha1>::new_from_slice(synapse.shared_secret().as_bytes()).context("key the MAC")?;
        mac.update([nonce.as_str(), &name, &password, "admin"].join("\0").as_bytes());
        let body = json!({
            "nonce": nonce, "username": name, "password": password, "admin": true,
            "mac": hex::encode(mac.finalize().into_bytes()),
        });
        let answer = admin.call(Method::POST, path, Some(body)).await.context("register an admin")?;
        admin.mxid = text(&answer, "user_id")?;
        admin.token = text(&answer, "access_token")?;
        Ok(admin)
    }

    /// One that was made before.
    pub(crate) fn of(synapse: &Synapse, mxid: &str, token: &str) -> Admin {
        Admin { client: Client::new(), url: synapse.url(), mxid: mxid.to_owned(), token: token.to_owned() }
    }

    /// The same homeserver as another user: a bot by its `as_token`, a person by theirs.
    pub fn with_token(&self, mxid: &str, token: &str) -> Admin {
        Admin { mxid: mxid.to_owned(), token: token.to_owned(), ..self.clone() }
    }

    /// Registers the bot of a slot and makes it server admin, as `bootstrap` does; gives the bot's own hands.
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn enlist(&self, slot: &Slot) -> Result<Admin> {
        let bot = self.with_token(&slot.bot, &slot.as_token);
        let body = json!({
            "type": "m.login.application_service", "username": slot.sender_localpart, "inhibit_login": true,
        });
        let (status, answer) = bot.request(Method::POST, "/_matrix/client/v3/register", Some(body)).await?;
        if !status.is_success() && answer["errcode"] != "M_USER_IN_USE" {
            bail!("register {}: {status} {answer}", slot.bot);
        }
        self.set_server_admin(&slot.bot, true).await?;
        Ok(bot)
    }

    /// Any request; `path` is put on the wire as it is.
    ///
    /// # Errors
    /// When Synapse cannot be reached. A refusal is an answer, not an error.
    pub async fn request(&self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, Value)> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        let bytes = answer.bytes().await.with_context(|| format!("read the answer to {method} {path}"))?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// Any request that must succeed.
    ///
    /// # Errors
    /// When Synapse cannot be reached or refuses.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let (status, answer) = self.request(method.clone(), path, body).await?;
        if !status.is_success() {
            bail!("{method} {path}: {status} {answer}");
        }
        Ok(answer)
    }

    /// Makes or changes an account (`PUT v2/users`).
    ///
    /// # Errors
    /// When Synapse refuses.
    pub async fn put_user(&self, mxid: &str, fields: Value) -> Result<Value> {
        self.call(Method::PUT, &format!("/_synapse/admin/v2/users/{}", encode(mxid)), Some(fields)).await
    }

    /// The account as the admin API shows it, or nothing if there is none.
    ///
    /// # Errors
    /// When Synapse fails.
    pub async fn user(&self, mxid: &str) -> Result<Option<Value>> {
        let path = format!("/_synapse/admin/v2/users/{}", encode(mxid));
        match self.request(Method::GET, &path, None).await? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, answer) if status.is_success() => Ok(Some(answer)),
            (status, answer) => bail!("GET {path}: {status} {answer}"),
        }
    }

    /// All accounts' user ids, deactivated ones too.
    ///
    /// # Errors
    /// When Synapse fails.
    pub async fn users(&self) -> Result<Vec<String>> {
        let path = "/_synapse/admin/v2/users?deactivated=true&limit=100000";
        let answer = self.call(Method::GET, path, None).await?;
        let users = answer["users"].as_array().context("no users in the answer")?;
        users.iter().map(|user| text(user, "name")).collect()
    }

    /// # Errors
    /// When Synapse refuses.
    pub async fn set_server_admin(&self, mxid: &str, admin: bool) -> Result<()> {
        let path = format!("/_synapse/admin/v1/users/{}/admin", encode(mxid));
        self.call(Method::PUT, &path, Some(json!({ "admin": admin }))).await.map(drop)
    }

    /// # Errors
    /// When Synapse refuses.
    pub async fn is_server_admin(&self, mxid: &str) -> Result<bool> {
        let path = format!("/_synapse/admin/v1/users/{}/admin", encode(mxid));
        self.call(Method::GET, &path, None).await?["admin"].as_bool().context("no admin flag in the answer")
    }
}

pub(super) fn text(value: &Value, key: &str) -> Result<String> {
    value[key].as_str().map(ToOwned::to_owned).with_context(|| format!("no {key} in {value}"))
}

/// Percent-encodes one path segment.
pub(crate) fn encode(segment: &str) -> String {
    segment
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
