//! The order in which a lane carries changes out. A plan is printed in the order of its kinds; a lane goes by who would wait.

use super::Change;

/// A change's turn in its lane. What takes access away goes first: the guard bounds how much that is, while a fill may last
/// for hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// A setting of the room: a few at most, and the join rule is one.
    Setting,
    Remove,
    /// An event of levels that lowers somebody, whatever it raises beside, or that sets what holds for everybody.
    Lower,
    Revoke,
    Lock,
    Deactivate,
    /// Accounts before the flags and the joins that need them, as the plan has them.
    Give,
}

impl Change {
    /// Its turn in its lane. Those of one turn are carried out in the order of the plan.
    pub fn turn(&self) -> Turn {
        match self {
            Self::SetRoomState { .. } => Turn::Setting,
            Self::Remove { .. } => Turn::Remove,
            Self::SetPowerLevels { edits, .. } if edits.iter().any(|edit| edit.lowers || edit.user().is_none()) => {
                Turn::Lower
            }
            Self::RevokeServerAdmin { .. } => Turn::Revoke,
            Self::LockAccount { .. } => Turn::Lock,
            Self::DeactivateAccount { .. } => Turn::Deactivate,
            Self::CreateAccount { .. }
            | Self::RestoreAccount { .. }
            | Self::GrantServerAdmin { .. }
            | Self::SetDisplayName { .. }
            | Self::SetAvatar { .. }
            | Self::Join { .. }
            | Self::SetPowerLevels { .. } => Turn::Give,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level_of::LevelOf;
    use crate::mirror::Membership;
    use crate::plan::{Kind, PowerEdit};
    use crate::policy::{Policy, RoomIx};
    use crate::world::World;

    #[test]
    fn whatever_takes_goes_before_all_that_gives() {
        let mut world = World::new(Policy { server_name: "a".into(), bot: "@b:a".into(), ..Policy::default() });
        let (user, room, before) = (world.intern("@u:a"), RoomIx(0), Membership::Join);
        let edit = |lowers| PowerEdit { of: user.into(), before: Some(50), after: Some(10), lowers };
        let default = PowerEdit { of: LevelOf::Everybody, before: Some(75), after: Some(0), lowers: false };
        let levels = |edits: &[bool]| Change::SetPowerLevels { room, edits: edits.iter().copied().map(edit).collect() };
        let mut lane = [
            Change::CreateAccount { user },
            Change::LockAccount { user },
            Change::GrantServerAdmin { user },
            Change::RevokeServerAdmin { user },
            Change::Join { room, user, before },
            Change::Remove { room, user, before, ban: false },
            levels(&[false]),
            levels(&[false, true]),
            Change::SetPowerLevels { room, edits: [default].into() },
        ];
        lane.sort_by_key(Change::turn);
        assert_eq!(lane.iter().map(Change::takes).collect::<Vec<_>>(), [1, 1, 0, 1, 1, 0, 0, 0, 0]);
        let kinds: Vec<Kind> = lane.iter().skip(5).map(Change::kind).collect();
        assert_eq!(kinds, [Kind::CreateAccount, Kind::GrantServerAdmin, Kind::Join, Kind::SetPowerLevels]);
    }
}
