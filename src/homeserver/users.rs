//! Which accounts there are, and which of them are server admins. Nothing here changes anything.

use serde::Deserialize;
use tracing::instrument;

use super::{
    CallError, Homeserver,
    answer::found,
    lenient::{flag, readable, text},
    read::{report_unreadable, unexpected},
    requests::users,
    user_segment,
};

/// How many admins are asked for at once.
const ADMINS_PER_PAGE: u64 = 1000;

/// An account. Both versions tell all of this in the list and for one account; `suspended` is on 1.163 and for one only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UserEntry {
    /// The MXID.
    pub name: String,
    #[serde(default, deserialize_with = "text")]
    pub displayname: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub avatar_url: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub admin: bool,
    #[serde(default, deserialize_with = "flag")]
    pub deactivated: bool,
    #[serde(default, deserialize_with = "flag")]
    pub locked: bool,
    #[serde(default, deserialize_with = "flag")]
    pub suspended: bool,
    #[serde(default, deserialize_with = "flag")]
    pub is_guest: bool,
}

/// Part of the list of accounts.
#[derive(Clone, Debug)]
pub struct UserPage {
    pub users: Vec<UserEntry>,
    /// Entries that could not be read. A list with any is incomplete.
    pub unreadable: usize,
    /// Where the next page starts; `None` on the last.
    pub next: Option<u64>,
    /// How many accounts there are in all.
    pub total: Option<u64>,
}

/// Every account with the admin flag.
#[derive(Clone, Debug)]
pub struct ServerAdminList {
    pub users: Vec<UserEntry>,
    /// Whether the list is complete: a user who is not in it is no admin.
    pub complete: bool,
}

impl Homeserver {
    /// A page of all accounts but guests, the deactivated and the locked included, oldest first: accounts made while the
    /// pages are read come last and shift nothing. 20,000 in one page took 260 ms.
    #[instrument(name = "homeserver.list_users", skip_all, fields(from, limit))]
    pub async fn list_users(&self, from: u64, limit: u64) -> Result<UserPage, CallError> {
        self.user_page("list_users", from, limit, None).await
    }

    /// Every account with the admin flag, the deactivated (who keep it) and the locked included. Both versions filter by
    /// `admins=true`.
    ///
    /// The bot asks and is an admin itself: an answer without the bot is incomplete, whatever its status.
    #[instrument(name = "homeserver.server_admins", skip_all)]
    pub async fn server_admins(&self) -> Result<ServerAdminList, CallError> {
        let (mut users, mut unreadable, mut total) = (Vec::new(), 0, None);
        let mut next = Some(0);
        while let Some(from) = next {
            let page = self.user_page("server_admins", from, ADMINS_PER_PAGE, Some(true)).await?;
            users.extend(page.users);
            unreadable += page.unreadable;
            (next, total) = (page.next, page.total);
        }
        let all = total.is_none_or(|total| total <= users.len() as u64);
        // A Synapse that ignored the filter would otherwise make everyone an admin.
        users.retain(|user| user.admin);
        let complete = all && unreadable == 0 && users.iter().any(|user| user.name == self.user_id());
        Ok(ServerAdminList { users, complete })
    }

    /// One account, or `None` where Synapse has none of that name.
    #[instrument(name = "homeserver.user", skip_all, fields(user.id = %name))]
    pub async fn user(&self, name: &str) -> Result<Option<UserEntry>, CallError> {
        let request = users::read::Request { user: user_segment(name)? };
        match found(self.call("user", request).await)? {
            Some(answer) if answer.body.name != *name => Err(unexpected("the account of somebody else".to_owned())),
            answer => Ok(answer.map(|answer| answer.body)),
        }
    }

    /// The devices that the bot has of its own: each was somebody's login. The `as_token` has none, and neither has a token
    /// that a server admin minted.
    #[instrument(name = "homeserver.own_devices", skip_all)]
    pub async fn own_devices(&self) -> Result<Vec<String>, CallError> {
        let request = users::devices::Request { user: user_segment(self.user_id())? };
        let devices = self.call("devices", request).await?.body.devices;
        Ok(devices.into_iter().map(|device| device.device_id).collect())
    }

    /// A guest who may still act, where there is one: guests are sorted to the front, and one account is asked for.
    #[instrument(name = "homeserver.a_guest", skip_all)]
    pub async fn a_guest(&self) -> Result<Option<String>, CallError> {
        let request = users::list::Request {
            from: 0,
            limit: 1,
            guests: true,
            deactivated: false,
            locked: true,
            admins: None,
            order_by: "is_guest".to_owned(),
            dir: "b".to_owned(),
        };
        let body = self.bulk_read("a_guest", request).await?.body;
        let (users, unreadable) = readable(body.users);
        report_unreadable("a_guest", unreadable);
        Ok(users.into_iter().find(|user| user.is_guest).map(|user| user.name))
    }

    async fn user_page(
        &self,
        endpoint: &'static str,
        from: u64,
        limit: u64,
        admins: Option<bool>,
    ) -> Result<UserPage, CallError> {
        let request = users::list::Request {
            from,
            limit,
            guests: false,
            deactivated: true,
            locked: true,
            admins,
            order_by: "creation_ts".to_owned(),
            dir: "f".to_owned(),
        };
        let body = self.bulk_read(endpoint, request).await?.body;
        let (users, unreadable) = readable(body.users);
        report_unreadable(endpoint, unreadable);
        // A page that does not move on would be read for ever.
        let next = body.next_token.filter(|next| *next > from);
        Ok(UserPage { users, unreadable, next, total: body.total })
    }
}
