//! Transaction intake through the real router, beside a bare axum handler, in one run: CPU time by criterion, then the
//! ratios. `cargo bench --bench intake`; `-- ratios` prints these alone, and `-- count WHO MESSAGES TIMES` is for
//! callgrind.

mod bare;
mod bodies;
mod clock;
mod kept;
mod push;
mod ratio;
mod service;
mod socket;

use std::time::Duration;

use axum::{Router, body::Bytes};
use criterion::{BatchSize, Criterion, Throughput};

use self::clock::Cpu;
use self::ratio::Ratio;
use self::service::TakesAll;
use self::socket::{Server, Serves};

/// Transactions over each connection, and connections of each server.
const PUSHES: u32 = 300;
const CONNECTIONS: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // `cargo test --benches` wants to see that it runs.
        ["--test"] => subjects().iter().for_each(|(_, body)| count(&service::router(TakesAll), body, 1)),
        ["count", who, messages, times] => {
            let router = if *who == "bare" { bare::router() } else { service::router(TakesAll) };
            let number = |text: &str| text.parse().expect("a number");
            count(&router, &bodies::chat(number(messages)), number(times));
        }
        ["ratios"] => ratios(),
        _ => {
            let mut criterion = Criterion::default()
                .with_measurement(Cpu)
                .measurement_time(Duration::from_secs(3))
                .configure_from_args();
            criterion_groups(&mut criterion);
            criterion.final_summary();
            ratios();
        }
    }
}

fn subjects() -> [(&'static str, Vec<u8>); 4] {
    [
        ("100 messages", bodies::chat(100)),
        ("1 message", bodies::chat(1)),
        ("100 member events", bodies::members(100)),
        ("1 member event", bodies::members(1)),
    ]
}

fn criterion_groups(criterion: &mut Criterion<Cpu>) {
    let runtime = push::runtime();
    for (name, body) in subjects() {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(body.len() as u64));
        let body = Bytes::from(body);
        for (who, router) in [("service", service::router(TakesAll)), ("bare", bare::router())] {
            group.bench_function(who, |bencher| {
                bencher.iter_batched(
                    || push::request(&body),
                    |request| push::send(&runtime, &router, request),
                    BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

fn ratios() {
    let runtime = push::runtime();
    let (service, bare) = (service::router(TakesAll), bare::router());
    Ratio::print_head("CPU of one transaction, in process, nothing written");
    for (what, body) in subjects() {
        let length = body.len();
        let body = Bytes::from(body);
        let send = |router: &Router| push::send(&runtime, router, push::request(&body));
        ratio::measure(|| send(&service), || send(&bare)).print(&format!("{what} ({length} bytes)"));
    }
    Ratio::print_head("CPU of one transaction, over a connection on loopback");
    for (what, body) in subjects() {
        over_a_socket(&body).print(what);
    }
    kept::print();
}

fn over_a_socket(body: &[u8]) -> Ratio {
    let serve = |router: Router, serves: Serves| {
        let mut server = Server::start(router, serves);
        (0..PUSHES).for_each(|_| server.push(body));
        server.end() / PUSHES
    };
    let mut rounds: Vec<_> = (0..CONNECTIONS)
        .map(|_| (serve(service::router(TakesAll), Serves::Service), serve(bare::router(), Serves::Bare)))
        .collect();
    Ratio::of(&mut rounds)
}

fn count(router: &Router, body: &[u8], times: usize) {
    let (runtime, body) = (push::runtime(), Bytes::copy_from_slice(body));
    (0..times).for_each(|_| push::send(&runtime, router, push::request(&body)));
}
