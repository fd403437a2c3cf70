//! What libFuzzer makes of a door's corpus goes through the door that `tests/doors/` walks. `DOOR` says which.
//!
//! An input is the name of a file of the corpus, an end of line, and bytes: two doors ask by the name what the bytes answer. The
//! name stays as it is. Half of the inputs are what libFuzzer makes of the bytes, and half have the damage of `tests/doors/`,
//! which keeps JSON whole for longer.

#![no_main]

#[path = "../../tests/doors/main.rs"]
mod doors;

use doors::Check;
use doors::hostile::Hostile;
use doors::hostile::damage::{byte_damage, damaged, tree_damage};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target, fuzzer_mutate};
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

thread_local! {
    /// Opened once: libFuzzer calls from one thread.
    static DOOR: Check = doors::open(&std::env::var("DOOR").unwrap_or_default());
}

/// Where the bytes begin.
fn start(input: &[u8]) -> Option<usize> {
    input.iter().position(|byte| *byte == b'\n').map(|end| end + 1)
}

fn check(input: &[u8]) -> Corpus {
    let Some((name, bytes)) = start(input).map(|start| input.split_at(start)) else { return Corpus::Reject };
    let Ok(seed) = std::str::from_utf8(name) else { return Corpus::Reject };
    let hostile = Hostile { seed: seed.trim_end(), bytes };
    match DOOR.with(|door| door(&hostile)) {
        Ok(_) => Corpus::Keep,
        Err(TestCaseError::Reject(_)) => Corpus::Reject,
        Err(TestCaseError::Fail(why)) => panic!("{why}\n{hostile}"),
    }
}

/// Damages the bytes, and says how many there are then; nothing where there would be too many.
fn damage(bytes: &mut [u8], size: usize, most: usize, seed: u32) -> Option<usize> {
    let config = Config { failure_persistence: None, rng_seed: RngSeed::Fixed(seed.into()), ..Config::default() };
    let damages = (vec(tree_damage(), 0..3), vec(byte_damage(), 0..2));
    let (in_tree, in_bytes) = damages.new_tree(&mut TestRunner::new(config)).ok()?.current();
    // What is grafted comes from the input itself; libFuzzer crosses it with others.
    let own = [(String::new(), bytes[..size].to_vec())];
    let after = damaged(&bytes[..size], &in_tree, &in_bytes, &own);
    let is_short = after.len() <= most;
    is_short.then(|| bytes[..after.len()].copy_from_slice(&after))?;
    Some(after.len())
}

fuzz_target!(init: DOOR.with(|_| ()), |input: &[u8]| -> Corpus { check(input) });

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let start = start(&data[..size]).unwrap_or_default();
    if max_size <= start {
        return size;
    }
    let (bytes, before, most) = (&mut data[start..], size - start, max_size - start);
    let damaged = if seed % 2 == 0 { damage(bytes, before, most, seed) } else { None };
    start + damaged.unwrap_or_else(|| fuzzer_mutate(bytes, before, most))
});
