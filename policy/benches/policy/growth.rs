//! How a pass grows past a million accounts and four rooms. The largest case takes a minute to make and some gigabytes.

use std::time::Duration;

use provisioner_policy::{Membership, Planner, Recent};

use crate::memory::{self, Case};
use crate::people;

/// Each is accounts and rooms.
pub(crate) const CASES: [Case; 4] = [
    ("1 million accounts, 4 rooms", || grown(1_000_000, 4)),
    ("10 million accounts, 4 rooms", || grown(10_000_000, 4)),
    ("1 million accounts, 100 rooms", || grown(1_000_000, 100)),
    ("10 million accounts, 100 rooms", || grown(10_000_000, 100)),
];

/// How often somebody goes and comes back.
const CHANGES: usize = 1000;

fn grown(accounts: usize, rooms: usize) {
    let mut world = people::settled(accounts, rooms);
    memory::tell(accounts);
    let (mut planner, recent) = (Planner::default(), Recent::default());
    let began = memory::on_cpu();
    let plan = planner.plan(&mut world, &recent);
    println!(
        "  everybody evaluated in {:.2} s of one core, {} actions",
        (memory::on_cpu() - began) / 1e3,
        plan.actions.len()
    );
    drop(plan);
    memory::tell(accounts);
    let room = world.room_by_key("red-room").expect("the policy has it");
    let began = memory::on_cpu();
    for number in 0..CHANGES {
        let mxid = people::mxid(number * (accounts / CHANGES));
        for (membership, actions) in [(Membership::Removed, 1), (Membership::Join, 0)] {
            world.set_membership(room, &mxid, membership, None);
            assert_eq!(planner.plan(&mut world, &recent).actions.len(), actions);
        }
    }
    let change = Duration::from_secs_f64((memory::on_cpu() - began) / 1e3 / (2 * CHANGES) as f64);
    println!("  one change in {:.1} µs", change.as_secs_f64() * 1e6);
}
