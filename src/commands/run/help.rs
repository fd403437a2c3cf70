//! `help`, and the reply to words that could not be parsed. Both come from the table.

use crate::commands::room::desk::Desk;
use crate::commands::run::{COMMANDS, Effect, StaffCommand};
use crate::commands::text::parse::{Argument, Misread};
use crate::commands::text::reply::{Piece, Reply, code, text};

/// For somebody who was named as people are called.
pub(crate) const NOT_BY_NAME: &str = "A name is not enough: mention them (@…), or give their Matrix id.";

const USERS: &str = "A user is a Matrix id, a subject, an e-mail address, a mention or a link to them.";

impl Desk {
    /// One command, or every one.
    pub(crate) fn help(&self, about: Option<&StaffCommand>) -> Reply {
        match about {
            Some(command) => self.help_of_one(command),
            None => self.help_of_all(),
        }
    }

    fn help_of_one(&self, command: &StaffCommand) -> Reply {
        let effect = match command.effect {
            Effect::Reads => "It changes nothing.",
            Effect::Acts | Effect::ActsFirst => "It acts, and the ledger says that you asked for it.",
        };
        let reply = Reply::line([code(self.typed(&command.usage())), text(format!(": {}.", command.help))])
            .and([text("For example "), code(self.typed(command.example))])
            .and([text(effect)]);
        command.arguments.iter().fold(reply, |reply, argument| match argument {
            Argument::User | Argument::OptionalUser => reply.and([text(USERS)]),
            Argument::Room => reply.and_pieces(self.rooms()),
            Argument::HeldId => reply.and([
                text("The id of a held plan stands in its message, and in the answer to "),
                code(self.typed("plan")),
            ]),
            Argument::OptionalAll | Argument::OptionalCommand => reply,
        })
    }

    fn help_of_all(&self) -> Reply {
        let entry = |command: &StaffCommand| vec![code(command.usage()), text(format!(": {}", command.help))];
        Reply::line([text("Say "), code(&self.staff.prefix), text(" and one of these:")])
            .and_list(COMMANDS.iter().map(entry))
            .and([text("<…> is to be filled in, […] may be left out. "), text(USERS)])
            .and_pieces(self.rooms())
            .and([text("A message that asks about something held is answered by a tap: ✅ does it, ❌ leaves it.")])
    }

    fn rooms(&self) -> Vec<Piece> {
        [text("The rooms are ")].into_iter().chain(listed(self.staff.rooms.iter().map(code))).collect()
    }

    /// Says what is wrong with the words. None of them is repeated: they may be anything.
    pub(crate) fn what_is_wrong(&self, misread: Misread) -> Reply {
        match misread {
            Misread::Unknown(Some(nearest)) => Reply::line([
                text("There is no such command. Did you mean "),
                code(self.typed(nearest)),
                text("? All of them: "),
                code(self.typed("help")),
            ]),
            Misread::Unknown(None) => {
                Reply::line([text("There is no such command. All of them: "), code(self.typed("help"))])
            }
            Misread::Missing(command, argument) => {
                let missing = match argument {
                    Argument::User | Argument::OptionalUser => "Which user? ",
                    Argument::Room => "Which room? ",
                    Argument::HeldId => "Which plan? The message that shows it has its id. ",
                    Argument::OptionalAll | Argument::OptionalCommand => "What? ",
                };
                self.usage(missing, command)
            }
            Misread::Wrong(command, argument) => {
                let wrong = match argument {
                    Argument::User | Argument::OptionalUser => {
                        return self.usage(&format!("That names nobody. {NOT_BY_NAME} "), command);
                    }
                    Argument::Room => "That is no room. ",
                    Argument::HeldId => "That is no id of a held plan, which is eight letters a-f and digits. ",
                    Argument::OptionalAll => "After this only \"all\" may stand. ",
                    Argument::OptionalCommand => "That is no command. ",
                };
                self.usage(wrong, command)
            }
            Misread::TooMany(command) if command.takes_user() => {
                self.usage(&format!("That is more than this command takes. {NOT_BY_NAME} "), command)
            }
            Misread::TooMany(command) => self.usage("That is more than this command takes. ", command),
            Misread::NoSuchRoom(_, near) => {
                let mut line = vec![text("There is no such room. ")];
                if let Some(near) = near.and_then(|near| self.staff.rooms.get(near)) {
                    line.extend([text("Did you mean "), code(near), text("? ")]);
                }
                line.extend(self.rooms());
                Reply::default().and_pieces(line)
            }
        }
    }

    fn usage(&self, lead: &str, command: &StaffCommand) -> Reply {
        let mut line = vec![text(lead), text("Say "), code(self.typed(&command.usage()))];
        if !command.arguments.is_empty() {
            line.extend([text(", for example "), code(self.typed(command.example))]);
        }
        Reply::default().and_pieces(line)
    }
}

/// `a, b and c`, each as it is made.
fn listed(pieces: impl IntoIterator<Item = Piece>) -> Vec<Piece> {
    let mut listed = Vec::new();
    for piece in pieces {
        if !listed.is_empty() {
            listed.push(text(", "));
        }
        listed.push(piece);
    }
    listed
}
