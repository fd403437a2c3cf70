//! A big plan in words: what `plan --json` prints, and its id, which every pass has.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use provisioner_policy::{Recent, plan};

use crate::{brief, people};

const PEOPLE: usize = 100_000;

pub(crate) fn rendering(criterion: &mut Criterion) {
    let world = people::with_accounts(PEOPLE, people::ROOMS);
    let plan = plan(&world, &Recent::default());
    let mut group = criterion.benchmark_group("rendering");
    brief(&mut group);
    group.throughput(Throughput::Elements(plan.actions.len() as u64));
    group.bench_function("view_as_json", |bench| {
        bench.iter(|| black_box(serde_json::to_string(&plan.view(&world)).expect("a plan is JSON").len()));
    });
    group.bench_function("id", |bench| bench.iter(|| black_box(plan.id(&world))));
}
