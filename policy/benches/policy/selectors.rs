//! Who belongs where: a room's selectors applied to everybody.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use provisioner_policy::Entitlement;

use crate::{brief, people};

const PEOPLE: usize = 100_000;

pub(crate) fn entitlement(criterion: &mut Criterion) {
    let world = people::desired(PEOPLE, people::ROOMS);
    let mut group = criterion.benchmark_group("selectors");
    brief(&mut group);
    group.throughput(Throughput::Elements(PEOPLE as u64));
    for room in world.rooms() {
        group.bench_function(room.key(&world), |bench| {
            let is_entitled = |user| matches!(world.entitlement(room, user), Entitlement::By(_));
            bench.iter(|| black_box(world.users.iter().filter(|user| is_entitled(*user)).count()));
        });
    }
}
