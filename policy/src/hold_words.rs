//! Why the guard holds something, in words: what it counted now, what it had counted before, and of how many.

use crate::plan::{Class, HoldReason};
use crate::world::World;

const HOUR: u64 = 3600;

impl HoldReason {
    /// The guard's reason.
    pub fn text(self, world: &World) -> String {
        let limits = &world.policy.guard;
        let counted = |class: Class, taken: u32, earlier: u32| match earlier {
            0 => class.taken(taken),
            _ => format!(
                "{} now and {earlier} earlier {}",
                class.taken(taken.saturating_sub(earlier)),
                window_words(limits.window_seconds)
            ),
        };
        let verb = |taken: u32| if taken == 1 { "is" } else { "are" };
        match self {
            Self::Total { class, taken, earlier } => format!(
                "{} {} more than guard.max_removals = {} in all",
                counted(class, taken, earlier),
                verb(taken),
                limits.max_removals
            ),
            Self::Fraction { class, taken, earlier, of } => {
                let (of_what, whole) = match class {
                    Class::ServerAdmins => ("admins", "them"),
                    Class::Accounts | Class::Profiles => ("accounts", "them"),
                    Class::Joins | Class::Removals | Class::PowerLevels | Class::RoomState => ("members", "the room"),
                };
                format!(
                    "{}, of {of} {of_what}, {} more than guard.max_fraction = {} of {whole} (and than guard.free_removals = {})",
                    counted(class, taken, earlier),
                    verb(taken),
                    limits.max_fraction,
                    limits.free_removals
                )
            }
            Self::EmptyRoster => "the roster answered no row at all".to_owned(),
            Self::EmptyTeam { team, renamed } => {
                let renamed = renamed.map_or_else(
                    || "perhaps it was renamed".to_owned(),
                    |now| format!("perhaps it is called {:?} now", world.names.text(now)),
                );
                format!("team {:?} has nobody any more: {renamed}", world.names.text(team))
            }
            Self::EmptyGroup => "a Cognito group that a selector names has nobody in it".to_owned(),
            Self::InDoubt => {
                "came or was raised by another hand while a source could not be believed, so nobody can say whether it was rightful"
                    .to_owned()
            }
            Self::Shown => "it was held before and nobody has approved it".to_owned(),
        }
    }
}

/// Since when the guard counts.
fn window_words(seconds: u64) -> String {
    let (count, unit) = match seconds {
        HOUR => return "this hour".to_owned(),
        _ if seconds.is_multiple_of(HOUR) => (seconds / HOUR, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    if count == 1 { format!("in the last {unit}") } else { format!("in the last {count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn what_was_taken_now_and_what_before_are_told_apart() {
        let mut world = World::new(Policy::default());
        let share = |taken, earlier| HoldReason::Fraction { class: Class::Removals, taken, earlier, of: 7 };
        assert_eq!(
            share(4, 1).text(&world),
            "3 removals now and 1 earlier this hour, of 7 members, are more than guard.max_fraction = 0.2 of the room (and than \
             guard.free_removals = 2)"
        );
        assert!(share(3, 0).text(&world).starts_with("3 removals, of 7 members, are more than"));
        assert!(share(2, 1).text(&world).starts_with("1 removal now and 1 earlier"));
        world.adjust(|policy| policy.guard.window_seconds = 600);
        let all = HoldReason::Total { class: Class::ServerAdmins, taken: 6, earlier: 5 };
        assert_eq!(
            all.text(&world),
            "1 admin revoked now and 5 earlier in the last 10 minutes are more than guard.max_removals = 5 in all"
        );
    }

    #[test]
    fn a_window_is_told_in_the_largest_unit_that_fits() {
        let words = [60, 90, 7200, 86_400].map(window_words);
        assert_eq!(
            words,
            ["in the last minute", "in the last 90 seconds", "in the last 2 hours", "in the last 24 hours"]
        );
    }
}
