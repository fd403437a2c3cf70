//! Benchmarks of the pure core. `cargo bench -p provisioner-policy`, with a part of a name to run some, `memory` for memory
//! alone, `growth` for ten million accounts and a hundred rooms, `count` for instructions instead of times.

mod count;
mod growth;
mod memory;
mod mirror;
mod people;
mod planner;
mod rendering;
mod resident;
mod selectors;

use std::time::Duration;

use criterion::measurement::Measurement;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group};

criterion_group!(
    benches,
    selectors::entitlement,
    rendering::rendering,
    mirror::load,
    planner::settled,
    planner::unsettled
);

/// Short enough for all of them to take two minutes: what is told is how it grows.
fn brief<M: Measurement>(group: &mut BenchmarkGroup<'_, M>) {
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .measurement_time(Duration::from_secs(1))
        .warm_up_time(Duration::from_millis(100));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if memory::is_one_case(&arguments) {
        return;
    }
    if let ["count", case, times] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return count::run(case, times.parse().expect("a number"));
    }
    // Cargo says so; without it this is only tried whether it builds.
    if !arguments.iter().any(|one| one == "--bench") {
        return;
    }
    let only = arguments.iter().find(|one| !one.starts_with("--"));
    if only.is_some_and(|only| only == "count") {
        return count::measure();
    }
    if only.is_none_or(|only| only == "memory") {
        memory::measure(&memory::CASES);
    }
    if only.is_some_and(|only| only == "growth") {
        return memory::measure(&growth::CASES);
    }
    if only.is_none_or(|only| only != "memory") {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
