//! How AWS is reached: region, credentials, time limits, silence, and what a failed call means.
//!
//! Knows no queue and no pool: the callers decide what is asked. It retries nothing either, because only the caller knows
//! what a retry costs.

mod fault;

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

pub use fault::{AwsFault, AwsFaultKind};

/// A connection that takes longer is as good as refused.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A call that takes longer is as good as lost. It includes finding credentials. Long polls ask for more.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What every client of ours is made from. `endpoint_url` is for emulators, which want credentials and check none: there
/// the environment is asked, and else something is made up. Nothing is sent yet.
pub async fn load(region: &str, endpoint_url: Option<&str>) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(CALL_TIMEOUT).build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::disabled());
    let Some(url) = endpoint_url else { return loader.load().await };
    let environment = EnvironmentVariableCredentialsProvider::new();
    let made_up = Credentials::new("emulator", "emulator", None, None, "emulator");
    let credentials = CredentialsProviderChain::first_try("environment", environment).or_else("made up", made_up);
    loader.endpoint_url(url).credentials_provider(credentials).load().await
}

/// Makes a call whose log lines go nowhere. At its lower levels the SDK logs whole requests and answers, with e-mail
/// addresses in them; whatever `RUST_LOG` says, those must not get out.
pub async fn quiet<F: Future>(call: F) -> F::Output {
    call.with_subscriber(Dispatch::none()).await
}
