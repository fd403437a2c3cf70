//! `explain`: why somebody is, or is not, in each room. Reads everything, writes nothing.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use provisioner_policy::Explanation;

use super::page::{Page, Screen, Tone};
use super::{people, print};
use crate::config::ConfigLocation;
use crate::display_names::DisplayNames;
use crate::operations;

/// Reasons go on so far in.
const INDENT: usize = 6;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Who: a Matrix id, a subject or an e-mail address
    user: String,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(location: &ConfigLocation, arguments: Arguments) -> Result<ExitCode> {
    let (context, store) = super::open_to_read(location).await?;
    let mxid = super::mxid(&arguments.user, &context, &store).await?;
    let (mut reconciler, is_whole) = super::read_all(&context, &store).await?;
    let plan = reconciler.plan().await?;
    reconciler.learn_of(&mxid).await?;
    let Some(explanation) = operations::explain(reconciler.world(), &plan, &mxid) else {
        let read = if is_whole { "" } else { ", as far as could be read" };
        bail!("nobody knows {mxid}{read}: no row, no account and no room has this user");
    };
    let paused = store.paused().await.context("look at the brake")?;
    let because = explanation.rooms.iter().map(|room| &*room.because);
    let texts =
        [&*explanation.user, &explanation.account, &explanation.server_admin.because].into_iter().chain(because);
    let names = people::names_in(&context, texts).await;
    if arguments.json {
        people::print_json(&explanation, &names)?;
    } else {
        print::page(&show(&explanation, &names, Screen::of_answers()));
        paused.iter().for_each(print::line);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(explanation: &Explanation, names: &DisplayNames, screen: Screen) -> String {
    let Explanation { user, subject: _, account, server_admin, rooms } = explanation;
    let mut page = Page::new(screen);
    page.line(Tone::Heading, names.beside_ids(user));
    page.entry(Tone::Plain, "  account: ", INDENT, &names.beside_ids(account), &[]);
    let admin = if server_admin.observed { "is a server admin" } else { "is no server admin" };
    page.entry(Tone::Plain, &format!("  {admin}: "), INDENT, &names.beside_ids(&server_admin.because), &[]);
    for of_room in rooms {
        let tone = match (of_room.desired, of_room.observed == "join") {
            (true, true) => Tone::Good,
            (false, false) => Tone::Faint,
            _ => Tone::Warning,
        };
        page.entry(tone, &format!("  {}: ", of_room.room), INDENT, &names.beside_ids(&of_room.in_words()), &[]);
    }
    page.into_text()
}

#[cfg(test)]
mod tests {
    use provisioner_policy::{AdminExplanation, PowerExplanation, RoomExplanation};

    use super::*;

    const ADA: &str = "@4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app";

    fn shown(width: Option<usize>) -> String {
        let power = |observed| PowerExplanation {
            desired: observed,
            observed,
            because: "no grant of the room matches".to_owned(),
        };
        let room = |room: &str, desired, observed, because: &str| RoomExplanation {
            room: room.to_owned(),
            desired,
            observed,
            power: power(if desired { 50 } else { 0 }),
            because: because.to_owned(),
            is_planned: because.starts_with("will be"),
        };
        let gone = "will be removed at the next pass: was member of staff until 2026-11-29 12:49 UTC, when the row went (joined by the service on 2026-03-14 09:00 UTC)";
        let explanation = Explanation {
            user: ADA.to_owned(),
            subject: None,
            account: "active".to_owned(),
            server_admin: AdminExplanation {
                desired: false,
                observed: false,
                because: "no source names them, and server admins are members of group nest-admin of the pool"
                    .to_owned(),
            },
            rooms: vec![
                room(
                    "red-room",
                    true,
                    "join",
                    "the room is for everybody with an active account (joined by the service on 2026-03-14 09:00 UTC)",
                ),
                room("staff", false, "join", gone),
                room("analysts", false, "none", "no source names them, and the room is for members of team analysts"),
            ],
        };
        let names = DisplayNames::new("thephenom.app", &[ADA], [(ADA.to_owned(), "Ada".to_owned())]);
        anstream::adapter::strip_str(&show(&explanation, &names, Screen::of_width(width))).to_string()
    }

    #[test]
    fn an_explanation_at_80_columns() {
        insta::assert_snapshot!(shown(Some(80)), @r#"
        @4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app "Ada"
          account: active
          is no server admin: no source names them, and server admins are members of
              group nest-admin of the pool
          red-room: belongs and is there, power 50: the room is for everybody with an
              active account (joined by the service on 2026-03-14 09:00 UTC)
          staff: will be removed at the next pass: was member of staff until 2026-11-29
              12:49 UTC, when the row went (joined by the service on 2026-03-14 09:00
              UTC)
          analysts: does not belong and is not there: no source names them, and the room
              is for members of team analysts
        "#);
    }

    #[test]
    fn an_explanation_in_a_pipe() {
        insta::assert_snapshot!(shown(None), @r#"
        @4be7a1c0-93d2-4000-8000-0123456789ab:thephenom.app "Ada"
          account: active
          is no server admin: no source names them, and server admins are members of group nest-admin of the pool
          red-room: belongs and is there, power 50: the room is for everybody with an active account (joined by the service on 2026-03-14 09:00 UTC)
          staff: will be removed at the next pass: was member of staff until 2026-11-29 12:49 UTC, when the row went (joined by the service on 2026-03-14 09:00 UTC)
          analysts: does not belong and is not there: no source names them, and the room is for members of team analysts
        "#);
    }
}
