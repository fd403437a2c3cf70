//! Whether Synapse fetches what only it can reach for anybody who asks for the preview of a URL.

use tracing::instrument;

use super::answer::CallFailure;
use super::requests::server;
use super::{CallError, Homeserver};

/// Synapse's own machine, at the port that discards what it gets; nearly nobody listens there.
const OWN_MACHINE: &str = "http://127.0.0.1:9/";

/// How Synapse says that a connection was tried, in both versions.
const TRIED: &str = "Failed to download content";

impl Homeserver {
    /// Whether it fetches URLs of its own machine for a preview. Where that is forbidden nothing is fetched, and where previews
    /// are off nothing is served; else one connection to its own loopback is tried.
    ///
    /// Forbidden is 403 "IP address blocked", or by a pattern of `url_preview_url_blacklist`. A connection that was refused is
    /// 500 "Failed to download content"; any other failure, a proxy's too, says nothing of what was tried.
    #[instrument(name = "homeserver.previews_own_machine", skip_all)]
    pub async fn previews_own_machine(&self) -> Result<bool, CallError> {
        let request = server::preview::Request { url: OWN_MACHINE.to_owned() };
        match self.call("preview", request).await {
            Ok(_) => Ok(true),
            Err(CallFailure::Answer(answer)) if answer.message.starts_with(TRIED) => Ok(true),
            Err(CallFailure::Answer(answer)) if (400..500).contains(&answer.status) && answer.status != 429 => {
                Ok(false)
            }
            Err(failure) => Err(failure.into()),
        }
    }
}
