//! Beside it: the same answers taken as bytes by a plain HTTP client, and nothing read of them.

use std::hint::black_box;

use tokio::runtime::Runtime;

use crate::answers::ROOM;

/// A client that only asks.
#[derive(Debug)]
pub(crate) struct Bare {
    runtime: Runtime,
    client: reqwest::Client,
    url: String,
}

impl Bare {
    pub(crate) fn new(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { runtime, client: reqwest::Client::new(), url: url.to_owned() }
    }

    pub(crate) fn members(&self) -> usize {
        self.get(&format!("/_synapse/admin/v1/rooms/{ROOM}/members"))
    }

    pub(crate) fn others(&self) -> usize {
        self.get(&format!("/_matrix/client/v3/rooms/{ROOM}/members?not_membership=join"))
    }

    fn get(&self, path: &str) -> usize {
        let answer = async { self.client.get(format!("{}{path}", self.url)).send().await?.bytes().await };
        black_box(self.runtime.block_on(answer).expect("Synapse answers")).len()
    }
}
