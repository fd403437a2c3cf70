//! Parses what somebody typed to a [`StaffRequest`], by the table of commands. No input is echoed: errors are said in our own
//! words.

use crate::commands::run::{COMMANDS, StaffCommand, command};
use crate::commands::text::who::Who;
use crate::commands::text::words;
use crate::nearest::meant;

/// A message to us, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) text: String,
    /// The one user in `m.mentions`, where that names the user that the command is about.
    pub(crate) mention: Option<String>,
}

/// What the words are parsed against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grammar<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) server_name: &'a str,
    /// Keys of the rooms.
    pub(crate) rooms: &'a [String],
}

/// What somebody asks for, understood. Arguments that are not optional are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StaffRequest {
    pub(crate) command: &'static StaffCommand,
    pub(crate) given: GivenArguments,
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
    /// The name of a command, or nothing.
    OptionalCommand,
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
            Self::OptionalCommand => "[command]",
        }
    }

    pub(crate) fn is_optional(self) -> bool {
        matches!(self, Self::OptionalUser | Self::OptionalAll | Self::OptionalCommand)
    }
}

/// The arguments that were given, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GivenArguments {
    pub(crate) who: Option<Who>,
    pub(crate) room: Option<String>,
    pub(crate) held_id: Option<String>,
    pub(crate) all: bool,
    pub(crate) about: Option<&'static StaffCommand>,
}

/// Why the words make no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misread {
    /// There is no such command; the nearest, where one is near.
    Unknown(Option<&'static str>),
    /// This argument is missing.
    Missing(&'static StaffCommand, Argument),
    /// This argument is not what it should be.
    Wrong(&'static StaffCommand, Argument),
    /// There is no such room; the position of the nearest in [`Grammar::rooms`].
    NoSuchRoom(&'static StaffCommand, Option<usize>),
    /// More words than the command takes.
    TooMany(&'static StaffCommand),
}

impl PartialEq for StaffCommand {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for StaffCommand {}

/// Whether this is meant for us at all.
pub(crate) fn is_for_us(text: &str, prefix: &str) -> bool {
    words::after_prefix(text, prefix).is_some()
}

/// Parses a message. Returns `None` where it is not meant for us.
pub(crate) fn parse(spoken: &Spoken, grammar: Grammar<'_>) -> Option<Result<StaffRequest, Misread>> {
    let words = words::after_prefix(&spoken.text, grammar.prefix)?;
    let (name, arguments) =
        words.split_first().map_or(("help".to_owned(), &[][..]), |(name, rest)| (name.to_lowercase(), rest));
    let read = named(&name)
        .and_then(|command| read_arguments(command, arguments.to_vec(), spoken.mention.as_deref(), grammar));
    Some(read)
}

/// The command with this name.
fn named(name: &str) -> Result<&'static StaffCommand, Misread> {
    let names = COMMANDS.iter().map(|command| command.name);
    command(name).ok_or_else(|| Misread::Unknown(meant(name, names)))
}

fn read_arguments(
    command: &'static StaffCommand,
    mut words: Vec<String>,
    mention: Option<&str>,
    grammar: Grammar<'_>,
) -> Result<StaffRequest, Misread> {
    if let (true, Some(mention)) = (command.takes_user(), mention)
        && words.first().is_some_and(|word| Who::is_bare_word(word))
    {
        // The client wrote a display name, of any number of words, where the mention stands.
        let rest = command.arguments.len() - 1;
        let kept = words.split_off(words.len().saturating_sub(rest).max(1));
        words = std::iter::once(mention.to_owned()).chain(kept).collect();
    }
    let (mut given, mut words) = (GivenArguments::default(), words.iter());
    for argument in command.arguments {
        match words.next() {
            Some(word) => read_argument(command, *argument, word, &mut given, grammar)?,
            None if argument.is_optional() => {}
            None => return Err(Misread::Missing(command, *argument)),
        }
    }
    if words.next().is_some() {
        return Err(Misread::TooMany(command));
    }
    Ok(StaffRequest { command, given })
}

fn read_argument(
    command: &'static StaffCommand,
    argument: Argument,
    word: &str,
    given: &mut GivenArguments,
    grammar: Grammar<'_>,
) -> Result<(), Misread> {
    let wrong = Misread::Wrong(command, argument);
    match argument {
        Argument::User | Argument::OptionalUser => {
            given.who = Some(Who::parse(word, grammar.server_name).ok_or(wrong)?);
        }
        Argument::Room => {
            let key = word.trim_start_matches('#').to_lowercase();
            if !grammar.rooms.contains(&key) {
                let near = meant(&key, grammar.rooms.iter().map(String::as_str));
                let near = near.and_then(|near| grammar.rooms.iter().position(|room| room == near));
                return Err(Misread::NoSuchRoom(command, near));
            }
            given.room = Some(key);
        }
        Argument::HeldId => {
            let id = word.to_lowercase();
            let is_id = (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            given.held_id = Some(is_id.then_some(id).ok_or(wrong)?);
        }
        Argument::OptionalAll => {
            given.all = word.eq_ignore_ascii_case("all");
            if !given.all {
                return Err(wrong);
            }
        }
        Argument::OptionalCommand => given.about = Some(named(&word.to_lowercase())?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::commands::text::incoming::parse_incoming;

    fn rooms() -> Vec<String> {
        ["red-room", "staff", "analysts"].map(str::to_owned).to_vec()
    }

    fn read(text: &str, mention: Option<&str>) -> Option<Result<StaffRequest, Misread>> {
        let spoken = Spoken { text: text.to_owned(), mention: mention.map(str::to_owned) };
        parse(&spoken, Grammar { prefix: "!provisioner", server_name: "a.org", rooms: &rooms() })
    }

    fn say(text: &str) -> Result<StaffRequest, Misread> {
        read(&format!("!provisioner {text}"), None).expect("it has the prefix")
    }

    fn request(name: &str, given: GivenArguments) -> Result<StaffRequest, Misread> {
        Ok(StaffRequest { command: command(name).unwrap(), given })
    }

    fn bare(name: &str) -> Result<StaffRequest, Misread> {
        request(name, GivenArguments::default())
    }

    fn about(mxid: &str) -> GivenArguments {
        GivenArguments { who: Some(Who::Mxid(mxid.to_owned())), ..GivenArguments::default() }
    }

    fn of_room(room: &str) -> GivenArguments {
        GivenArguments { room: Some(room.to_owned()), ..GivenArguments::default() }
    }

    #[test]
    fn every_command_reads_its_own_example() {
        for command in COMMANDS {
            let read = say(command.example);
            assert!(read.is_ok(), "{}: {read:?}", command.name);
            assert!(command.example.starts_with(command.name));
        }
    }

    #[test]
    fn the_prefix_alone_asks_for_help() {
        assert_eq!(read("!provisioner", None), Some(bare("help")));
        assert_eq!(read("provisioner", None), None);
    }

    #[test]
    fn help_is_about_everything_or_about_one_command() {
        let about = |name| GivenArguments { about: command(name), ..GivenArguments::default() };
        assert_eq!(say("help"), bare("help"));
        assert_eq!(say("help Rejoin"), request("help", about("rejoin")));
        assert_eq!(say("help rejion"), Err(Misread::Unknown(Some("rejoin"))));
        assert!(matches!(say("help plan all"), Err(Misread::TooMany(_))));
    }

    #[test]
    fn a_typo_gets_the_nearest_command_and_nonsense_none() {
        assert_eq!(say("stauts"), Err(Misread::Unknown(Some("status"))));
        assert_eq!(say("hlep me"), Err(Misread::Unknown(Some("help"))));
        assert_eq!(say("rejion @a:b staff"), Err(Misread::Unknown(Some("rejoin"))));
        assert_eq!(say("somebody@example.org"), Err(Misread::Unknown(None)));
    }

    #[test]
    fn a_room_is_a_key_and_a_typo_gets_the_nearest() {
        assert_eq!(say("follow Staff"), request("follow", of_room("staff")));
        assert_eq!(say("follow #red-room"), request("follow", of_room("red-room")));
        assert!(matches!(say("follow red-rom"), Err(Misread::NoSuchRoom(_, Some(0)))));
        assert!(matches!(say("follow !abc:a.org"), Err(Misread::NoSuchRoom(_, None))));
    }

    #[test]
    fn wrong_arguments_are_told_apart() {
        assert!(matches!(say("explain"), Err(Misread::Missing(_, Argument::User))));
        assert!(matches!(say("rejoin ada"), Err(Misread::Missing(_, Argument::Room))));
        assert!(matches!(say("apply yes"), Err(Misread::Wrong(_, Argument::HeldId))));
        assert!(matches!(say("explain @"), Err(Misread::Wrong(_, Argument::User))));
        assert!(matches!(say("plan some"), Err(Misread::Wrong(_, Argument::OptionalAll))));
        assert!(matches!(say("pause now"), Err(Misread::TooMany(_))));
        assert_eq!(say("History"), bare("history"));
    }

    #[test]
    fn a_mention_stands_for_a_name_of_any_length() {
        let read = |text: &str| read(&format!("!provisioner {text}"), Some("@ada:a.org")).unwrap();
        assert_eq!(read("explain Ada"), request("explain", about("@ada:a.org")));
        assert_eq!(read("explain Ada the First"), request("explain", about("@ada:a.org")));
        assert_eq!(
            read("rejoin Ada the First staff"),
            request("rejoin", GivenArguments { room: Some("staff".to_owned()), ..about("@ada:a.org") })
        );
        assert!(matches!(read("rejoin Ada"), Err(Misread::Missing(..))), "a name is no room");
        assert_eq!(read("explain @bob:a.org"), request("explain", about("@bob:a.org")), "an MXID says more");
        assert_eq!(read("status"), bare("status"));
    }

    proptest! {
        #[test]
        fn no_message_makes_us_panic(text in any::<String>(), mention in proptest::option::of(".*")) {
            let _ = read(&text, mention.as_deref());
            let _ = read(&format!("!provisioner {text}"), mention.as_deref());
            for command in COMMANDS {
                let _ = read(&format!("!provisioner {} {text}", command.name), mention.as_deref());
            }
        }

        #[test]
        fn no_event_makes_us_panic(event in any::<String>(), html in "(<(/?(a|br|mx-reply|p)( href=['\"]?)?)?>?|[a-z&;é]|https://matrix.to/#/@a:b)*") {
            let _ = parse_incoming("$it", &event, "!provisioner", "@bot:a");
            let content = serde_json::json!({"msgtype": "m.text", "body": event, "format": "org.matrix.custom.html", "formatted_body": html});
            let event = serde_json::json!({"type": "m.room.message", "sender": "@ada:a", "content": content});
            let _ = parse_incoming("$it", &event.to_string(), "!provisioner", "@bot:a");
        }
    }
}
