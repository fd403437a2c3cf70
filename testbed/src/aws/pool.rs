//! A pool of Cognito users: what people do in an app, and what an administrator does to them.
//!
//! A user's name in the pool is the e-mail address, which is not the `sub`: code that takes one for the other is found out.

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};

use super::call::{self, call, text};
use super::{Moto, REGION};

/// What every user here has. Nothing outside this machine ever knows it.
const PASSWORD: &str = "Pool-of-the-testbed-1";
/// moto takes any.
const CODE: &str = "123456";

/// One pool on a moto. Cheap to clone; for the test that made it, as its connections belong to that test's runtime.
#[derive(Debug, Clone)]
pub struct Pool {
    /// For `user_pool_id` of `[cognito]`.
    pub id: String,
    /// For `endpoint_url` of `[cognito]`.
    pub endpoint: String,
    /// For `region` of `[cognito]`.
    pub region: &'static str,
    /// The app that people sign up in.
    pub app: String,
    pub(super) client: Client,
}

impl Pool {
    /// Makes a fresh pool with one app.
    ///
    /// # Errors
    /// When moto refuses.
    pub async fn create(moto: &Moto) -> Result<Pool> {
        let mut pool =
            Pool { id: String::new(), endpoint: moto.url(), region: REGION, app: String::new(), client: Client::new() };
        let answer = pool.call("CreateUserPool", json!({ "PoolName": "testbed" })).await?;
        pool.id = text(&answer["UserPool"]["Id"])?;
        let flows = ["ALLOW_USER_PASSWORD_AUTH"];
        let app = json!({ "UserPoolId": pool.id, "ClientName": "app", "ExplicitAuthFlows": flows });
        pool.app = text(&pool.call("CreateUserPoolClient", app).await?["UserPoolClient"]["ClientId"])?;
        Ok(pool)
    }

    /// Somebody signs up and is not confirmed yet. Gives the `sub`.
    ///
    /// # Errors
    /// When the e-mail address is taken.
    pub async fn sign_up(&self, email: &str, name: &str) -> Result<String> {
        let attributes = attributes(email, name);
        let body =
            json!({ "ClientId": self.app, "Username": email, "Password": PASSWORD, "UserAttributes": attributes });
        text(&self.call("SignUp", body).await?["UserSub"])
    }

    /// They enter the code they were sent. No trigger fires; see [`Pool::confirm_and_fire`].
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn confirm(&self, sub: &str) -> Result<()> {
        let username = self.username(sub).await?;
        let body = json!({ "ClientId": self.app, "Username": username, "ConfirmationCode": CODE });
        self.call("ConfirmSignUp", body).await.map(drop)
    }

    /// An administrator makes somebody, who then has to change the password (status `FORCE_CHANGE_PASSWORD`). Cognito
    /// fires no trigger for this. Gives the `sub`.
    ///
    /// # Errors
    /// When the e-mail address is taken.
    pub async fn admin_create(&self, email: &str, name: &str) -> Result<String> {
        let attributes = attributes(email, name);
        let body = json!({ "UserPoolId": self.id, "Username": email, "UserAttributes": attributes });
        let answer = self.call("AdminCreateUser", body).await?;
        let attributes = answer["User"]["Attributes"].as_array().context("the new user has attributes")?;
        let sub = attributes.iter().find(|attribute| attribute["Name"] == "sub").context("the new user has a sub")?;
        text(&sub["Value"])
    }

    /// Sets the password for good. That confirms a user made by an administrator, and fires no trigger either.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn set_password(&self, sub: &str) -> Result<()> {
        self.admin("AdminSetUserPassword", sub, json!({ "Password": PASSWORD, "Permanent": true })).await
    }

    /// An administrator gives them another name to show.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn rename(&self, sub: &str, name: &str) -> Result<()> {
        let attributes = json!([{ "Name": "name", "Value": name }]);
        self.admin("AdminUpdateUserAttributes", sub, json!({ "UserAttributes": attributes })).await
    }

    /// # Errors
    /// When there is no such user.
    pub async fn disable(&self, sub: &str) -> Result<()> {
        self.admin("AdminDisableUser", sub, json!({})).await
    }

    /// # Errors
    /// When there is no such user.
    pub async fn enable(&self, sub: &str) -> Result<()> {
        self.admin("AdminEnableUser", sub, json!({})).await
    }

    /// # Errors
    /// When there is no such user.
    pub async fn delete(&self, sub: &str) -> Result<()> {
        self.admin("AdminDeleteUser", sub, json!({})).await
    }

    /// # Errors
    /// When it exists.
    pub async fn create_group(&self, group: &str) -> Result<()> {
        self.call("CreateGroup", json!({ "UserPoolId": self.id, "GroupName": group })).await.map(drop)
    }

    /// # Errors
    /// When there is no such user or group.
    pub async fn add_to_group(&self, sub: &str, group: &str) -> Result<()> {
        self.admin("AdminAddUserToGroup", sub, json!({ "GroupName": group })).await
    }

    /// # Errors
    /// When there is no such user or group.
    pub async fn remove_from_group(&self, sub: &str, group: &str) -> Result<()> {
        self.admin("AdminRemoveUserFromGroup", sub, json!({ "GroupName": group })).await
    }

    /// What apps log in to Matrix with: the ID token, a JWT signed by the pool.
    ///
    /// # Errors
    /// When the user is unknown, unconfirmed or disabled.
    pub async fn id_token(&self, sub: &str) -> Result<String> {
        let credentials = json!({ "USERNAME": self.username(sub).await?, "PASSWORD": PASSWORD });
        let body = json!({ "ClientId": self.app, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": credentials });
        text(&self.call("InitiateAuth", body).await?["AuthenticationResult"]["IdToken"])
    }

    /// The claims of that token. Its signature is not checked.
    ///
    /// # Errors
    /// When the user is unknown, unconfirmed or disabled.
    pub async fn claims(&self, sub: &str) -> Result<Value> {
        let token = self.id_token(sub).await?;
        Ok(jsonwebtoken::dangerous::insecure_decode(token).context("read the ID token")?.claims)
    }

    /// The user as `ListUsers` gives it.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn user(&self, sub: &str) -> Result<Value> {
        let body = json!({ "UserPoolId": self.id, "Filter": format!("sub = \"{sub}\"") });
        let answer = self.call("ListUsers", body).await?;
        let users = answer["Users"].as_array().map(Vec::as_slice).unwrap_or_default();
        ensure!(users.len() == 1, "{} users of the pool have the sub {sub}", users.len());
        Ok(users[0].clone())
    }

    async fn username(&self, sub: &str) -> Result<String> {
        text(&self.user(sub).await?["Username"])
    }

    async fn admin(&self, action: &str, sub: &str, mut body: Value) -> Result<()> {
        body["UserPoolId"] = json!(self.id);
        body["Username"] = json!(self.username(sub).await?);
        self.call(action, body).await.map(drop)
    }

    /// Any action of Cognito's, for what has no helper.
    ///
    /// # Errors
    /// When moto refuses.
    pub async fn call(&self, action: &str, body: Value) -> Result<Value> {
        call(&self.client, &self.endpoint, call::COGNITO, action, &body).await
    }
}

fn attributes(email: &str, name: &str) -> Value {
    json!([{ "Name": "email", "Value": email }, { "Name": "name", "Value": name }])
}
