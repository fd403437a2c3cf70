//! A command that was said: admitted, read, begun, run, and ended.

use anyhow::Result;

use crate::commands::posts::decide::APPROVAL_LASTS;
use crate::commands::room::desk::Desk;
use crate::commands::room::handle::DeskTask;
use crate::commands::run::{Call, CommandFailure, CommandResult, Effect};
use crate::commands::text::incoming::{IncomingKind, parse_incoming};
use crate::commands::text::parse::{GivenArguments, Grammar, Misread, Spoken, StaffRequest, parse};
use crate::commands::text::reply::{Reply, code, text};
use crate::commands::text::who::Who;
use crate::store::{CommandRow, CommandState};

/// A command that was said more seconds ago when its turn comes is not run: its sender may no longer mean it.
pub(crate) const TOO_OLD: f64 = 600.0;

/// The name of a command that cannot be read, for the ledger and the metric.
const UNREAD: &str = "unreadable";

impl Desk {
    /// Whether this row is of something that acts, so that it needs a turn. What was begun before a restart does not act again.
    pub(crate) fn acts(&self, row: &CommandRow) -> bool {
        if row.state != CommandState::Heard || row.room_id != self.staff.room_id {
            return false;
        }
        let event = row.event.as_deref().unwrap_or_default();
        match parse_incoming(&row.event_id, event, &self.staff.prefix, &self.staff.bot).map(|heard| heard.what) {
            Some(IncomingKind::Command { spoken, .. }) => {
                matches!(parse(&spoken, self.grammar()), Some(Ok(request)) if request.command.effect != Effect::Reads)
            }
            Some(IncomingKind::Reaction { .. }) => true,
            None => false,
        }
    }

    fn grammar(&self) -> Grammar<'_> {
        Grammar { prefix: &self.staff.prefix, server_name: &self.staff.server_name, rooms: &self.staff.rooms }
    }

    /// Handles a command, said so many seconds ago, from its words to its end.
    pub(crate) async fn handle_command(&self, task: &DeskTask, spoken: &Spoken, said_ago: f64) -> Result<()> {
        let Some(read) = parse(spoken, self.grammar()) else { return Ok(()) };
        let name = read.as_ref().map_or_else(Misread::name, |request| request.command.name);
        let Some(gate) = self.let_in(task, name).await? else { return Ok(()) };
        let acts_first = |request: &StaffRequest| request.command.effect == Effect::ActsFirst;
        let gate = Some(gate).filter(|_| read.as_ref().is_ok_and(acts_first));
        let approves = read.as_ref().is_ok_and(|request| request.given.held_id.is_some());
        if said_ago > if approves { APPROVAL_LASTS } else { TOO_OLD } {
            let late = if approves { "two" } else { "ten" };
            let reply = Reply::line([text(format!(
                "That is too old: I heard it more than {late} minutes after it was said. Say it again."
            ))]);
            return self.refuse(task, name, Some(reply), "refused: too old").await;
        }
        let StaffRequest { command, given: GivenArguments { who, room, held_id, all, about } } = match read {
            Ok(request) => request,
            Err(misread) => {
                let detail = "refused: not understood";
                return self.refuse(task, name, Some(self.what_is_wrong(misread)), detail).await;
            }
        };
        let (user, warning) = match self.mxid_of(who).await {
            Ok(named) => named,
            Err(CommandFailure::Refused { reply, detail }) => {
                return self.refuse(task, name, Some(reply), &detail).await;
            }
            Err(failure) => return Err(failure.into()),
        };
        let words = held_id.as_ref().map_or_else(|| name.to_owned(), |id| format!("{name} {id}"));
        if !task.again && !self.begin(task, name, &words, user.clone(), room.clone()).await? {
            return Ok(());
        }
        let [user, room, held_id] = [&user, &room, &held_id].map(|given| given.as_deref().unwrap_or_default());
        let ran = (command.run)(Call { desk: self, user, room, held_id, all, about, by: task.requester(), gate }).await;
        self.end_by(task, name, with_warning(ran, warning)).await
    }

    /// The user who is meant, and what is to be said of how they were named.
    async fn mxid_of(&self, who: Option<Who>) -> Result<(Option<String>, Option<&'static str>), CommandFailure> {
        match who {
            Some(Who::Mxid(mxid)) => Ok((Some(mxid), None)),
            Some(Who::Email(email)) => {
                let named = self.find_by_email(&email).await?;
                let warning = named.warning();
                Ok((Some(named.mxid), warning))
            }
            None => Ok((None, None)),
        }
    }
}

/// The answer, also one that refuses, with a line more where there is a warning.
fn with_warning(ran: CommandResult, warning: Option<&'static str>) -> CommandResult {
    let Some(warning) = warning else { return ran };
    match ran {
        Ok(reply) => Ok(reply.and([text(warning)])),
        Err(CommandFailure::Refused { reply, detail }) => {
            Err(CommandFailure::Refused { reply: reply.and([text(warning)]), detail })
        }
        failed => failed,
    }
}

impl Misread {
    /// The name of the command that was meant, where it is known.
    fn name(&self) -> &'static str {
        match self {
            Self::Unknown(_) => UNREAD,
            Self::Missing(command, _)
            | Self::Wrong(command, _)
            | Self::NoSuchRoom(command, _)
            | Self::TooMany(command) => command.name,
        }
    }
}

/// A line that points to a command.
pub(crate) fn see(lead: &str, command: String) -> Reply {
    Reply::line([text(lead), code(command)])
}
