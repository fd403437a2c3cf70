//! What the service prints, as it prints it on a terminal.

use anyhow::Result;

use super::house::House;
use super::screen::Screen;

/// Shows `plan`, which must end with `code`.
///
/// # Errors
/// When it ends otherwise.
pub(crate) async fn plan(screen: &Screen, house: &House, code: i32) -> Result<()> {
    screen.shell("phenom-provisioner plan");
    screen.quote(&house.command(&["plan"], &[code]).await?.stdout);
    screen.say(&screen.dim(&format!("exit code {code}")));
    Ok(())
}

/// Shows `history` with these arguments.
///
/// # Errors
/// When the command fails.
pub(crate) async fn history(screen: &Screen, house: &House, of: &[&str]) -> Result<()> {
    let args = [&["history"], of].concat();
    screen.shell(&format!("phenom-provisioner {}", args.join(" ")));
    screen.quote(&house.command(&args, &[0]).await?.stdout);
    Ok(())
}
