//! An accident: every row is deleted. The guard holds the removals, and nobody leaves a room.

use anyhow::Result;

use super::house::House;
use super::screen::Screen;
use super::snapshot::Snapshot;
use super::{live, play};

const EMPTY: &str = "BEGIN; CREATE TABLE saved AS TABLE team_members; DELETE FROM team_members; COMMIT";
const RESTORE: &str = "BEGIN; INSERT INTO team_members TABLE saved; DROP TABLE saved; COMMIT";

/// Empties the table, asks the service for a pass, and puts the rows back.
///
/// # Errors
/// When the service removes anybody, or does not say that it holds the removals.
pub(crate) async fn play(screen: &Screen, house: &House) -> Result<()> {
    house.hasura.execute(EMPTY).await?;
    screen.say("=> DELETE FROM team_members;\n");
    screen.shell("phenom-provisioner apply");
    let applied = house.command(&["apply"], &[3]).await?;
    screen.quote(&applied.stdout);
    screen.say(&screen.dim("exit code 3: part is held by the guard\n"));
    play::right(&Snapshot::take(house).await?, house, live::should_be_in)?;
    screen.good("nobody was removed from any room");
    house.hasura.execute(RESTORE).await?;
    screen.good("the rows are put back");
    Ok(())
}
