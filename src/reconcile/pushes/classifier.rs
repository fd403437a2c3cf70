//! What is remembered to tell a push that is news from one that is known.

use std::collections::HashSet;

use provisioner_policy::RoomIx;

use crate::reconcile::act::attempt::Written;
use crate::reconcile::pushes::age::ReadTimes;
use crate::reconcile::pushes::doubts::Doubts;
use crate::reconcile::pushes::foreign::Place;
use crate::reconcile::pushes::lost_updates::LostUpdate;
use crate::reconcile::pushes::own_members::OwnMemberWrites;
use crate::reconcile::pushes::own_state::OwnStateWrites;
use crate::reconcile::pushes::unanswered::UnansweredWrites;

/// What tells a push that is news from one that is known: own writes whose pushes have not come yet, and read times.
#[derive(Debug, Default)]
pub(crate) struct PushClassifier {
    pub(crate) own_members: OwnMemberWrites,
    pub(crate) own_state: OwnStateWrites,
    pub(crate) unanswered: UnansweredWrites,
    /// Own state events that came back without the content of the event they replaced, which is named.
    pub(crate) unverified: Vec<(Written, String)>,
    /// Of the last minutes.
    pub(crate) lost_updates: Vec<LostUpdate>,
    pub(crate) read_times: ReadTimes,
    /// What pushes left unclear.
    pub(crate) doubts: Doubts,
    /// Rooms that are read again for a push.
    pub(crate) unread: HashSet<RoomIx>,
    /// Places that pushes say somebody got, and not by the bot's own event.
    pub(crate) places: Vec<Place>,
}
