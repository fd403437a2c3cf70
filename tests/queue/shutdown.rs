//! The soft end: nothing is begun, what is worked on ends, everything else is given back.

use std::time::Duration;

use phenom_provisioner::intake::queue::{ConfirmOutcome, Timing};

use super::fake::Fake;
use super::support::{Office, body, consume, quick, until};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_long_poll_does_not_hold_the_end_up() {
    let (fake, office) = (Fake::start().await, Office::default());
    let timing = Timing { wait: Duration::from_secs(20), last_receive: Duration::from_millis(300), ..quick() };
    let running = consume(&fake.queue().await, &office, MINUTE, 4, timing);
    until("it polls", async || fake.calls("ReceiveMessage").len() == 1).await;
    let took = running.end().await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn what_is_worked_on_ends_and_what_waits_out_trouble_is_given_back() {
    let (fake, office) = (Fake::start().await, Office::default());
    let gate = office.hold("slow");
    office.answer(|subject, _| match subject {
        "slow" => ConfirmOutcome::Recorded,
        _ => ConfirmOutcome::Trouble("the database is gone".to_owned()),
    });
    fake.send(&body("slow"));
    let waiting = fake.send(&body("waiting"));
    let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
    until("both are in hand", async || running.status.snapshot().in_flight == 2).await;
    until("one is in trouble", async || office.attempts("waiting") >= 2).await;
    running.stop.cancel();
    until("what waited is shown again", async || fake.is_shown(&waiting)).await;
    assert_eq!(fake.left(), 2);
    gate.cancel();
    running.end().await;
    assert_eq!(office.confirmed()["slow"], 1);
    assert_eq!(fake.left(), 1, "what was worked on is deleted before the end");
    assert_eq!(fake.receives()[&waiting], 1, "nothing was received after the stop");
}

#[tokio::test]
async fn messages_that_come_with_the_stop_are_given_back_unseen() {
    let (fake, office) = (Fake::start().await, Office::default());
    let gate = fake.hold_receives();
    let ids = [fake.send(&body("a")), fake.send(&body("b"))];
    let running = consume(&fake.queue().await, &office, MINUTE, 4, quick());
    until("it polls", async || fake.calls("ReceiveMessage").len() == 1).await;
    running.stop.cancel();
    gate.cancel();
    running.end().await;
    assert!(ids.iter().all(|id| fake.is_shown(id) && fake.receives()[id] == 1), "{:?}", fake.receives());
    assert_eq!(office.attempts("a") + office.attempts("b"), 0);
}

#[tokio::test]
async fn what_takes_too_long_is_given_back_in_the_end() {
    let (fake, office) = (Fake::start().await, Office::default());
    let _never = office.hold("slow");
    let id = fake.send(&body("slow"));
    let timing = Timing { drain: Duration::from_millis(300), ..quick() };
    let running = consume(&fake.queue().await, &office, MINUTE, 4, timing);
    until("it is in hand", async || running.status.snapshot().in_flight == 1).await;
    let took = running.end().await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(fake.is_shown(&id));
}
