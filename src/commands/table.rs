//! The one table of commands: parser, help and "did you mean" come from it.

use super::text::who::Who;

/// What somebody asks for, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StaffRequest {
    Help,
    Status,
    Plan { all: bool },
    Apply { id: String },
    Explain(Who),
    History(Option<Who>),
    Provision(Who),
    Sync,
    Rejoin { who: Who, room: String },
    Follow { room: String },
    Pause,
    Resume,
    Doctor,
}

/// A word after the command's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    User,
    OptionalUser,
    Room,
    HeldId,
    /// The word `all`, or nothing.
    OptionalAll,
}

impl Argument {
    /// As the help shows it.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Self::User => "<user>",
            Self::OptionalUser => "[user]",
            Self::Room => "<room>",
            Self::HeldId => "<id>",
            Self::OptionalAll => "[all]",
        }
    }

    pub(crate) fn is_optional(self) -> bool {
        matches!(self, Self::OptionalUser | Self::OptionalAll)
    }
}

/// The arguments that were given, read.
#[derive(Debug, Default)]
pub(crate) struct GivenArguments {
    pub(crate) who: Option<Who>,
    pub(crate) room: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) all: bool,
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
    /// Whether it changes something: such a command is never run a second time.
    pub(crate) acts: bool,
    /// Nothing where an argument that is not optional is missing.
    pub(crate) make: fn(GivenArguments) -> Option<StaffRequest>,
}

impl StaffCommand {
    /// Name and arguments, as they are typed.
    pub(crate) fn usage(&self) -> String {
        self.arguments.iter().fold(self.name.to_owned(), |usage, argument| format!("{usage} {}", argument.shown()))
    }
}

/// The command with this name.
pub(crate) fn command(name: &str) -> Option<&'static StaffCommand> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// Every command, in the order of the help.
pub(crate) static COMMANDS: [StaffCommand; 13] = [
    StaffCommand {
        name: "help",
        arguments: &[],
        help: "this list",
        example: "help",
        acts: false,
        make: |_| Some(StaffRequest::Help),
    },
    StaffCommand {
        name: "status",
        arguments: &[],
        help: "modes, rooms, last pass, and what is held",
        example: "status",
        acts: false,
        make: |_| Some(StaffRequest::Status),
    },
    StaffCommand {
        name: "plan",
        arguments: &[Argument::OptionalAll],
        help: "what would be done now, and why",
        example: "plan all",
        acts: false,
        make: |given| Some(StaffRequest::Plan { all: given.all }),
    },
    StaffCommand {
        name: "apply",
        arguments: &[Argument::HeldId],
        help: "carry out what the guard holds, exactly as it was shown",
        example: "apply 3f9c01ab",
        acts: true,
        make: |given| Some(StaffRequest::Apply { id: given.id? }),
    },
    StaffCommand {
        name: "explain",
        arguments: &[Argument::User],
        help: "why somebody is, or is not, in each room",
        example: "explain 8f2c1d4e-0b7a-4c55-9d5e-2f1f6c1a7b90",
        acts: false,
        make: |given| Some(StaffRequest::Explain(given.who?)),
    },
    StaffCommand {
        name: "history",
        arguments: &[Argument::OptionalUser],
        help: "what was done, newest first",
        example: "history @8f2c1d4e-0b7a-4c55-9d5e-2f1f6c1a7b90:example.org",
        acts: false,
        make: |given| Some(StaffRequest::History(given.who)),
    },
    StaffCommand {
        name: "provision",
        arguments: &[Argument::User],
        help: "make sure that somebody who belongs here has an account and their rooms",
        example: "provision somebody@example.org",
        acts: true,
        make: |given| Some(StaffRequest::Provision(given.who?)),
    },
    StaffCommand {
        name: "sync",
        arguments: &[],
        help: "read everything again and do what is due, now",
        example: "sync",
        acts: true,
        make: |_| Some(StaffRequest::Sync),
    },
    StaffCommand {
        name: "rejoin",
        arguments: &[Argument::User, Argument::Room],
        help: "join somebody again who left a room by choice",
        example: "rejoin 8f2c1d4e-0b7a-4c55-9d5e-2f1f6c1a7b90 staff",
        acts: true,
        make: |given| Some(StaffRequest::Rejoin { who: given.who?, room: given.room? }),
    },
    StaffCommand {
        name: "follow",
        arguments: &[Argument::Room],
        help: "move a room's policy to the room that replaced it",
        example: "follow staff",
        acts: true,
        make: |given| Some(StaffRequest::Follow { room: given.room? }),
    },
    StaffCommand {
        name: "pause",
        arguments: &[],
        help: "stop every write at once, until resume",
        example: "pause",
        acts: true,
        make: |_| Some(StaffRequest::Pause),
    },
    StaffCommand {
        name: "resume",
        arguments: &[],
        help: "go on after pause",
        example: "resume",
        acts: true,
        make: |_| Some(StaffRequest::Resume),
    },
    StaffCommand {
        name: "doctor",
        arguments: &[],
        help: "check that everything the service needs is there",
        example: "doctor",
        acts: false,
        make: |_| Some(StaffRequest::Doctor),
    },
];
