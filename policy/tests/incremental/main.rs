//! The planner that remembers, beside the one that does not: over random histories both give the same plan, and only whom
//! something has changed about is judged again.

mod carry_out;
mod happen;
mod histories;
mod policies;
mod settled;
mod steps;
mod values;

const SERVER: &str = "phenom.test";
const BOT: &str = "@bot:phenom.test";
const USERS: u8 = 16;

fn mxid(number: u8) -> String {
    // A few users of another server, whom no source can name.
    if number >= 14 { format!("@u{number}:other.test") } else { format!("@u{number}:{SERVER}") }
}
