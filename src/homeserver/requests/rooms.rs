//! Rooms: Synapse's admin API, and client-server calls whose bodies ruma is strict about.

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

use super::PathSegment;
use crate::homeserver::{
    BAN_REASON, NewestEvent, RoomSummary,
    lenient::{self, LenientEntry},
};
use crate::objects::OnlyObject;

endpoint!(summary: GET "/_synapse/admin/v1/rooms/{room}" {
    #[ruma_api(path)] room: PathSegment,
} -> RoomSummary);

endpoint!(joined: GET "/_synapse/admin/v1/rooms/{room}/members" {
    #[ruma_api(path)] room: PathSegment,
} -> JoinedMembers);

endpoint!(members: GET "/_matrix/client/v3/rooms/{room}/members" {
    #[ruma_api(path)] room: PathSegment,
    #[ruma_api(query)] not_membership: String,
} -> MemberList);

endpoint!(state: GET "/_synapse/admin/v1/rooms/{room}/state" {
    #[ruma_api(path)] room: PathSegment,
    #[ruma_api(query)] #[serde(rename = "type")] kind: String,
} -> StateListing);
endpoint!(messages: GET "/_matrix/client/v3/rooms/{room}/messages" {
    #[ruma_api(path)] room: PathSegment,
    #[ruma_api(query)] dir: String,
    #[ruma_api(query)] limit: u32,
    #[ruma_api(query)] filter: String,
} -> MessagePage);

endpoint!(by_alias: GET "/_matrix/client/v3/directory/room/{alias}" {
    #[ruma_api(path)] alias: PathSegment,
} -> AliasTarget);

endpoint!(event: GET "/_matrix/client/v3/rooms/{room}/event/{event}" {
    #[ruma_api(path)] room: PathSegment,
    #[ruma_api(path)] event: PathSegment,
} -> EventAnswer);

endpoint!(admin_join: POST "/_synapse/admin/v1/join/{room}" {
    #[ruma_api(path)] room: PathSegment,
    user_id: String,
} -> IgnoredAny);

endpoint!(kick: POST "/_matrix/client/v3/rooms/{room}/kick" {
    #[ruma_api(path)] room: PathSegment,
    user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")] reason: Option<String>,
} -> IgnoredAny);

endpoint!(ban: POST "/_matrix/client/v3/rooms/{room}/ban" {
    #[ruma_api(path)] room: PathSegment,
    user_id: String,
    reason: String,
} -> IgnoredAny);

endpoint!(unban: POST "/_matrix/client/v3/rooms/{room}/unban" {
    #[ruma_api(path)] room: PathSegment,
    user_id: String,
} -> IgnoredAny);

endpoint!(make_admin: POST "/_synapse/admin/v1/rooms/{room}/make_room_admin" {
    #[ruma_api(path)] room: PathSegment,
    user_id: String,
} -> IgnoredAny);

endpoint!(create: POST "/_matrix/client/v3/createRoom" {
    #[ruma_api(body)] body: Value,
} -> CreatedRoom);

#[derive(Debug, Deserialize)]
pub(crate) struct JoinedMembers {
    /// A million of these are 16 bytes and the ID each.
    pub(crate) members: Vec<Box<str>>,
    pub(crate) total: usize,
}

#[derive(Debug, Deserialize)]
pub(crate) struct MemberList {
    pub(crate) chunk: Vec<LenientEntry<MemberEntry>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct MessagePage {
    pub(crate) chunk: Vec<NewestEvent>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AliasTarget {
    pub(crate) room_id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EventAnswer {
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) state_key: Option<String>,
    pub(crate) content: Box<RawValue>,
    #[serde(default)]
    pub(crate) sender: String,
    #[serde(default)]
    pub(crate) unsigned: Option<Box<RawValue>>,
}

/// What matters of a membership event, and nothing else: a display name may be anything.
#[derive(Debug, Deserialize)]
pub(crate) struct MemberEntry {
    pub(crate) state_key: String,
    pub(crate) sender: String,
    pub(crate) event_id: String,
    pub(crate) content: OnlyObject<MembershipContent>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct MembershipContent {
    pub(crate) membership: String,
    #[serde(default, rename = "reason")]
    pub(crate) is_our_ban: IsOurBan,
}

/// Whether a reason is the one that bans of this service give. It may be anything else, of any shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IsOurBan(pub(crate) bool);

impl<'de> Deserialize<'de> for IsOurBan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(lenient::any(deserializer)? == BAN_REASON))
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct StateListing {
    pub(crate) state: Vec<LenientEntry<AnyStateEvent>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AnyStateEvent {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) state_key: String,
    pub(crate) content: Box<RawValue>,
    pub(crate) sender: String,
    pub(crate) event_id: String,
    pub(crate) origin_server_ts: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CreatedRoom {
    pub(crate) room_id: String,
}
