//! The mirror: a room of a million members read for the first time, and read again.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use provisioner_policy::{Membership, RoomMirror, RoomStatus, World};

use crate::{brief, people};

const MEMBERS: usize = 1_000_000;

fn read(world: &mut World, members: &[Box<str>]) {
    let room = world.room_by_key("red-room").expect("the policy has it");
    let mut fresh = RoomMirror::of_version("10".to_owned());
    for member in members {
        let user = world.intern(member);
        fresh.take_membership(user, Membership::Join, None);
        world.set_present(user);
    }
    fresh.status = RoomStatus::Ready;
    world.set_room(room, fresh);
}

pub(crate) fn load(criterion: &mut Criterion) {
    let members: Vec<Box<str>> = (0..MEMBERS).map(|number| people::mxid(number).into()).collect();
    let mut group = criterion.benchmark_group("mirror");
    brief(&mut group);
    group.bench_function("a_million_members_of_whom_nobody_is_known", |bench| {
        let begin = || World::new(people::policy(people::ROOMS));
        bench.iter_batched_ref(begin, |world| read(world, &members), BatchSize::PerIteration);
    });
    let mut world = World::new(people::policy(people::ROOMS));
    read(&mut world, &members);
    group.bench_function("a_million_members_again", |bench| {
        bench.iter(|| read(black_box(&mut world), &members));
    });
}
