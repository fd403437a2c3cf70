//! What can happen, and how often.

use fastrand::Rng;

use crate::process::random;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Move {
    RowComes,
    RowGoes,
    RoleChanges,
    RowRewritten,
    TeamsEmptied,
    TeamEmptied,
    MemberKicked,
    StrangerEnters,
    LevelRaised,
    CommandSaid,
    Tapped,
    SignedUp,
    Killed,
    Frozen,
    Stopped,
    OursSilent,
    OursRefused,
    RosterSilent,
    PoolSilent,
    QueueSilent,
    QueueRefused,
    SynapseFails,
    SynapseKilled,
    PostgresRestarted,
}

/// How often each happens, beside the others.
const WEIGHTS: [(Move, u32); 24] = [
    (Move::RowComes, 8),
    (Move::RowGoes, 6),
    (Move::RoleChanges, 3),
    (Move::RowRewritten, 4),
    (Move::TeamsEmptied, 1),
    (Move::TeamEmptied, 2),
    (Move::MemberKicked, 2),
    (Move::StrangerEnters, 2),
    (Move::LevelRaised, 2),
    (Move::CommandSaid, 4),
    (Move::Tapped, 5),
    (Move::SignedUp, 6),
    (Move::Killed, 9),
    (Move::Frozen, 9),
    (Move::Stopped, 3),
    (Move::OursSilent, 3),
    (Move::OursRefused, 2),
    (Move::RosterSilent, 2),
    (Move::PoolSilent, 2),
    (Move::QueueSilent, 2),
    (Move::QueueRefused, 1),
    (Move::SynapseFails, 6),
    (Move::SynapseKilled, 1),
    (Move::PostgresRestarted, 1),
];

impl Move {
    /// One of them, by its weight.
    pub(super) fn pick(rng: &mut Rng) -> Move {
        let mut left = rng.u32(0..WEIGHTS.iter().map(|(_, weight)| weight).sum());
        for (kind, weight) in WEIGHTS {
            match left.checked_sub(weight) {
                Some(rest) => left = rest,
                None => return kind,
            }
        }
        Move::RowComes
    }

    /// Whether it ends, stops or hides a process.
    pub(super) fn is_fault(self) -> bool {
        self >= Move::Killed
    }
}

/// A seed for who gave none.
pub(super) fn seed() -> u64 {
    random::number() % 1_000_000
}
