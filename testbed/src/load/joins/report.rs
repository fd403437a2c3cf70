//! What joins in bulk cost, for people to read.

use std::time::Duration;

use super::{Joins, JoinsFound, Turn, Who};
use crate::load::figures::{Report, milliseconds, number, ratio, seconds};

impl JoinsFound {
    /// For people to read.
    pub fn report(&self) -> Report {
        let Joins { people, rooms, .. } = self.asked;
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (at, round) in self.rounds.iter().enumerate() {
            let first = round.first().map_or("", |turn| turn.who.word());
            let of = |who: Who| sum(round.iter().filter(|turn| turn.who == who));
            rows.push(row((at + 1).to_string(), first, [Who::Service, Who::Bot, Who::Admin].map(of)));
        }
        let all = [Who::Service, Who::Bot, Who::Admin].map(|who| sum(self.of(who)));
        let a_join =
            |turn: &Turn, what: Duration| milliseconds(what / u32::try_from(turn.joins.max(1)).unwrap_or(u32::MAX));
        let remarks = all.iter().map(|turn| {
            format!(
                "A join by the {}: {}, of them Synapse had nothing to do for {}; {} of Synapse's CPU.",
                turn.who.word(),
                a_join(turn, turn.took * u32::try_from(rooms).unwrap_or(u32::MAX)),
                milliseconds(turn.pause),
                a_join(turn, turn.synapse_cpu)
            )
        });
        let mut remarks: Vec<String> = remarks.collect();
        remarks.push(format!(
            "The middle round, and the 10th to the 90th of 100: {} of the bot's loop's time, {} of its CPU.",
            self.spread(|turn| turn.took),
            self.spread(|turn| turn.synapse_cpu)
        ));
        remarks.push(
            "The bot's loop has the service's token, and Synapse pushes its events to the service, too; the admin's has no\n\
             application service in its rooms. Times run from the webhook, or a loop's first call, until Synapse's database\n\
             has the last member. The service's calls are joins + all others, until five seconds passed without any."
                .to_owned(),
        );
        rows.push(row("all".to_owned(), "", all));
        Report {
            title: format!("{people} people join {rooms} invite-only room(s), in fresh rooms each round"),
            headings: vec![
                "round",
                "first",
                "service",
                "bot's loop",
                "admin's loop",
                "time/bot",
                "time/admin",
                "CPU/bot",
                "CPU/admin",
                "service's calls",
                "calls/bot",
            ],
            rows,
            remarks,
        }
    }

    /// The service beside the bot's loop, round by round: what the machine does beside this comes and goes.
    fn spread(&self, of: impl Fn(&Turn) -> Duration) -> String {
        let mut ratios: Vec<f64> = self
            .of(Who::Service)
            .zip(self.of(Who::Bot))
            .map(|(service, bot)| of(service).as_secs_f64() / of(bot).as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        let at = |hundredths: usize| ratios.get(ratios.len().saturating_sub(1) * hundredths / 100);
        let [low, middle, high] = [10, 50, 90].map(|hundredths| at(hundredths).copied().unwrap_or(f64::NAN));
        format!("{middle:.3} ({low:.3} to {high:.3})")
    }
}

fn row(label: String, first: &str, [service, bot, admin]: [Turn; 3]) -> Vec<String> {
    let beside = |of: fn(&Turn) -> Duration, bare: &Turn| ratio(of(&service).as_secs_f64(), of(bare).as_secs_f64());
    vec![
        label,
        first.to_owned(),
        seconds(service.took),
        seconds(bot.took),
        seconds(admin.took),
        beside(|turn| turn.took, &bot),
        beside(|turn| turn.took, &admin),
        beside(|turn| turn.synapse_cpu, &bot),
        beside(|turn| turn.synapse_cpu, &admin),
        format!("{} + {}", service.joins, service.calls - service.joins),
        ratio(number(service.calls), number(bot.calls)),
    ]
}

impl Who {
    fn word(self) -> &'static str {
        match self {
            Who::Service => "service",
            Who::Bot => "bot",
            Who::Admin => "admin",
        }
    }
}

/// All of them as one; of the pauses the mean.
fn sum<'a>(turns: impl Iterator<Item = &'a Turn>) -> Turn {
    let turns: Vec<&Turn> = turns.collect();
    let add = |of: fn(&Turn) -> Duration| turns.iter().map(|turn| of(turn)).sum::<Duration>();
    let count = |of: fn(&Turn) -> usize| turns.iter().map(|turn| of(turn)).sum();
    Turn {
        who: turns.first().map_or(Who::Service, |turn| turn.who),
        took: add(|turn| turn.took),
        joins: count(|turn| turn.joins),
        calls: count(|turn| turn.calls),
        synapse_cpu: add(|turn| turn.synapse_cpu),
        pause: add(|turn| turn.pause) / u32::try_from(turns.len().max(1)).unwrap_or(u32::MAX),
    }
}
