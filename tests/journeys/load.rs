//! The load command on a small scale. What it counts is right; how long anything took is nobody's business here.

use testbed::SynapseVersion;
use testbed::load::{Flood, Joins, Kind, Latency, Setup, Unlisted, Who};

crate::on_one_version!(
    joins_cost_the_calls_of_a_bare_loop_and_a_few_a_room,
    a_flood_of_chat_loses_nothing_and_nobody,
    a_public_room_costs_one_event_a_join_and_a_private_one_two,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_a_room_is_measured_beside_its_bare_calls() {
    const RUNS: usize = 2;
    let found = Latency { runs: RUNS }.measure(&setup(SynapseVersion::from_env()[0])).await.unwrap();
    let (rows, confirmations) = ([&found.webhook, &found.join], [&found.confirmation, &found.create_and_join]);
    for samples in rows.into_iter().chain(confirmations).chain([&found.all_calls]) {
        assert_eq!(samples.len(), RUNS);
    }
    assert_eq!(found.report().rows.len(), 5);
}

async fn joins_cost_the_calls_of_a_bare_loop_and_a_few_a_room(version: SynapseVersion) {
    const PEOPLE: usize = 5;
    const ROOMS: usize = 4;
    let asked = Joins { people: PEOPLE, rooms: ROOMS, rounds: 2 };
    let found = asked.measure(&setup(version)).await.unwrap();
    let order: Vec<Vec<Who>> = found.rounds.iter().map(|round| round.iter().map(|turn| turn.who).collect()).collect();
    assert_eq!(order, [[Who::Service, Who::Bot, Who::Admin], [Who::Bot, Who::Admin, Who::Service]]);
    for turn in found.rounds.iter().flatten() {
        assert_eq!(turn.joins, PEOPLE * ROOMS);
        // A count of each room, taken twice at most where Synapse's own counting lags behind, and a reading after that.
        let others = turn.calls - turn.joins;
        assert!(
            if turn.who == Who::Service { (ROOMS..=ROOMS * 15).contains(&others) } else { others == 0 },
            "{turn:?}"
        );
    }
    assert_eq!(usize::try_from(found.in_ledger).unwrap(), 2 * PEOPLE * ROOMS);
    assert_eq!(found.report().rows.len(), 3);
}

async fn a_flood_of_chat_loses_nothing_and_nobody(version: SynapseVersion) {
    let asked = Flood { messages: 60, members: 4 };
    let found = asked.measure(&setup(version)).await.unwrap();
    assert_eq!((found.stored, found.told, found.kept), (60, 60.0, 0));
    assert_eq!((found.by_service.len(), found.bare.len(), found.in_ledger), (4, 4, 4));
    assert_eq!(found.plan, Some(0), "planning again finds nothing to do");
}

async fn a_public_room_costs_one_event_a_join_and_a_private_one_two(version: SynapseVersion) {
    let found = Unlisted { people: 6, steps: 2 }.measure(&setup(version)).await.unwrap();
    let events: Vec<(Kind, usize, i64)> = found.steps.iter().map(|step| (step.kind, step.joins, step.events)).collect();
    let step = [(Kind::InviteOnly, 3, 6), (Kind::PublicUnlisted, 3, 3)];
    assert_eq!(events, [step, step].concat());
    // In the private room everybody is noted as sharing it with everybody; in the public one each is noted once. The bot
    // of an application service is in no directory.
    let rows: Vec<i64> = found.steps.iter().map(|step| step.rows).collect();
    assert_eq!(rows, [3 * 2, 3, 6 * 5 - 3 * 2, 3]);
}

fn setup(version: SynapseVersion) -> Setup {
    Setup { binary: env!("CARGO_BIN_EXE_phenom-provisioner").into(), version, tell: |_| () }
}
