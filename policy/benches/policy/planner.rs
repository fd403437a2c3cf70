//! Planning: everybody evaluated, and one who changed evaluated among all others.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use provisioner_policy::{Membership, OnServer, Planner, Recent, plan};

use crate::{brief, people};

const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];

pub(crate) fn settled(criterion: &mut Criterion) {
    for size in SIZES {
        let mut world = people::settled(size, people::ROOMS);
        assert!(plan(&world, &Recent::default()).is_empty(), "nothing is to be done");
        let mut group = criterion.benchmark_group("planner");
        brief(&mut group);
        group.bench_function(BenchmarkId::new("cold", size), |bench| {
            bench.iter(|| black_box(Planner::default().plan(&mut world, &Recent::default())));
        });
        group.bench_function(BenchmarkId::new("definition", size), |bench| {
            bench.iter(|| black_box(plan(&world, &Recent::default())));
        });
        let mut planner = Planner::default();
        planner.plan(&mut world, &Recent::default());
        let one = world.intern(&people::mxid(size / 2));
        let red_room = world.room_by_key("red-room").expect("the policy has it");
        group.bench_function(BenchmarkId::new("one_membership_changes", size), |bench| {
            let mut joined = true;
            bench.iter(|| {
                joined = !joined;
                let membership = if joined { Membership::Join } else { Membership::Removed };
                world.set_member(red_room, one, membership, None);
                black_box(planner.plan(&mut world, &Recent::default()))
            });
        });
        group.bench_function(BenchmarkId::new("one_account_changes", size), |bench| {
            let mut locked = false;
            bench.iter(|| {
                locked = !locked;
                world.set_there(one, OnServer { present: true, locked, ..OnServer::default() });
                black_box(planner.plan(&mut world, &Recent::default()))
            });
        });
        group.bench_function(BenchmarkId::new("nothing_changes", size), |bench| {
            bench.iter(|| black_box(planner.plan(&mut world, &Recent::default())));
        });
    }
}

/// Everybody is to be joined.
pub(crate) fn unsettled(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("planner_everybody_to_join");
    brief(&mut group);
    for size in [100_000, 1_000_000] {
        let mut world = people::with_accounts(size, people::ROOMS);
        group.bench_function(BenchmarkId::new("cold", size), |bench| {
            bench.iter(|| black_box(Planner::default().plan(&mut world, &Recent::default())));
        });
        let mut planner = Planner::default();
        planner.plan(&mut world, &Recent::default());
        let one = world.intern(&people::mxid(size / 2));
        let red_room = world.room_by_key("red-room").expect("the policy has it");
        group.bench_function(BenchmarkId::new("one_is_joined", size), |bench| {
            let mut joined = false;
            bench.iter(|| {
                joined = !joined;
                let membership = if joined { Membership::Join } else { Membership::None };
                world.set_member(red_room, one, membership, None);
                black_box(planner.plan(&mut world, &Recent::default()))
            });
        });
    }
}
