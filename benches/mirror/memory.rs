//! Memory of reading a room of a million: each case in a process of its own, so that its peak is its own.

use std::hint::black_box;
use std::process::Command;

use crate::bare::Bare;
use crate::read::Reader;
use crate::synapse::Synapse;
use crate::{MEMBERS, OTHERS, clock, resident};

/// What is made of what is answered at a URL, and measured.
type Made = fn(&str);

/// What is measured: its name, and how it is made.
const CASES: [(&str, Made); 6] = [
    ("nothing read", |url| keep(Reader::new(url), MEMBERS)),
    ("members as bytes alone", |url| keep(Bare::new(url).members(), MEMBERS)),
    ("members listed", |url| keep(Reader::new(url).joined_members(), MEMBERS)),
    ("others listed", |url| keep(Reader::new(url).other_members(), OTHERS)),
    ("members and others, into a world that knew nobody", |url| read(url, 1)),
    ("the same, read a second time", |url| read(url, 2)),
];

fn read(url: &str, times: usize) {
    let reader = Reader::new(url);
    let mut world = reader.world();
    for _ in 0..times {
        let began = clock::now();
        reader.observe(&mut world);
        println!("  read in {:.0} ms of one core", (clock::now() - began).as_secs_f64() * 1e3);
    }
    keep(world, MEMBERS + OTHERS);
}

fn keep<T>(made: T, people: usize) {
    let (now, peak) = resident::now_and_peak();
    println!(
        "  {:.1} MiB now, {:.1} MiB at its peak; {:.0} and {:.0} bytes a person",
        now / 1_048_576.0,
        peak / 1_048_576.0,
        now / people as f64,
        peak / people as f64
    );
    black_box(made);
}

/// Makes the one case that this process is for.
pub(crate) fn make(name: &str, url: &str) {
    CASES.iter().filter(|(one, _)| *one == name).for_each(|(_, make)| make(url));
}

/// Measures each case in a process of its own.
pub(crate) fn measure() {
    let synapse = Synapse::start(MEMBERS, OTHERS);
    let myself = std::env::current_exe().expect("this runs from a file");
    for (name, _) in CASES {
        println!("memory: {name}");
        let status = Command::new(&myself).args(["case", name, synapse.url()]).status().expect("this can be run again");
        assert!(status.success(), "{name} failed");
    }
}
