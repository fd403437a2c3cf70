//! Profiles. ruma's own requests differ between versions of the specification in what they allow.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::PathSegment;

endpoint!(read: GET "/_matrix/client/v3/profile/{user}" {
    #[ruma_api(path)] user: PathSegment,
} -> Value);

endpoint!(read_display_name: GET "/_matrix/client/v3/profile/{user}/displayname" {
    #[ruma_api(path)] user: PathSegment,
} -> Value);

endpoint!(set_display_name: PUT "/_matrix/client/v3/profile/{user}/displayname" {
    #[ruma_api(path)] user: PathSegment,
    displayname: String,
} -> IgnoredAny);

endpoint!(set_avatar: PUT "/_matrix/client/v3/profile/{user}/avatar_url" {
    #[ruma_api(path)] user: PathSegment,
    avatar_url: String,
} -> IgnoredAny);
