//! The service beside the bare handler, in turns, so that both see the same machine.

use std::time::Duration;

use crate::clock;

/// Rounds of each; the middle one counts.
const ROUNDS: usize = 61;

/// A round is repeated until it takes about this long.
const ROUND: Duration = Duration::from_millis(15);

/// CPU time of one transaction, in both.
#[derive(Debug)]
pub(crate) struct Ratio {
    pub(crate) service: Duration,
    pub(crate) bare: Duration,
    /// The 10th, 50th and 90th of 100 rounds' ratios.
    pub(crate) spread: [f64; 3],
}

/// Measures one against the other; both do one transaction when called.
pub(crate) fn measure(mut service: impl FnMut(), mut bare: impl FnMut()) -> Ratio {
    let times = repeats(&mut bare).min(repeats(&mut service));
    let mut rounds: Vec<(Duration, Duration)> = (0..ROUNDS)
        .map(|round| {
            // Who goes first finds the caches as the other left them.
            if round % 2 == 0 {
                let service = cost(times, &mut service);
                (service, cost(times, &mut bare))
            } else {
                let bare = cost(times, &mut bare);
                (cost(times, &mut service), bare)
            }
        })
        .collect();
    Ratio::of(&mut rounds)
}

impl Ratio {
    /// Of rounds, each the cost of one transaction in the service and in the bare handler.
    pub(crate) fn of(rounds: &mut [(Duration, Duration)]) -> Self {
        rounds.sort_by(|one, other| quotient(one).total_cmp(&quotient(other)));
        let at = |hundredths: usize| rounds[(rounds.len() - 1) * hundredths / 100];
        let (service, bare) = at(50);
        Self { service, bare, spread: [10, 50, 90].map(|hundredths| quotient(&at(hundredths))) }
    }

    pub(crate) fn print(&self, what: &str) {
        let Self { service, bare, spread: [low, middle, high] } = self;
        let micros = |time: &Duration| time.as_secs_f64() * 1e6;
        println!(
            "{what:<58} {:>9.2} µs {:>9.2} µs   {middle:.2} ({low:.2} to {high:.2})",
            micros(service),
            micros(bare)
        );
    }

    pub(crate) fn print_head(measured: &str) {
        println!("\n{measured:<58} {:>12} {:>12}   ratio (10th to 90th of 100)", "service", "bare");
    }
}

fn repeats(work: &mut impl FnMut()) -> u32 {
    let mut times = 1;
    while cost(times, work) * times < ROUND {
        times *= 2;
    }
    times
}

fn cost(times: u32, work: &mut impl FnMut()) -> Duration {
    let start = clock::now();
    (0..times).for_each(|_| work());
    (clock::now() - start) / times
}

fn quotient((service, bare): &(Duration, Duration)) -> f64 {
    service.as_secs_f64() / bare.as_secs_f64()
}
