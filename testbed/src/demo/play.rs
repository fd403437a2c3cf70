//! The play, act by act.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use comfy_table::Cell;
use testbed::wait_until;

use super::cast::Actor;
use super::house::House;
use super::rooms::Room;
use super::screen::Screen;
use super::snapshot::Snapshot;
use super::{Options, accident, changes, check, live, printed, signup, staff_room, stay};

const BOUND: Duration = Duration::from_secs(60);
const HISTORY: [&str; 2] = ["--limit", "12"];

/// Plays it. `stage` keeps what runs, so that its log can be shown after a failure.
///
/// # Errors
/// When anything goes otherwise than told.
pub(crate) async fn play(screen: &Screen, options: Options, stage: &mut Option<House>) -> Result<()> {
    screen.section("Setting up");
    let house = &*stage.insert(House::set_up(screen, options.version).await?);
    screen.step("`phenom-provisioner backfill` has listed the pool", house.command(&["backfill"], &[0])).await?;
    screen
        .step("`phenom-provisioner apply` has made the accounts and filled the rooms", house.command(&["apply"], &[0]))
        .await?;
    screen.step("by hand: Nils is banned from Staff, an integration is joined to it", changes::prepare(house)).await?;

    screen.section("The rooms before");
    show_rooms(screen);
    let before = Snapshot::take(house).await?;
    before.show(screen, house, None);
    screen.say("● joined. The service's own bot is in every room and not shown.");

    screen.section("A dozen changes, while the service is down");
    changes::show(screen);
    changes::make(house).await?;

    screen.section("The pool, listed again");
    screen.shell("phenom-provisioner backfill");
    screen.quote(&house.command(&["backfill"], &[0]).await?.stdout);

    screen.section("The plan");
    printed::plan(screen, house, 2).await?;
    screen.say("`plan --json` is for programs.");

    screen.section("The service starts and carries it out");
    carry_out(screen, house).await?;

    screen.section("Rows that change while it runs");
    live::play(screen, house).await?;

    screen.section("Somebody signs up in the app");
    signup::play(screen, house).await?;

    screen.section("The rooms after");
    let after = Snapshot::take(house).await?;
    after.show(screen, house, Some(&before));
    right(&after, house, live::should_be_in)?;
    screen.say("● joined before and after; + and − changed since the first table, also by the people themselves.");
    let people = check::everybody_sees_their_rooms(house).await?;
    screen.good(&format!("all {people}, logged in with a JWT as the apps do, see exactly the rooms of this table"));

    screen.section("What the service has written down");
    printed::history(screen, house, &HISTORY).await?;

    screen.section("If somebody emptied the table");
    accident::play(screen, house).await?;

    screen.section("If three people lose a room at once");
    staff_room::play(screen, house).await?;

    screen.section("Planned again: nothing is left to do");
    printed::plan(screen, house, 0).await?;
    right(&Snapshot::take(house).await?, house, staff_room::should_be_in)?;
    end(screen, options, house).await
}

fn show_rooms(screen: &Screen) {
    let mut table = screen.table(&["room", "who belongs there"]);
    for room in Room::ALL {
        table.add_row([room.name(), room.members_in_words()].map(Cell::new));
    }
    screen.say(&table.to_string());
}

async fn carry_out(screen: &Screen, house: &House) -> Result<()> {
    screen.shell("phenom-provisioner run");
    let start = Instant::now();
    house.service.start_again()?;
    let wanted = Actor::should_be_in;
    let waited = wait_until("the rooms are as they should be", BOUND, async || {
        !house.service.running()
            || Snapshot::take(house).await.is_ok_and(|now| now.differences(house, wanted).is_empty())
    })
    .await;
    let seconds = start.elapsed().as_secs_f32();
    if !house.service.running() {
        bail!("the service ended by itself");
    }
    right(&Snapshot::take(house).await?, house, wanted)?;
    waited?;
    screen.good(&format!("every room is as the plan says, {seconds:.1} s after the service was started"));
    house.service.wait_ready().await?;
    screen.good("it stays, ready for more: /readyz says 200");
    Ok(())
}

pub(super) fn right(now: &Snapshot, house: &House, wanted: impl Fn(&Actor) -> BTreeSet<Room>) -> Result<()> {
    let wrong = now.differences(house, wanted);
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("the rooms are not as they should be:\n  {}", wrong.join("\n  "))
}

async fn end(screen: &Screen, options: Options, house: &House) -> Result<()> {
    if options.stay {
        return stay::stay(screen, house).await;
    }
    screen.section("The end");
    screen.say(&format!(
        "That took {:.0} s. Everything that was started is removed now. To look further:\n",
        screen.elapsed().as_secs_f32()
    ));
    screen.say(
        "  cargo demo --stay                 keeps it running, to change rows with psql and look with a Matrix client",
    );
    screen
        .say("  cargo demo --synapse 1.163.2      the same on a current Synapse (the default is production's 1.105.1)");
    screen.say("  cargo test --workspace            all tests; where Synapse decides, on both versions");
    screen.say("  README.md, docs/README.md, provisioner.example.toml");
    Ok(())
}
