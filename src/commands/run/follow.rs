//! `follow <room>`: moves a room's policy to the room that replaced it.

use std::error::Error;

use super::{CommandFailure, CommandResult};
use crate::commands::room::desk::Desk;
use crate::commands::text::reply::{Reply, code, strong, text};
use crate::operations::{self, FollowError, FollowRequest, Moved};

impl Desk {
    /// Moves it, or says why not. What is to be done in the new room is for the next pass.
    pub(crate) async fn follow(&self, key: &str, by: &str) -> CommandResult {
        let policy = operations::policy_in_force(&self.store, &self.staff.policy).await?;
        // A room that is somebody else's is for the command line alone.
        let request = FollowRequest { key, by, force: false };
        let moved = operations::follow(&self.homeserver, &self.store, &policy, request).await;
        let Moved { from, to, replaced_by, made_by } =
            moved.map_err(|error| refused(key, &self.typed("resume"), error))?;
        let reply = Reply::line([
            strong("Followed: "),
            code(key),
            text(" is "),
            code(&to),
            text(" from now on, and no longer "),
            code(from),
            text(", which "),
            code(replaced_by),
            text(" replaced; "),
            code(made_by),
            text(" made the new room. The next pass joins everyone who belongs there."),
        ]);
        let here = (key == self.staff.key).then(|| vec![text("I listen there from now on, and no longer here.")]);
        Ok(here
            .into_iter()
            .fold(reply, Reply::and_pieces)
            .and([text("Write this into the configuration: "), code(format!("id = \"{to}\""))]))
    }
}

/// Why not. `resume` is that command as it is typed.
fn refused(key: &str, resume: &str, error: FollowError) -> CommandFailure {
    match error {
        FollowError::Paused(_) => CommandFailure::Refused {
            reply: Reply::line([strong("Not followed: "), text("everything is paused. First: "), code(resume)]),
            detail: "refused: everything is paused".to_owned(),
        },
        FollowError::NotReplaced { .. } => CommandFailure::Refused {
            reply: Reply::line([code(key), text(" was not replaced: there is nothing to follow.")]),
            detail: "refused: the room was not replaced".to_owned(),
        },
        FollowError::Store(error) => CommandFailure::Broken(anyhow::Error::new(error).context("record the move")),
        error => {
            let cause = error.source().map_or_else(String::new, |source| format!(": {source}"));
            CommandFailure::refused(format!("Not followed: {error}{cause}."))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::store::Paused;

    #[test]
    fn while_all_is_paused_the_reply_names_the_command_that_is_typed_first() {
        let paused = Paused { paused_at: DateTime::UNIX_EPOCH, paused_by: "@a:a".to_owned() };
        let refused = refused("staff", "!p resume", FollowError::Paused(paused));
        let CommandFailure::Refused { reply, detail } = refused else { panic!("{refused:?}") };
        assert_eq!(reply.render().plain, "Not followed: everything is paused. First: !p resume");
        assert_eq!(detail, "refused: everything is paused");
    }
}
