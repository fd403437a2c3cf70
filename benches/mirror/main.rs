//! A room of a million members read from Synapse into the mirror: what Synapse answers, through the service's own client and
//! parsers, and into the world as a pass does it. `cargo bench --bench mirror`, with a part of a name to run some, `memory`
//! for memory alone. CPU time of this process; a stand-in for Synapse answers from a process of its own.

mod answers;
mod bare;
#[path = "../intake/clock.rs"]
mod clock;
mod memory;
mod read;
#[path = "../../policy/benches/policy/resident.rs"]
mod resident;
mod synapse;

use std::time::Duration;

use criterion::measurement::Measurement;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput};

use self::bare::Bare;
use self::clock::Cpu;
use self::read::Reader;
use self::synapse::Synapse;

/// Who is in the room, and who was.
const MEMBERS: usize = 1_000_000;
const OTHERS: usize = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let only = arguments.iter().find(|argument| !argument.starts_with("--"));
    match arguments[..] {
        ["serve", members, others] => synapse::serve(number(members), number(others)),
        ["case", name, url] => memory::make(name, url),
        // Cargo says so; without it this is only tried whether it runs.
        _ if !arguments.contains(&"--bench") => try_once(),
        _ => {
            if only.is_none_or(|only| *only == "memory") {
                memory::measure();
            }
            if only.is_none_or(|only| *only != "memory") {
                let mut criterion = Criterion::default().with_measurement(Cpu).configure_from_args();
                times(&mut criterion);
                criterion.final_summary();
            }
        }
    }
}

fn number(argument: &str) -> usize {
    argument.parse().expect("a number")
}

fn try_once() {
    let synapse = Synapse::start(1000, 100);
    let (reader, bare) = (Reader::new(synapse.url()), Bare::new(synapse.url()));
    assert!(bare.members() > reader.joined_members().len() && bare.others() > reader.other_members().len());
    let mut world = reader.world();
    (0..2).for_each(|_| reader.observe(&mut world));
}

fn times(criterion: &mut Criterion<Cpu>) {
    let synapse = Synapse::start(MEMBERS, OTHERS);
    let (reader, bare) = (Reader::new(synapse.url()), Bare::new(synapse.url()));
    let mut group = criterion.benchmark_group("a_room_of_a_million");
    brief(&mut group);
    group.throughput(Throughput::Elements(MEMBERS as u64));
    group.bench_function("members_as_bytes_alone", |bench| bench.iter(|| bare.members()));
    group.bench_function("members_listed", |bench| bench.iter(|| reader.joined_members()));
    group.throughput(Throughput::Elements(OTHERS as u64));
    group.bench_function("100000_others_as_bytes_alone", |bench| bench.iter(|| bare.others()));
    group.bench_function("100000_others_listed", |bench| bench.iter(|| reader.other_members()));
    group.throughput(Throughput::Elements((MEMBERS + OTHERS) as u64));
    let mut known = reader.world();
    group.bench_function("read_when_nobody_is_known", |bench| {
        let begin = || reader.world();
        bench.iter_batched_ref(begin, |world| reader.observe(world), BatchSize::PerIteration);
    });
    reader.observe(&mut known);
    group.bench_function("read_again", |bench| bench.iter(|| reader.observe(&mut known)));
}

/// One reading takes long enough to be measured by itself.
fn brief<M: Measurement>(group: &mut BenchmarkGroup<'_, M>) {
    group.sample_size(10).measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(1));
}
