//! What AWS is to the service: a queue, a pool of users, and the Lambda between them, emulated on loopback ports.
//!
//! SQS and SNS are ministack's and Cognito is moto's, each the faster at its own. Neither fires the triggers of a pool: the
//! testbed calls the Lambda in Cognito's place.

mod call;
mod emulated;
mod import;
mod moto;
mod pool;
mod queue;
mod shared;
mod sqs;
mod topic;
mod trigger;

pub use emulated::EmulatedAws;
pub use import::NewUser;
pub use moto::Moto;
pub use pool::Pool;
pub use queue::{Depth, Queue, QueueOptions};
pub use shared::{shared_moto, shared_sqs};
pub use sqs::Sqs;
pub use topic::{Notice, Topic};
pub use trigger::Trigger;

/// Where everything here is said to be.
pub const REGION: &str = "us-east-1";

/// The same for a service that is read: its log has no colours.
pub fn plain_environment() -> Vec<(String, String)> {
    [aws_environment(), vec![("NO_COLOR".to_owned(), "1".to_owned())]].concat()
}

/// What any AWS SDK needs in its environment to talk to these emulators, and to nobody else.
pub fn aws_environment() -> Vec<(String, String)> {
    [
        ("AWS_ACCESS_KEY_ID", "testbed"),
        ("AWS_SECRET_ACCESS_KEY", "testbed"),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        // Whatever the machine is or has must not be asked for other credentials.
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_CONFIG_FILE", "/dev/null"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec()
}
