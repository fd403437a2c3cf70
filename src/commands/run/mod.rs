//! The one table of commands, and what each does: one file a command, or a pair. Parser, help and "did you mean" come from the
//! table. A handler reads the world through the reconciler or asks for a pass, and returns a reply; it writes nothing to the
//! homeserver.

mod apply;
mod brake;
mod doctor;
mod explain;
mod failure;
mod follow;
mod grouped;
mod help;
mod history;
mod pass;
mod people;
mod plan;
mod provision;
mod rejoin;
mod status;

use futures_util::future::BoxFuture;

use crate::commands::room::desk::Desk;
use crate::commands::room::turn::Requester;
use crate::commands::text::parse::Argument;
use crate::reconcile::ActionGate;

pub(crate) use failure::{CommandFailure, CommandResult};
#[cfg(test)]
pub(crate) use grouped::GroupKey;
pub(crate) use grouped::{PlanLine, grouped, plan_lines};
pub(crate) use pass::{counts, outcome};
pub(crate) use plan::{held_because, sentences};

/// What a command does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only reads: after a restart it is run again.
    Reads,
    /// It changes something: it is never run a second time.
    Acts,
    /// The same, and before the service acts on what was read to admit the sender.
    ActsFirst,
}

/// One command.
#[derive(Debug)]
pub(crate) struct StaffCommand {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [Argument],
    /// One line, after the name.
    pub(crate) help: &'static str,
    /// What somebody might type after the prefix.
    pub(crate) example: &'static str,
    pub(crate) effect: Effect,
    pub(crate) run: for<'a> fn(Call<'a>) -> BoxFuture<'a, CommandResult>,
}

/// A command as it is run. What the sender did not give is empty.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) desk: &'a Desk,
    /// The MXID of the user that the command is about.
    pub(crate) user: &'a str,
    pub(crate) room: &'a str,
    pub(crate) held_id: &'a str,
    pub(crate) all: bool,
    /// Which command `help` is about; all of them where it is left out.
    pub(crate) about: Option<&'static StaffCommand>,
    /// The sender, and their turn.
    pub(crate) by: Requester<'a>,
    /// There for [`Effect::ActsFirst`].
    pub(crate) gate: Option<ActionGate>,
}

impl StaffCommand {
    /// Whether it is about a user.
    pub(crate) fn takes_user(&self) -> bool {
        matches!(self.arguments.first(), Some(Argument::User | Argument::OptionalUser))
    }

    /// Name and arguments, as they are typed.
    pub(crate) fn usage(&self) -> String {
        self.arguments.iter().fold(self.name.to_owned(), |usage, argument| format!("{usage} {}", argument.shown()))
    }
}

/// The names of those that only read: the ledger has them too, and mostly nobody looks for them there.
pub fn commands_that_read() -> Vec<String> {
    let reading = COMMANDS.iter().filter(|command| command.effect == Effect::Reads);
    reading.map(|command| command.name.to_owned()).collect()
}

/// The command with this name.
pub(crate) fn command(name: &str) -> Option<&'static StaffCommand> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// Every command, in the order of the help.
pub(crate) static COMMANDS: &[StaffCommand] = &[
    StaffCommand {
        name: "help",
        arguments: &[Argument::OptionalCommand],
        help: "this list, or one command with an example",
        example: "help rejoin",
        effect: Effect::Reads,
        run: |call| Box::pin(std::future::ready(Ok(call.desk.help(call.about)))),
    },
    StaffCommand {
        name: "status",
        arguments: &[],
        help: "what is wrong, what is held, each room, and the last pass",
        example: "status",
        effect: Effect::Reads,
        run: |call| Box::pin(call.desk.status()),
    },
    StaffCommand {
        name: "plan",
        arguments: &[Argument::OptionalAll],
        help: "what would be done now, and why",
        example: "plan all",
        effect: Effect::Reads,
        run: |call| Box::pin(call.desk.plan(call.all)),
    },
    StaffCommand {
        name: "apply",
        arguments: &[Argument::HeldId],
        help: "carry out what the guard holds, exactly as it was shown",
        example: "apply 3f9c01ab",
        effect: Effect::Acts,
        run: |call| Box::pin(call.desk.apply(call.held_id, call.by)),
    },
    StaffCommand {
        name: "explain",
        arguments: &[Argument::User],
        help: "why somebody is, or is not, in each room",
        example: "explain 8f2c1d4e-0b7a-4c55-9d5e-2f1f6c1a7b90",
        effect: Effect::Reads,
        run: |call| Box::pin(call.desk.explain(call.user)),
    },
    StaffCommand {
        name: "history",
        arguments: &[Argument::OptionalUser],
        help: "what was done, newest first",
        example: "history @8f2c1d4e-0b7a-4c55-9d5e-2f1f6c1a7b90:example.org",
        effect: Effect::Reads,
        run: |call| Box::pin(call.desk.history(call.user)),
    },
    StaffCommand {
        name: "provision",
        arguments: &[Argument::User],
        help: "make sure that somebody who belongs here has an account and their rooms",
        example: "provision somebody@example.org",
        effect: Effect::Acts,
        run: |call| Box::pin(call.desk.provision(call.user, call.by)),
    },
    StaffCommand {
        name: "sync",
        arguments: &[],
        help: "read everything again and do what is due, now",
        example: "sync",
        effect: Effect::ActsFirst,
        run: |call| Box::pin(call.desk.sync(call.by, call.gate)),
    },
    StaffCommand {
        name: "rejoin",
        arguments: &[Argument::User, Argument::Room],
        help: "join somebody again who left a room by choice",
        example: "rejoin 8f2c1d4e-0b7a-4c55-9d5e-2f1f6c1a7b90 staff",
        effect: Effect::Acts,
        run: |call| Box::pin(call.desk.rejoin(call.user, call.room, call.by)),
    },
    StaffCommand {
        name: "follow",
        arguments: &[Argument::Room],
        help: "move a room's policy to the room that replaced it",
        example: "follow staff",
        effect: Effect::Acts,
        run: |call| Box::pin(call.desk.follow(call.room, call.by.sender)),
    },
    StaffCommand {
        name: "pause",
        arguments: &[],
        help: "stop every write at once, until resume",
        example: "pause",
        effect: Effect::ActsFirst,
        run: |call| Box::pin(call.desk.pause(call.by.sender, call.gate)),
    },
    StaffCommand {
        name: "resume",
        arguments: &[],
        help: "go on after pause",
        example: "resume",
        effect: Effect::Acts,
        run: |call| Box::pin(call.desk.resume(call.by)),
    },
    StaffCommand {
        name: "doctor",
        arguments: &[],
        help: "check that everything the service needs is there",
        example: "doctor",
        effect: Effect::Reads,
        run: |call| Box::pin(call.desk.doctor()),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_staff_room_lists_these_commands() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/staff-room.md");
        let page = std::fs::read_to_string(page).unwrap();
        let table = page.split("## What to say").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
        // `pause`, `resume`: those that follow in the same cell stand without the prefix.
        let cells = table.lines().filter_map(|line| line.strip_prefix("| `!provisioner ")?.split('|').next());
        let mut listed: Vec<&str> = cells.flat_map(|cell| cell.trim().trim_end_matches('`').split("`, `")).collect();
        let mut usages: Vec<String> = COMMANDS.iter().map(StaffCommand::usage).collect();
        listed.sort_unstable();
        usages.sort_unstable();
        assert_eq!(listed, usages, "docs/staff-room.md, What to say (left) and COMMANDS (right)");
    }

    #[test]
    fn every_command_is_given_in_a_journey() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journeys")).unwrap();
        let files =
            folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|its| its == "rs"));
        let journeys: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let is_given =
            |name: &str| [format!("\"{name}"), format!("!provisioner {name}")].iter().any(|one| journeys.contains(one));
        let names = COMMANDS.iter().map(|command| command.name);
        let forgotten: Vec<&str> = names.filter(|name| !is_given(name)).collect();
        assert!(forgotten.is_empty(), "tests/journeys/staff.rs: ask for {forgotten:?} and keep the answer");
    }
}
