//! The wire formats that ruma does not have, or is stricter about than Synapse. One `endpoint!` each; the paths are those of
//! Synapse's admin API documentation and of the Matrix client-server specification.

/// Declares the module of one endpoint: `Request`, sent with the session's token, and `Response`, its status and body.
macro_rules! endpoint {
    ($name:ident: $method:ident $path:literal { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? } -> $answer:ty) => {
        pub(crate) mod $name {
            use super::*;
            use ruma::{api::auth_scheme::AccessToken, exports::ruma_macros, metadata};

            metadata! {
                method: $method,
                rate_limited: false,
                authentication: AccessToken,
                path: $path,
            }

            // What `#[request]` expands to, but for a cfg of ruma's own that rustc would warn of here.
            #[derive(Clone, Debug, ruma_macros::_FakeDeriveSerde, ruma_macros::Request)]
            #[ruma_api(error = ruma::api::error::Error)]
            pub(crate) struct Request {
                $($(#[$attribute])* pub(crate) $field: $type,)*
            }

            pub(crate) type Response = $crate::homeserver::lenient::Answered<$answer>;
        }
    };
}

pub(super) mod profile;
pub(super) mod rooms;
pub(super) mod server;
pub(super) mod users;

use std::fmt;

use serde::{Deserialize, Serialize};

/// One part of a path. ruma percent-encodes it but leaves `%` as it is, so that is done here.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct PathSegment(pub(crate) String);

impl fmt::Display for PathSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.replace('%', "%25"))
    }
}

/// A part of a body that no log may show.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct SecretField(pub(crate) String);

impl fmt::Debug for SecretField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
