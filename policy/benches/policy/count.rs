//! Instructions instead of times: the same on any machine of this kind, however busy. `-- count` counts each case by
//! callgrind and tells where they go; `-- count CASE TIMES` is what callgrind then runs. Functions have names where the build
//! kept them:
//!
//!     CARGO_PROFILE_BENCH_STRIP=none cargo bench -p provisioner-policy -- count

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use provisioner_policy::{Membership, OnServer, Planner, Recent, UserIx, World};

use crate::people;

const PEOPLE: usize = 100_000;

/// How many functions are told, those that most of it is spent in.
const FUNCTIONS: usize = 8;

/// Makes what is counted; the making is not.
type Prepare = fn() -> Box<dyn FnMut()>;

/// What is counted: its name, and what makes it.
const CASES: [(&str, Prepare); 5] = [
    ("everybody-judged", || cold(people::settled(PEOPLE, people::ROOMS))),
    ("everybody-to-join", || cold(people::with_accounts(PEOPLE, people::ROOMS))),
    ("nothing-changed", || Box::new(warm(|_, _| ()))),
    ("one-account-changed", || {
        let mut locked = false;
        Box::new(warm(move |world, one| {
            locked = !locked;
            world.set_there(one, OnServer { present: true, locked, ..OnServer::default() });
        }))
    }),
    ("one-membership-changed", || {
        let mut joined = true;
        Box::new(warm(move |world, one| {
            joined = !joined;
            let room = world.room_by_key("red-room").expect("the policy has it");
            world.set_member(room, one, if joined { Membership::Join } else { Membership::Removed }, None);
        }))
    }),
];

fn cold(mut world: World) -> Box<dyn FnMut()> {
    Box::new(move || drop(black_box(Planner::default().plan(&mut world, &Recent::default()))))
}

/// A planner that has evaluated everybody, and what changes before each further plan.
fn warm(mut change: impl FnMut(&mut World, UserIx)) -> impl FnMut() {
    let (mut world, mut planner) = (people::settled(PEOPLE, people::ROOMS), Planner::default());
    let one = world.intern(&people::mxid(PEOPLE / 2));
    planner.plan(&mut world, &Recent::default());
    move || {
        change(&mut world, one);
        drop(black_box(planner.plan(&mut world, &Recent::default())));
    }
}

/// What callgrind counts: it knows this function by its name.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

/// Does one case so often, for callgrind to count.
pub(crate) fn run(case: &str, times: u32) {
    let (_, prepare) = CASES.iter().find(|(name, _)| *name == case).expect("one of the cases");
    let mut work = prepare();
    (0..times).for_each(|_| counted(&mut work));
}

/// Counts each case, and tells the functions that most of it is spent in.
pub(crate) fn measure() {
    let myself = std::env::current_exe().expect("this runs from a file");
    let counts = std::env::temp_dir().join(format!("callgrind.{}", std::process::id()));
    for (case, _) in CASES {
        let status = Command::new("valgrind")
            .args(["--quiet", "--tool=callgrind", "--toggle-collect=*count*counted*"])
            .arg(format!("--callgrind-out-file={}", counts.display()))
            .arg(&myself)
            .args(["count", case, "1"])
            .status()
            .expect("valgrind is installed");
        assert!(status.success(), "{case} failed");
        println!("instructions: {case}, {} accounts", PEOPLE);
        tell(&counts);
    }
    std::fs::remove_file(counts).expect("callgrind wrote it");
}

fn tell(counts: &Path) {
    let annotated = Command::new("callgrind_annotate").args(["--threshold=95", "--auto=no"]).arg(counts).output();
    let annotated = annotated.expect("it comes with valgrind");
    let text = String::from_utf8_lossy(&annotated.stdout);
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    for line in lines.take(FUNCTIONS + 1) {
        // The file before the name and the binary after it are of no use here.
        let (line, _) = line.split_once(" [").unwrap_or((line, ""));
        let (numbers, name) = line.split_once(")  ").unwrap_or((line, ""));
        let name = name.split_once(':').filter(|(file, _)| file.contains(['?', '/'])).map_or(name, |(_, name)| name);
        println!("  {numbers})  {name}");
    }
}
