//! Users put into a pool past its API: with a `sub` of one's choice, or thousands at once.

use anyhow::{Context, Result};
use serde_json::json;

use super::Pool;
use crate::process::random;

/// The path that our starter adds to moto.
const PATH: &str = "/testbed/users";

/// A user to be put into a pool: confirmed and enabled, with neither a password nor a trigger fired.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub sub: String,
    /// The name in the pool, too.
    pub email: String,
    pub name: Option<String>,
}

impl NewUser {
    /// Somebody with this `sub` and a made-up address.
    pub fn with_sub(sub: &str) -> NewUser {
        NewUser { sub: sub.to_owned(), email: format!("{sub}@example.org"), name: None }
    }
}

impl Pool {
    /// Puts them all into the pool, in one request.
    ///
    /// # Errors
    /// When moto refuses.
    pub async fn import(&self, users: &[NewUser]) -> Result<()> {
        let user = |NewUser { sub, email, name }: &NewUser| json!({ "sub": sub, "email": email, "name": name, "status": "CONFIRMED" });
        let users: Vec<_> = users.iter().map(user).collect();
        let body = json!({ "pool": self.id, "users": users });
        let request = self.client.post(format!("{}{PATH}", self.endpoint)).json(&body);
        let answer = request.send().await.context("put users into the pool")?;
        answer.error_for_status().context("put users into the pool")?;
        Ok(())
    }

    /// Puts `count` made-up users into the pool and gives their subs.
    ///
    /// # Errors
    /// When moto refuses.
    pub async fn import_many(&self, count: usize) -> Result<Vec<String>> {
        let users: Vec<NewUser> = (0..count)
            .map(|number| NewUser { name: Some(format!("User {number}")), ..NewUser::with_sub(&random::sub()) })
            .collect();
        self.import(&users).await?;
        Ok(users.into_iter().map(|user| user.sub).collect())
    }
}
