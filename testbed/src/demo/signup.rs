//! Somebody signs up in the app while the service runs, and is in the Red Room before they have logged in.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use comfy_table::Cell;
use testbed::{Depth, Person, wait_until};

use super::house::House;
use super::rooms::Room;
use super::screen::Screen;
use super::{live, printed};

const NAME: &str = "Tess";
const EMAIL: &str = "tess@example.org";
/// The queue is empty again soon after the account is recorded.
const BOUND: Duration = Duration::from_secs(15);

/// Signs somebody up and confirms them, waits for them in the room, and logs them in.
///
/// # Errors
/// When they do not get there, or anything on the way is not as it should be.
pub(crate) async fn play(screen: &Screen, house: &House) -> Result<()> {
    let pool = &house.cloud.aws.pool;
    let sub = pool.sign_up(EMAIL, NAME).await?;
    let mxid = house.synapse.mxid(&sub);
    ensure!(house.bot.user(&mxid).await?.is_none(), "{mxid} has an account before they are confirmed");

    let confirmed = now()?;
    pool.confirm_and_fire(&house.cloud.trigger, &sub).await?;
    let forwarded = now()?.saturating_sub(confirmed);
    let joined = live::arrival(house, NAME, &mxid, Room::Red, "join").await?.saturating_sub(confirmed);

    let claims = pool.claims(&sub).await?;
    let person = Person::login(&house.synapse, claims["sub"].as_str().context("the ID token names a sub")?).await?;
    let seen = person.joined_rooms().await?;
    let logged_in = now()?.saturating_sub(confirmed);
    ensure!(person.mxid == mxid, "{NAME} signed up as {sub} and is {} on Synapse", person.mxid);
    ensure!(seen == BTreeSet::from([house.room(Room::Red).to_owned()]), "{NAME} sees {seen:?}");

    let mut table = screen.table(&["what happens", "what comes of it", "time"]);
    let rows = [
        (format!("{NAME} signs up in the app"), "in the pool, unconfirmed; no account on Synapse", None),
        ("enters the code from the e-mail".to_owned(), "confirmed in the pool", Some(Duration::ZERO)),
        ("the pool calls the forwarder".to_owned(), "the confirmation is on the queue", Some(forwarded)),
        ("the service receives it".to_owned(), "has an account, and is joined to The Red Room", Some(joined)),
        ("logs in with a JWT".to_owned(), "sees one room: The Red Room", Some(logged_in)),
    ];
    for (what, result, after) in rows {
        let after = after.map_or_else(String::new, |after| format!("{} ms", after.as_millis()));
        table.add_row([what.as_str(), result, &after].map(Cell::new));
    }
    screen.say(&table.to_string());
    screen.say("Cognito is moto here and SQS ministack. Neither calls a trigger: the demo calls the real forwarder.\n");
    screen.quote(&house.cloud.trigger.log_tail());
    screen.say(&format!("\n  sub in the ID token of the pool   {sub}"));
    screen.say(&format!("  user id on Synapse               {mxid}\n"));
    screen.good(&format!("they agree; from the confirmation to the room it took {} ms", joined.as_millis()));
    let queue = &house.cloud.aws.queue;
    wait_until("the queue is empty", BOUND, async || queue.depth().await.is_ok_and(|depth| depth == Depth::default()))
        .await?;
    let dead = queue.dead_letter_depth().await?;
    ensure!(dead == Depth::default(), "the dead-letter queue holds {dead:?}");
    screen.good("the queue is empty, and so is its dead-letter queue\n");
    printed::history(screen, house, &[&mxid]).await
}

fn now() -> Result<Duration> {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("read the clock")
}
