//! What happens to a world, one thing after another.

use proptest::collection::vec;
use proptest::prelude::*;
use provisioner_policy::*;
use serde_json::Value;

use crate::USERS;
use crate::read_again::{ReadAgain, a_reading};
use crate::values::*;

/// Something that happens to a world.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Roster(Vec<(Option<u8>, Option<bool>, Option<bool>)>),
    RosterIs(SourceState),
    EmptiedTeams(bool, bool),
    Account(u8, Account, Option<Closed>, bool),
    ClosedByUs(u8, Option<Closed>),
    SessionsRemain(u8, bool),
    Group(bool, SourceState, Vec<u8>),
    GroupState(bool, SourceState),
    AccountsFrom(AccountsFrom),
    Pool(SourceState),
    Listed(bool),
    OnServer(u8, OnServer),
    Present(u8),
    PoolName(u8, &'static str),
    Profiles(Vec<(u8, &'static str, Picture)>),
    ProfilesFail,
    SeenProfile(u8, &'static str, &'static str),
    Given(u8, bool, &'static str, bool),
    RoomStatus(usize, RoomStatus),
    /// With the event of a leave by choice, where that is known.
    Membership(usize, u8, Membership, Option<&'static str>),
    ClearedLeave(usize, u8, &'static str),
    InvitedByOther(usize, u8),
    BannedByUs(usize, u8, bool),
    Suspended(u8, bool),
    State(usize, &'static str, Value),
    ReadAgain(ReadAgain),
    /// The one room that was replaced, and who had left it.
    Follow(Option<(usize, Vec<u8>)>),
    Fight(usize),
    Reverter(usize),
    FightsEnd,
    Adjusted(Modes),
    Seen(u8),
    Taken(usize, u32),
    CarriedOut,
    /// Somebody else looks, too.
    OtherPlanner,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let (room, user) = (|| 0..4usize, || 0..USERS);
    let row = (
        proptest::option::weighted(0.98, user()),
        proptest::option::weighted(0.98, any::<bool>()),
        any::<Option<bool>>(),
    );
    let ids = || vec(user(), 0..6);
    prop_oneof![
        3 => vec(row, 0..14).prop_map(Step::Roster),
        1 => Just(Step::Roster(Vec::new())),
        2 => source_state().prop_map(Step::RosterIs),
        1 => any::<[bool; 2]>().prop_map(|[staff, analysts]| Step::EmptiedTeams(staff, analysts)),
        5 => (user(), account(), closed(), proptest::bool::weighted(0.1))
            .prop_map(|(user, account, closed, folded)| Step::Account(user, account, closed, folded)),
        2 => (user(), closed()).prop_map(|(user, closed)| Step::ClosedByUs(user, closed)),
        1 => (user(), any::<bool>()).prop_map(|(user, remain)| Step::SessionsRemain(user, remain)),
        2 => (any::<bool>(), source_state(), ids()).prop_map(|(group, state, ids)| Step::Group(group, state, ids)),
        1 => (any::<bool>(), source_state()).prop_map(|(group, state)| Step::GroupState(group, state)),
        2 => accounts_from().prop_map(Step::AccountsFrom),
        1 => source_state().prop_map(Step::Pool),
        1 => proptest::bool::weighted(0.8).prop_map(Step::Listed),
        4 => (user(), on_server()).prop_map(|(user, state)| Step::OnServer(user, state)),
        1 => user().prop_map(Step::Present),
        2 => (user(), a_name()).prop_map(|(user, name)| Step::PoolName(user, name)),
        2 => vec((user(), a_name(), a_picture()), 0..8).prop_map(Step::Profiles),
        1 => Just(Step::ProfilesFail),
        4 => (user(), a_name(), a_name()).prop_map(|(user, name, picture)| Step::SeenProfile(user, name, picture)),
        2 => (user(), any::<bool>(), a_name(), any::<bool>())
            .prop_map(|(user, name, what, surely)| Step::Given(user, name, what, surely)),
        1 => (room(), status()).prop_map(|(room, status)| Step::RoomStatus(room, status)),
        8 => (room(), user(), membership(), voluntary_leave())
            .prop_map(|(room, user, membership, by)| Step::Membership(room, user, membership, by)),
        2 => (room(), user(), leave()).prop_map(|(room, user, event)| Step::ClearedLeave(room, user, event)),
        1 => (room(), user()).prop_map(|(room, user)| Step::InvitedByOther(room, user)),
        2 => (room(), user(), any::<bool>()).prop_map(|(room, user, is)| Step::BannedByUs(room, user, is)),
        1 => (user(), any::<bool>()).prop_map(|(user, is)| Step::Suspended(user, is)),
        5 => (room(), state()).prop_map(|(room, (kind, content))| Step::State(room, kind, content)),
        6 => a_reading().prop_map(Step::ReadAgain),
        2 => proptest::option::of((room(), vec(user(), 0..4))).prop_map(Step::Follow),
        1 => any::<usize>().prop_map(Step::Fight),
        1 => any::<usize>().prop_map(Step::Reverter),
        1 => Just(Step::FightsEnd),
        1 => modes().prop_map(Step::Adjusted),
        1 => user().prop_map(Step::Seen),
        1 => (room(), 0..6u32).prop_map(|(room, taken)| Step::Taken(room, taken)),
        2 => Just(Step::CarriedOut),
        1 => Just(Step::OtherPlanner),
    ]
}
