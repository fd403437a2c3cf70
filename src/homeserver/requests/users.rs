//! Accounts: Synapse's admin API, the two ways to register the bot, and what the bot notes down on its own account.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{PathSegment, SecretField};
use crate::homeserver::{
    UserEntry,
    lenient::{LenientEntry, count},
};

endpoint!(list: GET "/_synapse/admin/v2/users" {
    #[ruma_api(query)] from: u64,
    #[ruma_api(query)] limit: u64,
    #[ruma_api(query)] guests: bool,
    #[ruma_api(query)] deactivated: bool,
    #[ruma_api(query)] locked: bool,
    #[ruma_api(query)] #[serde(skip_serializing_if = "Option::is_none")] admins: Option<bool>,
    #[ruma_api(query)] order_by: String,
    #[ruma_api(query)] dir: String,
} -> UserListing);

endpoint!(read: GET "/_synapse/admin/v2/users/{user}" {
    #[ruma_api(path)] user: PathSegment,
} -> UserEntry);

// Makes the account where there is none.
endpoint!(modify: PUT "/_synapse/admin/v2/users/{user}" {
    #[ruma_api(path)] user: PathSegment,
    #[serde(skip_serializing_if = "Option::is_none")] displayname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")] avatar_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")] admin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")] deactivated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")] locked: Option<bool>,
} -> UserEntry);

endpoint!(set_admin: PUT "/_synapse/admin/v1/users/{user}/admin" {
    #[ruma_api(path)] user: PathSegment,
    admin: bool,
} -> IgnoredAny);

endpoint!(deactivate: POST "/_synapse/admin/v1/deactivate/{user}" {
    #[ruma_api(path)] user: PathSegment,
    erase: bool,
} -> IgnoredAny);

endpoint!(devices: GET "/_synapse/admin/v2/users/{user}/devices" {
    #[ruma_api(path)] user: PathSegment,
} -> Devices);

endpoint!(delete_devices: POST "/_synapse/admin/v2/users/{user}/delete_devices" {
    #[ruma_api(path)] user: PathSegment,
    devices: Vec<String>,
} -> IgnoredAny);

endpoint!(account_data: GET "/_matrix/client/v3/user/{user}/account_data/{kind}" {
    #[ruma_api(path)] user: PathSegment,
    #[ruma_api(path)] kind: PathSegment,
} -> Value);

endpoint!(set_account_data: PUT "/_matrix/client/v3/user/{user}/account_data/{kind}" {
    #[ruma_api(path)] user: PathSegment,
    #[ruma_api(path)] kind: PathSegment,
    #[ruma_api(body)] body: Value,
} -> IgnoredAny);

endpoint!(register_sender: POST "/_matrix/client/v3/register" {
    #[serde(rename = "type")] login_type: String,
    username: String,
    inhibit_login: bool,
} -> IgnoredAny);

endpoint!(nonce: GET "/_synapse/admin/v1/register" {} -> Nonce);

endpoint!(register_with_secret: POST "/_synapse/admin/v1/register" {
    nonce: String,
    username: String,
    password: SecretField,
    admin: bool,
    mac: SecretField,
} -> Registered);

#[derive(Debug, Deserialize)]
pub(crate) struct UserListing {
    pub(crate) users: Vec<LenientEntry<UserEntry>>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) total: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) next_token: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Devices {
    pub(crate) devices: Vec<Device>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Device {
    pub(crate) device_id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Nonce {
    pub(crate) nonce: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Registered {
    pub(crate) access_token: SecretField,
}
