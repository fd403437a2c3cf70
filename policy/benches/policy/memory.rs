//! Memory of worlds of a million: each case in a process of its own, so that its peak is its own.

use std::hint::black_box;
use std::process::Command;

use provisioner_policy::{Membership, Planner, Recent, RoomStatus, World};

use crate::{growth, people, resident};

/// What is measured: its name, and how it is made. What is made is kept until it was measured.
pub(crate) type Case = (&'static str, fn());

const PEOPLE: usize = 1_000_000;

pub(crate) const CASES: [Case; 9] = [
    ("nothing", || keep(())),
    ("users", || keep(users())),
    ("users and accounts", || keep(people::desired(PEOPLE, people::ROOMS))),
    ("with Synapse's accounts", || keep(people::with_accounts(PEOPLE, people::ROOMS))),
    ("settled in four rooms", || keep(people::settled(PEOPLE, people::ROOMS))),
    ("settled, one in ten left by choice", || keep(left())),
    ("settled, cold pass", || keep(pass(people::settled(PEOPLE, people::ROOMS)))),
    ("everybody to be joined, cold pass", || keep(pass(people::with_accounts(PEOPLE, people::ROOMS)))),
    ("no account there, cold pass", || keep(pass(empty()))),
];

fn users() -> World {
    let mut world = World::new(people::policy(people::ROOMS));
    for number in 0..PEOPLE {
        world.intern(&people::mxid(number));
    }
    world
}

fn left() -> World {
    let mut world = people::settled(PEOPLE, people::ROOMS);
    let red_room = world.room_by_key("red-room").expect("the policy has it");
    for number in (0..PEOPLE).step_by(10) {
        let event_id = format!("${number:043}");
        world.set_membership(red_room, &people::mxid(number), Membership::Left, Some(&event_id));
    }
    world
}

/// A server on which nothing of what should be is.
fn empty() -> World {
    let mut world = people::desired(PEOPLE, people::ROOMS);
    world.set_accounts_listed(true);
    for room in world.rooms() {
        world.set_room_status(room, RoomStatus::Ready);
    }
    world
}

fn pass(mut world: World) -> (World, Planner) {
    let (mut planner, began) = (Planner::default(), on_cpu());
    let plan = planner.plan(&mut world, &Recent::default());
    println!("  {} actions in {:.0} ms of one core", plan.actions.len(), on_cpu() - began);
    drop(plan);
    (world, planner)
}

/// Milliseconds that this process has had a core: what else the machine does matters little to it.
pub(crate) fn on_cpu() -> f64 {
    let statistics = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    statistics.split(' ').next().and_then(|one| one.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e6
}

fn keep<T>(made: T) {
    tell(PEOPLE);
    black_box(made);
}

/// Prints what this process holds and has held, also for each of so many accounts.
pub(crate) fn tell(accounts: usize) {
    let (now, peak) = resident::now_and_peak();
    let (now, peak) = (now / 1_048_576.0, peak / 1_048_576.0);
    println!(
        "  {now:.1} MiB now, {peak:.1} MiB at its peak; {:.0} bytes an account now",
        now * 1_048_576.0 / accounts as f64
    );
}

/// Makes the one case that this process is for, if it is for one.
pub(crate) fn is_one_case(arguments: &[String]) -> bool {
    let case = arguments.iter().position(|one| one == "--case").and_then(|at| arguments.get(at + 1));
    CASES
        .iter()
        .chain(&growth::CASES)
        .filter(|(name, _)| Some(*name) == case.map(String::as_str))
        .for_each(|(_, make)| make());
    case.is_some()
}

/// Measures each case in a process of its own.
pub(crate) fn measure(cases: &[Case]) {
    let myself = std::env::current_exe().expect("this runs from a file");
    for (name, _) in cases {
        println!("{name}:");
        let status = Command::new(&myself).args(["--case", *name]).status().expect("this can be run again");
        assert!(status.success(), "{name} failed");
    }
}
