//! With the inbox: a real Postgres of the testbed's, without durability, so that the disk is not what is measured.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use phenom_provisioner::app::Inbox;
use phenom_provisioner::store::Store;
use tokio::runtime::Runtime;

use crate::{bare, bodies, clock, push, service};

/// Transactions of each kind.
const TRANSACTIONS: usize = 400;

/// Prints how long a transaction takes to be answered, and what this process spends on it.
pub(crate) fn print() {
    let runtime = push::runtime();
    let postgres = runtime.block_on(testbed::shared_postgres());
    let url = runtime.block_on(postgres.create_database("intake")).expect("a database");
    let inbox = Inbox::default();
    inbox.open(runtime.block_on(Store::open(&url)).expect("open the database"));
    let (service, bare) = (service::router(inbox), bare::router());
    println!(
        "\n{:<58} {:>12} {:>12} {:>12}",
        "with the inbox in a real Postgres, 1 at a time", "p50", "p99", "our CPU"
    );
    let mut next = 0;
    for (what, body) in [
        ("100 member events", bodies::members(100)),
        ("1 member event", bodies::members(1)),
        ("100 messages: nothing is kept", bodies::chat(100)),
    ] {
        take(&runtime, &service, &body, &mut next).print(what);
        take(&runtime, &bare, &body, &mut next).print("    the bare handler, which keeps nothing");
    }
}

struct Taken {
    latencies: Vec<Duration>,
    cpu: Duration,
}

fn take(runtime: &Runtime, router: &Router, body: &[u8], next: &mut u64) -> Taken {
    let (mut latencies, mut cpu) = (Vec::new(), Duration::ZERO);
    for _ in 0..TRANSACTIONS {
        let request = push::request(&Bytes::from(bodies::renumber(body, next)));
        let (began, used) = (Instant::now(), clock::now());
        push::send(runtime, router, request);
        cpu += clock::now() - used;
        latencies.push(began.elapsed());
    }
    latencies.sort();
    Taken { latencies, cpu: cpu / 400 }
}

impl Taken {
    fn print(&self, what: &str) {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let at = |hundredths: usize| micros(self.latencies[(self.latencies.len() - 1) * hundredths / 100]);
        println!("{what:<58} {:>9.0} µs {:>9.0} µs {:>9.0} µs", at(50), at(99), micros(self.cpu));
    }
}
