//! Benchmarks of the pure core. `cargo bench -p provisioner-policy`, with a part of a name to run some, `memory` for memory
//! alone.

mod memory;
mod mirror;
mod people;
mod planner;
mod rendering;
mod selectors;

use criterion::{Criterion, criterion_group};

criterion_group!(
    benches,
    selectors::entitlement,
    rendering::rendering,
    mirror::load,
    planner::settled,
    planner::unsettled
);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if memory::is_one_case(&arguments) {
        return;
    }
    // Cargo says so; without it this is only tried whether it builds.
    if !arguments.iter().any(|one| one == "--bench") {
        return;
    }
    let only = arguments.iter().find(|one| !one.starts_with("--"));
    if only.is_none_or(|only| only == "memory") {
        memory::measure();
    }
    if only.is_none_or(|only| only != "memory") {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
