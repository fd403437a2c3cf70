//! What happens to a world, one thing after another.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::Value;

use crate::USERS;
use crate::values::*;

/// Something that happens to a world.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Roster(Vec<(Option<u8>, Option<bool>, Option<bool>)>),
    RosterFails,
    Account(u8, Account, Option<Closed>, bool),
    ClosedByUs(u8, Option<Closed>),
    Group(bool, SourceState, Vec<u8>),
    AccountsFrom(AccountsFrom),
    Pool(SourceState),
    Listed(bool),
    OnServer(u8, OnServer),
    Standing(usize, Standing),
    Membership(usize, u8, Membership, bool),
    Pardon(usize, u8, bool),
    State(usize, &'static str, Value),
    Edited(usize, Value, Value),
    Lost(usize, Value, Value, Value),
    Aged(usize),
    ReadAnew(usize, Vec<(u8, Membership)>, Option<Value>),
    Follow(Option<usize>),
    Quarrel(usize),
    QuarrelsEnd,
    Seen(u8),
    Taken(usize, u32),
    CarriedOut,
    /// Somebody else looks, too.
    OtherPlanner,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let (room, user) = (|| 0..4usize, || 0..USERS);
    let row = (
        proptest::option::weighted(0.95, user()),
        proptest::option::weighted(0.95, any::<bool>()),
        any::<Option<bool>>(),
    );
    let ids = || vec(user(), 0..6);
    prop_oneof![
        3 => vec(row, 0..14).prop_map(Step::Roster),
        1 => Just(Step::RosterFails),
        5 => (user(), account(), closed(), proptest::bool::weighted(0.1))
            .prop_map(|(user, account, closed, folded)| Step::Account(user, account, closed, folded)),
        1 => (user(), closed()).prop_map(|(user, closed)| Step::ClosedByUs(user, closed)),
        2 => (any::<bool>(), source_state(), ids()).prop_map(|(group, state, ids)| Step::Group(group, state, ids)),
        1 => prop_oneof![Just(AccountsFrom::Named), Just(AccountsFrom::Pool)].prop_map(Step::AccountsFrom),
        1 => source_state().prop_map(Step::Pool),
        1 => proptest::bool::weighted(0.8).prop_map(Step::Listed),
        4 => (user(), on_server()).prop_map(|(user, state)| Step::OnServer(user, state)),
        1 => (room(), standing()).prop_map(|(room, standing)| Step::Standing(room, standing)),
        8 => (room(), user(), membership(), any::<bool>())
            .prop_map(|(room, user, membership, by)| Step::Membership(room, user, membership, by)),
        2 => (room(), user(), any::<bool>()).prop_map(|(room, user, event)| Step::Pardon(room, user, event)),
        5 => (room(), state()).prop_map(|(room, (kind, content))| Step::State(room, kind, content)),
        1 => (room(), levels(), levels()).prop_map(|(room, before, after)| Step::Edited(room, before, after)),
        1 => (room(), levels(), levels(), levels()).prop_map(|(room, from, was, is)| Step::Lost(room, from, was, is)),
        1 => room().prop_map(Step::Aged),
        2 => (room(), btree_map(user(), membership(), 0..12), proptest::option::of(levels()))
            .prop_map(|(room, members, levels)| Step::ReadAnew(room, members.into_iter().collect(), levels)),
        1 => proptest::option::of(room()).prop_map(Step::Follow),
        1 => any::<usize>().prop_map(Step::Quarrel),
        1 => Just(Step::QuarrelsEnd),
        1 => user().prop_map(Step::Seen),
        1 => (room(), 0..6u32).prop_map(|(room, taken)| Step::Taken(room, taken)),
        2 => Just(Step::CarriedOut),
        1 => Just(Step::OtherPlanner),
    ]
}
