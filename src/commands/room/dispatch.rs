//! A command that was said: admitted, read, begun, run, and ended.

use anyhow::Result;

use crate::commands::room::desk::Desk;
use crate::commands::room::handle::DeskTask;
use crate::commands::run::CommandFailure;
use crate::commands::table::{StaffRequest, command};
use crate::commands::text::parse::{Grammar, Misread, Spoken, parse};
use crate::commands::text::reply::{Reply, code, text};
use crate::commands::text::who::Who;

/// What cannot be read has no name of its own.
const UNREAD: &str = "unreadable";

impl Desk {
    /// Brings a command to its end.
    pub(crate) async fn handle_command(&self, task: &DeskTask, spoken: &Spoken, too_old: bool) -> Result<()> {
        let grammar =
            Grammar { prefix: &self.staff.prefix, server_name: &self.staff.server_name, rooms: &self.staff.rooms };
        let Some(read) = parse(spoken, grammar) else { return Ok(()) };
        let name = read.as_ref().map_or_else(Misread::name, StaffRequest::name);
        let Some(gate) = self.let_in(task, name).await? else { return Ok(()) };
        // Only these two do something about what was read that must come before anything else.
        let gate = Some(gate).filter(|_| matches!(read, Ok(StaffRequest::Pause | StaffRequest::Sync)));
        if too_old {
            let reply = Reply::line([text(
                "That is too old: I heard it more than ten minutes after it was said. Say it again.",
            )]);
            return self.refuse(task, name, Some(reply), "refused: too old").await;
        }
        let request = match read {
            Ok(request) => request,
            Err(misread) => {
                let detail = "refused: not understood";
                return self.refuse(task, name, Some(self.what_is_wrong(misread)), detail).await;
            }
        };
        let about = match self.about(&request).await {
            Ok(about) => about,
            Err(CommandFailure::Refused { reply, detail }) => {
                return self.refuse(task, name, Some(reply), &detail).await;
            }
            Err(CommandFailure::NotLeader(closed)) => return Err(closed.into()),
            Err(CommandFailure::Broken(error)) => return Err(error),
        };
        let room = match &request {
            StaffRequest::Rejoin { room, .. } | StaffRequest::Follow { room } => Some(room.clone()),
            _ => None,
        };
        let words = match &request {
            StaffRequest::Apply { id } => format!("{name} {id}"),
            _ => name.to_owned(),
        };
        if !task.again && !self.begin(task, name, &words, about.clone(), room).await? {
            return Ok(());
        }
        let ran = self.run(&request, about.as_deref(), &task.sender, gate).await;
        self.end_by(task, name, ran).await
    }

    /// Whom the request is about, as an MXID.
    async fn about(&self, request: &StaffRequest) -> Result<Option<String>, CommandFailure> {
        let who = match request {
            StaffRequest::Explain(who) | StaffRequest::Provision(who) | StaffRequest::Rejoin { who, .. } => who,
            StaffRequest::History(Some(who)) => who,
            _ => return Ok(None),
        };
        match who {
            Who::Mxid(mxid) => Ok(Some(mxid.clone())),
            Who::Email(email) => self.find_by_email(email).await.map(Some),
        }
    }
}

impl StaffRequest {
    /// The command's name, as in the table.
    pub(crate) fn name(&self) -> &'static str {
        let name = match self {
            Self::Help => "help",
            Self::Status => "status",
            Self::Plan { .. } => "plan",
            Self::Apply { .. } => "apply",
            Self::Explain(_) => "explain",
            Self::History(_) => "history",
            Self::Provision(_) => "provision",
            Self::Sync => "sync",
            Self::Rejoin { .. } => "rejoin",
            Self::Follow { .. } => "follow",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Doctor => "doctor",
        };
        command(name).map_or(UNREAD, |command| command.name)
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

/// What a reply says where it points to a command.
pub(crate) fn see(lead: &str, command: String) -> Reply {
    Reply::line([text(lead), code(command)])
}
