//! A walk: the corpus of a door as it is, and damaged in every way that a stranger has.
//!
//! One input is one file of the corpus with a few damages, first those of its JSON tree (where it is JSON), then those of its bytes.
//! 10,000 inputs a door are the same in each run; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` say more, and others. What fails is
//! shrunk to the fewest damages. A door is only shown where some inputs are taken and some refused, so `walk` asks for both.

use std::cell::Cell;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use super::damage::{byte_damage, damaged, tree_damage};
use super::{Hostile, Verdict};

/// Inputs a door, and the seed of them, where the environment says nothing.
const INPUTS: u32 = 10_000;
const SEED: u64 = 20_261_129;

/// Sends the corpus in this folder of the repository through a door, as it is and damaged.
pub(crate) fn walk(folder: &str, door: impl Fn(&Hostile<'_>) -> Verdict) {
    walk_with(INPUTS, folder, door);
}

/// The same with so many inputs, where the environment says nothing.
pub(crate) fn walk_with(inputs: u32, folder: &str, door: impl Fn(&Hostile<'_>) -> Verdict) {
    let corpus = corpus(folder);
    for (seed, bytes) in &corpus {
        door(&Hostile { seed, bytes }).unwrap_or_else(|error| panic!("{seed}: {error}"));
    }
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = inputs;
    }
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    let (inputs, taken) = (config.cases, Cell::new(0_u32));
    let damages =
        (any::<Index>(), prop::collection::vec(tree_damage(), 0..4), prop::collection::vec(byte_damage(), 0..3));
    let walked = TestRunner::new(config).run(&damages, |(at, in_tree, in_bytes)| {
        let (seed, bytes) = &corpus[at.index(corpus.len())];
        let bytes = damaged(bytes, &in_tree, &in_bytes, &corpus);
        let hostile = Hostile { seed, bytes: &bytes };
        let was_taken = door(&hostile).map_err(|error| match error {
            TestCaseError::Fail(why) => TestCaseError::fail(format!("{why}\n{hostile}")),
            other => other,
        })?;
        taken.set(taken.get() + u32::from(was_taken));
        Ok(())
    });
    if let Err(error) = walked {
        panic!("{folder}: {error}");
    }
    let share = taken.get() * 100 / inputs;
    println!("{folder}: {inputs} inputs, {} taken", taken.get());
    assert!((1..100).contains(&share), "{folder}: {share} % of the inputs are taken, which shows little");
}

/// The files of a folder, each with its name, in order.
fn corpus(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut corpus: Vec<(String, Vec<u8>)> = files
        .map(|file| file.expect("the folder can be listed").path())
        .map(|file| {
            let name = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            (name, std::fs::read(&file).expect("the corpus can be read"))
        })
        .collect();
    corpus.sort();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    corpus
}
