//! The emulators all tests of a process share. They end with the process.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::{Moto, Sqs};

static SQS: OnceCell<Arc<Sqs>> = OnceCell::const_new();
static MOTO: OnceCell<Arc<Moto>> = OnceCell::const_new();

/// The SQS all tests of this process share. Make a queue of your own, and never stop it ([`Sqs::start`] is for that).
///
/// # Panics
/// When it cannot be started: no test could go on.
pub async fn shared_sqs() -> Arc<Sqs> {
    match SQS.get_or_try_init(async || Sqs::start().await.map(Arc::new)).await {
        Ok(sqs) => Arc::clone(sqs),
        Err(error) => panic!("no shared SQS: {error:?}"),
    }
}

/// The moto all tests of this process share. Make a pool of your own, and never stop it ([`Moto::start`] is for that).
///
/// # Panics
/// When it cannot be started: no test could go on.
pub async fn shared_moto() -> Arc<Moto> {
    match MOTO.get_or_try_init(async || Moto::start().await.map(Arc::new)).await {
        Ok(moto) => Arc::clone(moto),
        Err(error) => panic!("no shared moto: {error:?}"),
    }
}
