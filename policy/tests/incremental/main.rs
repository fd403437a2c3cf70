//! The planner that remembers, beside the one that does not: over random histories both give the same plan, and only
//! users about which something has changed are evaluated again.

mod carry_out;
mod happen;
mod histories;
mod policies;
mod read_again;
mod settled;
mod steps;
mod unknown;
mod values;

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";
const USERS: u8 = 16;

/// Some names begin alike for longer than plans compare at first, and one is the bot's.
fn localpart(number: u8) -> String {
    match number {
        13 => "bot".into(),
        _ if number.is_multiple_of(2) => format!("somebody{number}"),
        _ => format!("u{number}"),
    }
}

fn mxid(number: u8) -> String {
    // A few users of another server, which no source can name.
    format!("@{}:{}", localpart(number), if number >= 14 { "other.test" } else { SERVER })
}
